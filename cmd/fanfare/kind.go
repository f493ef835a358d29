package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/spf13/cobra"
)

// A kind of endpoint as the API has it.
type kind struct {
	Kind    string
	About   string
	Config  json.RawMessage // an example
	Secrets []string
}

func kindCommand(e *env) *cobra.Command {
	verbs := e.atServer(
		verb{use: "list", short: "List the kinds of endpoints there are beside webhooks",
			example: "fanfare kind list\nfanfare endpoint create --kind slack --config @slack.json",
			do: func(ctx context.Context, r *request) error {
				return listing[kind]{
					headings: []string{"KIND", "ABOUT", "EXAMPLE OF A CONFIG"}, least: []string{"EXAMPLE OF A CONFIG"},
					row: func(k *kind) []string { return []string{k.Kind, k.About, string(k.Config)} },
				}.print(r, func(each func(json.RawMessage) error) error {
					all, err := r.kinds(ctx)
					for _, text := range all {
						err = errors.Join(err, each(text))
					}
					return err
				})
			}},
		verb{use: "get KIND", short: "Show what a kind of endpoint does, and an example of its config",
			example: "fanfare kind get slack",
			do: func(ctx context.Context, r *request) error {
				all, err := r.kinds(ctx)
				if err != nil {
					return err
				}
				for _, text := range all {
					var k kind
					if err := json.Unmarshal(text, &k); err != nil {
						return err
					}
					switch {
					case k.Kind != r.args[0]:
					case r.json:
						return r.object(text)
					default:
						return fields(r.out, "kind", k.Kind, "about", k.About, "example of a config", string(k.Config), "secrets of it", strings.Join(k.Secrets, ", "))
					}
				}
				return fmt.Errorf("there is no kind %q; %q names them", r.args[0], r.atServer("kind list"))
			}},
	)
	return noun("kind", "Kinds of endpoints beside webhooks, such as a chat", verbs...)
}

// kinds reads them all.
func (r *request) kinds(ctx context.Context) ([]json.RawMessage, error) {
	var all struct{ Data []json.RawMessage }
	_, err := r.call(ctx, http.MethodGet, "/kind", nil, &all)
	return all.Data, err
}
