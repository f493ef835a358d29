package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A delivery as the API has it: the endpoint, and how the message stands there.
type delivery struct {
	endpoint
	Status      int
	NextAttempt time.Time // if it waits
}

// deliveries reads those of the message that the first argument names.
func deliveries(ctx context.Context, r *request) ([]delivery, error) {
	path, err := r.atMessage(ctx, "endpoint")
	if err != nil {
		return nil, err
	}
	var ds []delivery
	query := url.Values{"expanded_statuses": {"true"}} // to tell what was cancelled from what was given up
	err = r.list(ctx, path, query, 10_000, func(text json.RawMessage) error {
		var d delivery
		if err := json.Unmarshal(text, &d); err != nil {
			return errors.New("the list of deliveries is not what a Fanfare server gives")
		}
		ds = append(ds, d)
		return nil
	})
	return ds, err
}

// stands is how the message stands at the endpoint, in words.
func (d *delivery) stands(now time.Time) string {
	switch {
	case d.Status == statusSuccess:
		return "delivered"
	case d.Status == statusFail:
		return "given up"
	case d.Status == statusCanceled:
		return "cancelled"
	case d.Disabled:
		return "waiting, while the endpoint is disabled"
	case d.Paused:
		return "waiting, while the endpoint is paused"
	case d.NextAttempt.After(now):
		return "waiting, again at " + stamp(d.NextAttempt)
	}
	return "waiting, to be sent now"
}

// showDeliveries shows the deliveries of the message that the first argument
// names, a line each.
func showDeliveries(ctx context.Context, r *request) error {
	ds, err := deliveries(ctx, r)
	if err != nil {
		return err
	}
	if len(ds) == 0 {
		r.say("No endpoint wanted it.")
		return nil
	}
	fmt.Fprintln(r.out)
	t := r.table("ENDPOINT", "STATE", "URL")
	now := time.Now()
	for _, d := range ds {
		t.row(cmp.Or(d.UID, d.ID), d.stands(now), d.to())
	}
	return r.flush(t)
}

// resend sends the message that the first argument names again: to the endpoint
// named, else to all where it did not succeed.
func resend(ctx context.Context, r *request, to string) error {
	endpoints := []string{to}
	if to == "" {
		var err error
		if endpoints, err = undelivered(ctx, r); err != nil {
			return err
		}
	}
	for _, id := range endpoints {
		path, err := r.atMessage(ctx, "endpoint", id, "resend")
		if err != nil {
			return err
		}
		text, err := r.call(ctx, http.MethodPost, path, nil, nil)
		if err != nil {
			return fmt.Errorf("to %s: %w", id, err)
		}
		if r.json && json.Valid(text) {
			if err := r.object(text); err != nil {
				return err
			}
		}
	}
	r.say("Message %s is sent to %s again; see %q.", r.args[0], strings.Join(endpoints, ", "), r.inApp("message attempts", r.args[0]))
	return nil
}

// undelivered are the endpoints where the message did not succeed, or has not yet.
func undelivered(ctx context.Context, r *request) ([]string, error) {
	ds, err := deliveries(ctx, r)
	if err != nil {
		return nil, err
	}
	if len(ds) == 0 {
		return nil, errors.New("no endpoint wanted the message; say with --endpoint where to send it all the same")
	}
	var ids []string
	for _, d := range ds {
		if d.Status != statusSuccess {
			ids = append(ids, cmp.Or(d.UID, d.ID))
		}
	}
	if ids == nil {
		return nil, fmt.Errorf("the message was delivered to every endpoint that wanted it; to send it again say to which with --endpoint, such as --endpoint %s", cmp.Or(ds[0].UID, ds[0].ID))
	}
	return ids, nil
}
