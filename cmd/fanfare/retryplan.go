package main

import (
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
		Example: "fanfare retry-plan --preset stripe-2017\nfanfare retry-plan --delays 5s,5m,1h --json",
		Args:    takes,
	}
	preset := cmd.Flags().String("preset", "standard", "one of "+strings.Join(fanfare.RetryPresets, ", "))
	delays := cmd.Flags().String("delays", "", "delays of your own, such as 5s,5m,1h")
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		given := cmd.Flags().Changed
		if given("preset") && given("delays") {
			return usagef("--preset is given, and --delays too; leave one out")
		}
		schedule := fanfare.Retry{Preset: *preset}
		if given("delays") {
			var err error
			if schedule.Delays, err = readDelays(*delays); err != nil {
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
		if *asJSON {
			return json.NewEncoder(e.stdout).Encode(plan)
		}
		return plan.show(e)
	}
	return cmd
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
	if err := t.Flush(); err != nil {
		return err
	}
	total := span(p.Total)
	if days := p.Total / (24 * 60 * 60); days >= 1 {
		total += fmt.Sprintf(" (%.1f days)", days)
	}
	_, err := fmt.Fprintf(e.stdout, "\n%s in %s\n", attempts(len(p.Attempts)), total)
	return err
}

func attempts(n int) string {
	if n == 1 {
		return "1 attempt"
	}
	return fmt.Sprintf("%d attempts", n)
}
