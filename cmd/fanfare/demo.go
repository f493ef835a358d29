package main

import (
	"github.com/spf13/cobra"

	"github.com/fanfarehq/fanfare/examples/agency"
	"github.com/fanfarehq/fanfare/examples/bookshop"
	"github.com/fanfarehq/fanfare/examples/button"
	"github.com/fanfarehq/fanfare/examples/geobooze"
	"github.com/fanfarehq/fanfare/examples/leads"
	"github.com/fanfarehq/fanfare/examples/share"
	"github.com/fanfarehq/fanfare/examples/stage"
	"github.com/fanfarehq/fanfare/examples/weather"
)

// demos is the table of the programs in examples that are played here too.
var demos = []func() *stage.Program{
	button.Demo,
	agency.Demo,
	leads.Demo,
	bookshop.Demo,
	geobooze.Demo,
	weather.Demo,
	share.Demo,
}

func demoCommand(e *env) *cobra.Command {
	cmds := []*cobra.Command{randomCommand(e)}
	for _, demo := range demos {
		cmds = append(cmds, playCommand(e, demo()))
	}
	return noun("demo", "See webhooks at work, in one process", cmds...)
}

// playCommand plays p in this process, on this machine alone.
func playCommand(e *env, p *stage.Program) *cobra.Command {
	cmd := &cobra.Command{
		Use: p.Name, Short: p.Short, Long: p.Long, Args: takes,
		Example: "fanfare demo " + p.Name + "\nfanfare demo " + p.Name + " --once --json",
	}
	opt := &stage.Options{Words: e.stderr, Getenv: e.getenv}
	cmd.Flags().AddGoFlagSet(p.AllFlags(opt))
	asJSON := cmd.Flags().Bool("json", false, "print what was seen as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err := p.Checked(opt); err != nil {
			return usageError{err}
		}
		return p.Perform(cmd.Context(), opt, e.stdout, *asJSON)
	}
	return cmd
}
