package main

import (
	"cmp"
	"context"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A sealing is how a server seals its secrets, as the API has it.
type sealing struct {
	Key       string
	OldKeys   []string
	Left      int
	Resealing bool
	Next      string
	Lacking   []string
	Traces    bool
	Error     string
}

func (s *sealing) show(r *request) error {
	state := "all are sealed with this key"
	switch {
	case s.Error != "":
		state = "resealing has stopped: " + s.Error
	case s.Resealing:
		state = "being resealed: " + counted(s.Left, "record") + " left"
	case s.Traces:
		state = "sealed, but unused parts of the database file may hold what was stored before there was a key"
	case s.older():
		state = "all are sealed with this key, but a server of an older version may seal with another: " + strings.Join(s.Lacking, " and ")
	}
	next := s.Next
	switch {
	case next != "" && len(s.Lacking) > 0:
		next += ", which is not the first key yet of " + strings.Join(s.Lacking, " and ")
	case next != "":
		next += `, which every server has: "fanfare secrets rotate" has it seal`
	}
	return fields(r.out, "key", s.Key, "next", next, "still needed", strings.Join(s.OldKeys, " "), "secrets", state)
}

// older reports whether there are servers that do not say what they seal with.
func (s *sealing) older() bool { return s.Next == "" && len(s.Lacking) > 0 }

func secretsCommand(e *env) *cobra.Command {
	var keyFile, data string
	verbs := e.atServer(
		verb{use: "status", short: "Show which key the secrets in the server's database are sealed with",
			long: "Shows which key the secrets in the server's database are sealed with. Run where the\n" +
				"server's file of keys is, it also shows which line of it that key is, which lines are\n" +
				"still needed, and which may go.",
			example: "fanfare secrets status\nfanfare secrets status --data /var/lib/fanfare",
			flags: func(flags *pflag.FlagSet) {
				flags.StringVar(&data, "data", "fanfare-data", "the server's folder of data, which has "+secretsKeyFile)
				flags.StringVar(&keyFile, "secrets-key-file", "", "the server's file of keys, if it is another one")
			},
			do: func(ctx context.Context, r *request) error {
				return show(ctx, r, http.MethodGet, "/secrets-key", nil, func(s *sealing) error {
					if err := s.show(r); err != nil {
						return err
					}
					return s.showLines(r, cmp.Or(keyFile, filepath.Join(data, secretsKeyFile)), r.given("data") || r.given("secrets-key-file"))
				})
			}},
		verb{use: "rotate", short: "Seal the secrets with a new key, while the server runs",
			long: "Adds a new key to the server's file of keys, and seals the secrets in its database\n" +
				"with it, some at a time. The old keys stay in the file: copies of the database need\n" +
				"them. Copy the file again afterwards.\n\n" +
				"Of several servers on one database none makes a key for the others. Put a new one\n" +
				"(\"openssl rand -base64 32\" makes one) before the present one in the file, or in\n" +
				"FANFARE_SECRETS_KEY, of each, and start them again one after the other: the old one goes\n" +
				"on sealing. Then rotate, at any of them: the new one seals at all of them from that moment\n" +
				"on, and what the old one has sealed is resealed, some at a time. \"fanfare secrets status\"\n" +
				"shows how much is left, and which keys may go. If the server that does it is stopped,\n" +
				"rotate once more, or start it again: it goes on.",
			do: func(ctx context.Context, r *request) error {
				return show(ctx, r, http.MethodPost, "/secrets-key/rotate", nil, func(s *sealing) error { return s.show(r) })
			}},
	)
	return noun("secrets", "The key that the secrets in the server's database are sealed with", verbs...)
}
