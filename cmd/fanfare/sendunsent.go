package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// unsent are the endpoints that a message was not sent to, the first of them, as the API
// has them.
type unsent struct {
	Data []missed
	More int
}

type missed struct {
	ID  string `json:"id"`
	UID string `json:"uid,omitempty"`
	Why string `json:"why"`
}

// readUnsent reads those of the message that the first argument names. A server that knows
// nothing of that is no fault: the message was sent.
func (r *request) readUnsent(ctx context.Context) (*unsent, error) {
	path, err := r.atMessage(ctx, "unsent")
	if err != nil {
		return nil, err
	}
	u := &unsent{}
	_, err = r.call(ctx, http.MethodGet, path, nil, u)
	refused, ok := errors.AsType[*apiError](err)
	switch {
	case ok && refused.Status < 500:
		r.say("The server does not tell whom it was not sent to: %v", err)
		return &unsent{}, nil
	case err != nil:
		return nil, err
	}
	return u, nil
}

// show says of each why not.
func (u *unsent) show(r *request) error {
	if len(u.Data) == 0 {
		return nil
	}
	if r.json {
		text, err := json.Marshal(map[string]any{"unsent": u.Data, "more": u.More})
		if err != nil {
			return err
		}
		return r.object(text)
	}
	t := r.table("NOT SENT TO", "WHY")
	t.whole = true // half a reason is none
	for _, one := range u.Data {
		t.row(cmp.Or(one.UID, one.ID), one.Why)
	}
	err := r.flush(t)
	if err == nil && u.More > 0 {
		r.say("It was not sent to %s either.", counted(u.More, "other endpoint"))
	}
	return err
}

// why says why an endpoint, by id or uid, was not sent the message; "" if that is not
// known.
func (u *unsent) why(endpoint string) string {
	for _, one := range u.Data {
		if one.ID == endpoint || one.UID == endpoint {
			return one.Why
		}
	}
	return ""
}
