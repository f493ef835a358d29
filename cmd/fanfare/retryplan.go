package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fanfarehq/fanfare"
)

// A retryPlan is when the attempts at a delivery are made, if all of them fail at
// once. Times are in seconds, as in the API.
type retryPlan struct {
	Preset   string           `json:"preset,omitempty"`
	Source   string           `json:"source,omitempty"` // whose setting it is, where it is an endpoint's
	Attempts []plannedAttempt `json:"attempts"`
	Total    float64          `json:"total"`
}

type plannedAttempt struct {
	Attempt int     `json:"attempt"`
	Delay   float64 `json:"delay"` // since the one before
	After   float64 `json:"after"` // since the first
}

func retryPlanCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "retry-plan",
		Short: "Show when a delivery that fails is tried again",
		Long: "Shows when a delivery that fails is tried again, attempt by attempt. A server moves every\n" +
			"delay by up to a fifth either way, so that not all retries come at once.",
		Example: "fanfare retry-plan --preset stripe-2017\nfanfare retry-plan --delays 5s,5m,1h --json\nfanfare retry-plan --delays \"n^4+5 x24\"\n" +
			"fanfare retry-plan --endpoint ep_… --type record.created",
		Args: takes,
	}
	preset := cmd.Flags().String("preset", "standard", "one of "+strings.Join(fanfare.RetryPresets, ", "))
	delays := cmd.Flags().String("delays", "", "delays of your own, such as 5s,5m,1h, or a formula and how often, such as \"n^4+5 x24\": seconds after attempt n")
	ep := cmd.Flags().String("endpoint", "", "ask the server for the plan of this endpoint, for messages of --type")
	eventType := cmd.Flags().String("type", "", "type of the message, with --endpoint")
	connect := e.clientAppFlags(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		given := cmd.Flags().Changed
		if given("preset") && given("delays") {
			return usagef("--preset is given, and --delays too; leave one out")
		}
		if *ep != "" {
			return showEndpointPlan(cmd, e, connect, *ep, *eventType, *asJSON)
		}
		if *eventType != "" {
			return usagef("--type is for --endpoint, which is not given")
		}
		schedule := fanfare.Retry{Preset: *preset}
		if given("delays") {
			var err error
			if schedule.Delays, err = formulaDelays(*delays); err == nil && schedule.Delays == nil {
				schedule.Delays, err = readDelays(*delays)
			}
			if err != nil {
				return err
			}
			schedule.Preset = ""
		} else if !slices.Contains(fanfare.RetryPresets, *preset) {
			return usagef("there is no preset %q; take one of %s, or give --delays", *preset, strings.Join(fanfare.RetryPresets, ", "))
		}
		plan, err := planOf(schedule)
		if err != nil {
			return err
		}
		return plan.print(e, *asJSON)
	}
	return cmd
}

// showEndpointPlan shows the plan that is in force for an endpoint and an event type.
func showEndpointPlan(cmd *cobra.Command, e *env, connect func() (*client, error), ep, eventType string, asJSON bool) error {
	if cmd.Flags().Changed("preset") || cmd.Flags().Changed("delays") {
		return usagef("--endpoint is given, and a plan too; leave one out")
	}
	if eventType == "" {
		return usagef("say the type of the message with --type, such as record.created: plans may differ by it")
	}
	c, err := connect()
	if err != nil {
		return err
	}
	plan, err := planOfEndpoint(cmd.Context(), c, ep, eventType)
	if err != nil {
		return err
	}
	return plan.print(e, asJSON)
}

func (p *retryPlan) print(e *env, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(e.stdout).Encode(p)
	}
	return p.show(e)
}

// readDelays reads delays separated by commas.
func readDelays(text string) ([]time.Duration, error) {
	var delays []time.Duration
	for part := range strings.SplitSeq(text, ",") {
		d, err := time.ParseDuration(strings.TrimSpace(part))
		if err != nil {
			return nil, usagef("--delays: %q is not a time such as 5s, 5m or 1h", part)
		}
		delays = append(delays, d)
	}
	return delays, nil
}

func planOf(schedule fanfare.Retry) (*retryPlan, error) {
	delays, err := schedule.Plan()
	var invalid *fanfare.InvalidError
	if errors.As(err, &invalid) {
		return nil, usagef("--delays: %s", invalid.Reason)
	}
	if err != nil {
		return nil, err
	}
	plan := &retryPlan{Preset: schedule.Preset, Attempts: []plannedAttempt{{Attempt: 1}}}
	for i, delay := range delays {
		plan.Total += delay.Seconds()
		plan.Attempts = append(plan.Attempts, plannedAttempt{Attempt: i + 2, Delay: delay.Seconds(), After: plan.Total})
	}
	return plan, nil
}

func (p *retryPlan) show(e *env) error {
	t := newTable(e.stdout, "ATTEMPT", "DELAY", "AFTER THE FIRST")
	for _, a := range p.Attempts {
		t.row(fmt.Sprint(a.Attempt), span(a.Delay), span(a.After))
	}
	if _, err := t.Flush(); err != nil {
		return err
	}
	total := span(p.Total)
	if days := p.Total / (24 * 60 * 60); days >= 1 {
		total += fmt.Sprintf(" (%.1f days)", days)
	}
	if _, err := fmt.Fprintf(e.stdout, "\n%s in %s\n", attempts(len(p.Attempts)), total); err != nil || p.Source == "" {
		return err
	}
	_, err := fmt.Fprintf(e.stdout, "%s, as the %s has it\n", cmp.Or(p.Preset, "a plan of its own"), p.Source)
	return err
}

func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}
