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
	Resealing bool
	Traces    bool
	Error     string
}

func (s *sealing) show(r *request) error {
	state := "all are sealed with this key"
	switch {
	case s.Error != "":
		state = "resealing has stopped: " + s.Error
	case s.Resealing:
		state = "being resealed"
	case s.Traces:
		state = "sealed, but unused parts of the database file may hold what was stored before there was a key"
	}
	return fields(r.out, "key", s.Key, "still needed", strings.Join(s.OldKeys, " "), "secrets", state)
}

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
				"them. Copy the file again afterwards.",
			do: func(ctx context.Context, r *request) error {
				return show(ctx, r, http.MethodPost, "/secrets-key/rotate", nil, func(s *sealing) error { return s.show(r) })
			}},
	)
	return noun("secrets", "The key that the secrets in the server's database are sealed with", verbs...)
}
