package main

import (
	"context"

	"github.com/spf13/cobra"
)

func importCommand(e *env) *cobra.Command {
	s := applySettings{createOnly: true}
	return e.atServer(verb{
		use: "import", short: "Create what files have and a server does not",
		long: "Creates the applications, endpoints and event types of a file that are not there. What\n" +
			"is there stays as it is, however it differs: to change that too, use \"fanfare apply\", whose\n" +
			"help also says what a file looks like.",
		example: "fanfare import -f fanfare.yaml\nfanfare export --app acme --server https://old.example | fanfare import -f - --yes",
		flags:   s.flags,
		do:      func(ctx context.Context, r *request) error { return apply(ctx, e, r, &s) },
	})[0]
}
