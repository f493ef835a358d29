package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
)

// maxEndpoints bounds over how many endpoints newestAttempts looks: each costs a
// request.
const maxEndpoints = 250

// newestAttempts lists the newest attempts to all of an application's endpoints.
// The server has a list for each endpoint; this merges them.
func newestAttempts(ctx context.Context, r *request, query url.Values, limit int) error {
	endpoints, names, err := r.newestEndpoints(ctx)
	if err != nil {
		return err
	}
	n := &newest{limit: limit}
	for _, id := range endpoints[:min(len(endpoints), maxEndpoints)] {
		path, err := r.within(ctx, "attempt", "endpoint", id)
		if err != nil {
			return err
		}
		err = r.list(ctx, path, query, limit, n.add)
		query.Del("iterator") // of the list just read
		if err != nil && !errors.Is(err, errOlder) {
			return err
		}
	}
	if len(endpoints) > maxEndpoints {
		r.say("These are of the %d newest endpoints; for others say which with --endpoint.", maxEndpoints)
	}
	return attemptList("", nil, limit, "", names).print(r, func(each func(json.RawMessage) error) error {
		for _, a := range n.found {
			if err := each(a.text); err != nil {
				return err
			}
		}
		return nil
	})
}

// newestEndpoints are the ids of the application's endpoints, newest first, and one
// more than maxEndpoints at most, and their names.
func (r *request) newestEndpoints(ctx context.Context) (ids []string, names endpointNames, err error) {
	path, err := r.within(ctx, "endpoint")
	if err != nil {
		return nil, nil, err
	}
	names = make(endpointNames)
	err = r.list(ctx, path, nil, maxEndpoints+1, func(text json.RawMessage) error {
		var ep endpoint
		if err := json.Unmarshal(text, &ep); err != nil {
			return fmt.Errorf("%s does not answer as a Fanfare server does: %w", r.base, err)
		}
		ids = append(ids, ep.ID)
		names[ep.ID] = ep.UID
		return nil
	})
	return ids, names, err
}

// errOlder says that the rest of a list is older than what newest has.
var errOlder = errors.New("older than those found")

// newest keeps the newest attempts of those it is given, newest first.
type newest struct {
	limit int
	found []foundAttempt
}

// A foundAttempt is an attempt with the JSON it came as.
type foundAttempt struct {
	attempt
	text json.RawMessage
}

// add takes an attempt. It returns errOlder if that one, and so what follows it
// in its list, is too old to be among the newest.
func (n *newest) add(text json.RawMessage) error {
	a := foundAttempt{text: text}
	if err := json.Unmarshal(text, &a.attempt); err != nil {
		return fmt.Errorf("an attempt is not what a Fanfare server gives: %w", err)
	}
	at, _ := slices.BinarySearchFunc(n.found, a, func(x, y foundAttempt) int {
		return cmp.Or(y.Timestamp.Compare(x.Timestamp), cmp.Compare(y.ID, x.ID))
	})
	if at >= n.limit {
		return errOlder
	}
	n.found = slices.Insert(n.found, at, a)
	n.found = n.found[:min(len(n.found), n.limit)]
	return nil
}
