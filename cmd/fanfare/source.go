package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// A source as the API has it.
type sourceShown struct {
	ID          string
	UID         string
	Name        string
	Description string
	Profile     string
	HMAC        *webhook.HMAC
	URL         string
	OldURLUntil time.Time
	PublicURL   string
	Filter      string
	EventType   string
	Dedupe      string
	Response    *fanfare.SourceResponse
	RateLimit   int
	Disabled    bool
	CreatedAt   time.Time
}

func (s *sourceShown) state() string {
	if s.Disabled {
		return "disabled"
	}
	return "enabled"
}

func (s *sourceShown) show(r *request) error {
	custom, old := "", ""
	if s.HMAC != nil {
		custom = strings.Join(slices.DeleteFunc([]string{s.HMAC.Header, s.HMAC.Algorithm, s.HMAC.Encoding, s.HMAC.Prefix}, func(part string) bool { return part == "" }), " ")
	}
	if !s.OldURLUntil.IsZero() {
		old = "good until " + stamp(s.OldURLUntil)
	}
	response := ""
	if s.Response != nil {
		response = s.Response.Body
	}
	return fields(r.out, "id", s.ID, "uid", s.UID, "name", s.Name, "description", s.Description, "state", s.state(), "profile", s.Profile, "hmac", custom,
		"url", s.URL, "old url", old, "public url", s.PublicURL, "filter", s.Filter, "event type", s.EventType, "dedupe", s.Dedupe,
		"response", response, "rate limit", perSecond(s.RateLimit), "created", stamp(s.CreatedAt))
}

// sourceSettings are the flags that describe a source.
type sourceSettings struct {
	uid, name, description string
	profile, secret        string
	header, algorithm      string
	encoding, prefix       string
	publicURL, filter, as  string
	dedupe, response       string
	status, rate           int
	disabled               bool
}

func (s *sourceSettings) flags(flags *pflag.FlagSet) {
	flags.StringVar(&s.uid, "uid", "", "your own name for it, which may stand wherever its id may")
	flags.StringVar(&s.name, "name", "", "for people, and in the event type source.NAME; its uid or profile unless told")
	flags.StringVar(&s.description, "description", "", "what it is for")
	flags.StringVar(&s.profile, "profile", "", "how requests are verified: "+strings.Join(fanfare.SourceProfiles(), ", "))
	flags.StringVar(&s.header, "hmac-header", "", "of the profile hmac: the header with the signature, such as X-Signature")
	flags.StringVar(&s.algorithm, "hmac-algorithm", "sha256", "of the profile hmac: sha256, sha1 or sha512")
	flags.StringVar(&s.encoding, "hmac-encoding", "hex", "of the profile hmac: hex or base64")
	flags.StringVar(&s.prefix, "hmac-prefix", "", "of the profile hmac: what stands before the signature, such as sha256=")
	flags.StringVar(&s.publicURL, "url", "", "its address as the sender knows it, if it is another; mandrill and twilio sign that")
	flags.StringVar(&s.filter, "filter", "", `expression that a message has to match to be kept, such as "payload.action == 'opened'"`)
	flags.StringVar(&s.as, "event-type", "", `event type of its messages, or a template for it, such as "crm.{{payload.kind}}"; what the profile makes it unless told`)
	flags.StringVar(&s.dedupe, "dedupe", "", "what a request is known by when it comes again: header:NAME, body or off; what the profile has unless told")
	flags.StringVar(&s.response, "response", "", `what senders are answered, a template such as '{"text":"Heard {{payload.user_name}}"}'`)
	flags.IntVar(&s.status, "response-status", 0, "status that they are answered, 200 to 299; 0: what suits the profile")
	flags.IntVar(&s.rate, "rate-limit", 0, "requests taken a second at most; 0: no limit")
	flags.BoolVar(&s.disabled, "disabled", false, "take nothing, and answer 410")
}

// body is what the flags that were given ask of the API.
func (s *sourceSettings) body(r *request) map[string]any {
	body := make(map[string]any)
	put := func(flag, name string, value any) {
		if r.given(flag) {
			body[name] = value
		}
	}
	put("uid", "uid", orNull(s.uid))
	put("name", "name", orNull(s.name))
	put("description", "description", s.description)
	put("profile", "profile", s.profile)
	put("secret", "secret", s.secret)
	put("url", "publicUrl", orNull(s.publicURL))
	put("filter", "filter", orNull(s.filter))
	put("event-type", "eventType", orNull(s.as))
	put("dedupe", "dedupe", orNull(s.dedupe))
	put("rate-limit", "rateLimit", s.rate)
	put("disabled", "disabled", s.disabled)
	if r.given("hmac-header") || r.given("hmac-algorithm") || r.given("hmac-encoding") || r.given("hmac-prefix") {
		body["hmac"] = map[string]any{"header": s.header, "algorithm": s.algorithm, "encoding": s.encoding, "prefix": s.prefix}
	}
	if r.given("response") || r.given("response-status") {
		body["response"] = map[string]any{"status": s.status, "body": s.response}
	}
	return body
}

// chosen are the profiles whose secrets the receiver makes up: the others' are given out
// by their service.
var chosen = []webhook.Profile{webhook.GitHub, webhook.Basic, webhook.BodyToken, webhook.Query, webhook.RESTHooks, webhook.Standard, fanfare.ProfileHMAC}

func sourceCommand(e *env) *cobra.Command {
	verbs := append(sourceVerbs(e), sourceStateVerbs(e)...)
	return noun("source", "Sources: where other people's webhooks come in", append(verbs, sourceSendVerb(e)...)...)
}

// atSource is the path of the source that the first argument names, or of something
// below it.
func (r *request) atSource(ctx context.Context, below ...string) (string, error) {
	return r.within(ctx, append([]string{"source", r.args[0]}, below...)...)
}

func (r *request) showSource(ctx context.Context, method, path string, in any) error {
	return show(ctx, r, method, path, in, func(s *sourceShown) error { return s.show(r) })
}

const createSource = "fanfare source create --profile github --uid github"

func sourceVerbs(e *env) []*cobra.Command {
	var limit int
	var s sourceSettings
	return e.inApp(
		verb{use: "list", short: "List sources", flags: limitFlag(&limit),
			do: func(ctx context.Context, r *request) error {
				path, err := r.within(ctx, "source")
				if err != nil {
					return err
				}
				return listing[sourceShown]{
					path: path, limit: limit,
					headings: []string{"ID", "UID", "NAME", "PROFILE", "URL", "STATE"},
					least:    []string{"NAME", "UID"},
					row: func(s *sourceShown) []string {
						return []string{s.ID, s.UID, s.Name, s.Profile, s.URL, s.state()}
					},
				}.show(ctx, r)
			}},
		verb{use: "get SOURCE", short: "Show a source",
			do: func(ctx context.Context, r *request) error {
				path, err := r.atSource(ctx)
				if err != nil {
					return err
				}
				return r.showSource(ctx, http.MethodGet, path, nil)
			}},
		verb{use: "create", short: "Add a source: an address for somebody else's webhooks",
			long: "Adds a source, and shows its address and what to do with it. What arrives there is\n" +
				"verified as the profile says, and becomes messages of the application.",
			example: createSource + "\nfanfare source create --profile stripe --secret whsec_… --filter 'payload.livemode'\n" +
				"fanfare source create --profile hmac --hmac-header X-Signature --name crm",
			flags: func(flags *pflag.FlagSet) {
				s.flags(flags)
				flags.StringVar(&s.secret, "secret", "", "what the sender signs with, or sends; where you may choose it, one is made otherwise, and shown once")
			},
			do: func(ctx context.Context, r *request) error {
				if s.profile == "" {
					return usagef("say how requests are verified, as in %q; the profiles are %s", createSource, strings.Join(fanfare.SourceProfiles(), ", "))
				}
				body := s.body(r)
				made := ""
				if !r.given("secret") && slices.Contains(chosen, webhook.Profile(s.profile)) {
					made = webhook.Profile(s.profile).GenerateSecret()
					body["secret"] = made
				}
				path, err := r.within(ctx, "source")
				if err != nil {
					return err
				}
				if err := r.showSource(ctx, http.MethodPost, path, body); err != nil {
					return err
				}
				if made != "" {
					r.say("Its secret, which is not shown again: %s", made)
				}
				if words := fanfare.WhereToPaste(s.profile); words != "" {
					r.say("%s", words)
				}
				return nil
			}},
		verb{use: "update SOURCE", short: "Change a source",
			long:    "Changes what the flags say of a source, and nothing else.",
			example: "fanfare source update github --filter \"payload.action == 'opened'\"",
			flags: func(flags *pflag.FlagSet) {
				s.flags(flags)
				flags.StringVar(&s.secret, "secret", "", "a new secret; those before it verify beside it for 24 hours")
			},
			do: func(ctx context.Context, r *request) error {
				path, err := r.atSource(ctx)
				if err != nil {
					return err
				}
				return r.showSource(ctx, http.MethodPatch, path, s.body(r))
			}},
		verb{use: "delete SOURCE", short: "Delete a source; the messages that came by it stay", loses: losesSource,
			do: func(ctx context.Context, r *request) error {
				path, err := r.atSource(ctx)
				if err != nil {
					return err
				}
				if _, err := r.call(ctx, http.MethodDelete, path, nil, nil); err != nil {
					return err
				}
				r.say("Source %s is gone.", r.args[0])
				return nil
			}},
	)
}

func losesSource(ctx context.Context, r *request) (string, error) {
	var s sourceShown
	path, err := r.atSource(ctx)
	if err == nil {
		_, err = r.call(ctx, http.MethodGet, path, nil, &s)
	}
	return "Whoever sends to source " + r.args[0] + " (" + s.Name + ") is answered 404 from now on", err
}
