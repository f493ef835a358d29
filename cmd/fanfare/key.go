package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// An apiKey as the API has it.
type apiKey struct {
	ID          string
	Name        string
	Scopes      []string
	Application string
	Channels    []string
	Portal      bool // made there
	CreatedAt   time.Time
	ExpiresAt   time.Time
	LastUsedAt  time.Time
	Token       string // when it was made now
}

// state says in a word whether the key opens anything.
func (k *apiKey) state(now time.Time) string {
	switch {
	case k.ExpiresAt.IsZero():
		return "never"
	case !now.Before(k.ExpiresAt):
		return "expired " + stamp(k.ExpiresAt)
	}
	return stamp(k.ExpiresAt)
}

// show prints a key that was made. The secret stands alone on stdout, so that it
// can be piped to where it is kept.
func (k *apiKey) show(r *request) error {
	within := ""
	if len(k.Channels) > 0 {
		within = " in the channels " + strings.Join(k.Channels, ", ")
	}
	r.say("Key %s (%s) may do: %s%s. It is shown this once: keep it.", k.ID, k.Name, strings.Join(k.Scopes, ", "), within)
	_, err := r.out.Write([]byte(printable(k.Token) + "\n"))
	return err
}

func keyCommand(e *env) *cobra.Command {
	var limit int
	var name, app, expires string
	var scopes, channels []string
	const create = "fanfare key create billing --scope messages:write"
	verbs := e.atServer(
		verb{use: "list", short: "List API keys", flags: limitFlag(&limit),
			do: func(ctx context.Context, r *request) error {
				return listing[apiKey]{
					path: "/api-key", limit: limit,
					headings: []string{"ID", "NAME", "SCOPES", "APPLICATION", "CHANNELS", "LAST USED", "EXPIRES"},
					least:    []string{"LAST USED", "EXPIRES", "CHANNELS", "APPLICATION"},
					row: func(k *apiKey) []string {
						of := orWord(k.Application, "all")
						if k.Portal {
							of += " (portal)"
						}
						return []string{k.ID, k.Name, strings.Join(k.Scopes, ","), of, orWord(strings.Join(k.Channels, ","), "all"), orWord(stamp(k.LastUsedAt), "never"), k.state(time.Now())}
					},
				}.show(ctx, r)
			}},
		verb{use: "create [NAME]", short: "Make an API key", example: create + "\nfanfare key create acme --scope endpoints:read,messages:read --app acme --expires 720h\nfanfare key create eu-billing --scope messages:write --channel eu",
			long: "Makes an API key and prints it, once: the server keeps no more than a hash of it.\n\n" +
				"Scopes: admin, applications:read, applications:write, endpoints:read,\n" +
				"endpoints:write, event-types:read, event-types:write, messages:read,\n" +
				"messages:write, portal. Each stands by itself: one that lets write does not let\n" +
				"read. admin is all of them.",
			flags: func(flags *pflag.FlagSet) {
				flags.StringVar(&name, "name", "", "who uses it")
				flags.StringSliceVar(&scopes, "scope", nil, "what it may do; repeatable")
				flags.StringVarP(&app, "app", "a", "", "id or uid of the only application that it opens anything of")
				flags.StringSliceVar(&channels, "channel", nil, "the only channels that it is let into; repeatable; all unless told")
				flags.StringVar(&expires, "expires", "", "when it ends: 2027-01-31T12:00:00Z, or from now on, such as 720h")
			},
			do: func(ctx context.Context, r *request) (err error) {
				body := map[string]any{"scopes": scopes}
				if body["name"], err = r.named("name", name, create); err != nil {
					return err
				}
				if len(scopes) == 0 {
					return usagef("say what the key may do, as in %q", create)
				}
				if app != "" {
					body["application"] = app
				}
				if len(channels) > 0 {
					body["channels"] = channels
				}
				if expires != "" {
					if body["expiresAt"], err = endOf(expires, time.Now()); err != nil {
						return err
					}
				}
				return show(ctx, r, http.MethodPost, "/api-key", body, func(k *apiKey) error { return k.show(r) })
			}},
		verb{use: "revoke KEY", short: "Revoke an API key, at once", loses: losesKey, example: "fanfare key revoke key_01JCQ4E2M07000G00000000004",
			do: func(ctx context.Context, r *request) error {
				if _, err := r.call(ctx, http.MethodDelete, route("api-key", r.args[0]), nil, nil); err != nil {
					return err
				}
				r.say("Key %s opens nothing any more.", r.args[0])
				return nil
			}},
	)
	return noun("key", "API keys: what programs may do", verbs...)
}

// endOf reads a time to come: RFC 3339, or from now on, such as 720h.
func endOf(text string, now time.Time) (time.Time, error) {
	if in, err := time.ParseDuration(text); err == nil && in > 0 {
		return now.Add(in), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, usagef("%q is not a time such as 2027-01-31T12:00:00Z, or how long from now, such as 720h", text)
	}
	return t, nil
}

// orWord is a word in place of nothing.
func orWord(text, word string) string {
	if text == "" {
		return word
	}
	return text
}
