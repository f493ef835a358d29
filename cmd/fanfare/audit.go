package main

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// An auditEntry as the API has it.
type auditEntry struct {
	Timestamp time.Time
	Actor     string
	Action    string
	Object    string
	Address   string
	Outcome   string
	Fields    []string
	Detail    string
}

func (a *auditEntry) row() []string {
	what := strings.Join(a.Fields, " ")
	if a.Detail != "" {
		what = strings.TrimSpace(what + " " + a.Detail)
	}
	return []string{stamp(a.Timestamp), a.Actor, a.Action, a.Object, a.Outcome, a.Address, what}
}

func auditCommand(e *env) *cobra.Command {
	var limit int
	var since, until, actor, object string
	verbs := e.atServer(
		verb{use: "list", short: "List who changed what, the newest first",
			example: "fanfare audit list --since 24h\nfanfare audit list --object ep_…",
			flags: func(flags *pflag.FlagSet) {
				limitFlag(&limit)(flags)
				flags.StringVar(&since, "since", "", "only from this time on, or from so long ago, such as 24h")
				flags.StringVar(&until, "until", "", "only from before this time, or from before so long ago")
				flags.StringVar(&actor, "actor", "", "only what this one did: admin, the id of a key or portal session, cli, or engine")
				flags.StringVar(&object, "object", "", "only what was done to this, or within this application: an id")
			},
			do: func(ctx context.Context, r *request) error {
				query := url.Values{}
				now := time.Now()
				for name, text := range map[string]string{"since": since, "until": until} {
					if text == "" {
						continue
					}
					t, err := timeOf(text, now)
					if err != nil {
						return err
					}
					query.Set(name, t.UTC().Format(time.RFC3339Nano))
				}
				for name, text := range map[string]string{"actor": actor, "object": object} {
					if text != "" {
						query.Set(name, text)
					}
				}
				return listing[auditEntry]{
					path: "/audit", query: query, limit: limit,
					headings: []string{"TIME", "WHO", "DID", "TO", "OUTCOME", "FROM", "WHAT"}, least: []string{"FROM", "WHAT"}, row: (*auditEntry).row,
				}.show(ctx, r)
			}},
	)
	return noun("audit", "The audit log: who changed what at the server, and who was refused", verbs...)
}
