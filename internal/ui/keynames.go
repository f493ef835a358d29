package ui

import (
	"errors"
	"strings"

	"github.com/fanfarehq/fanfare"
)

// keyNames returns a function that finds what API keys are called, each once; what is not
// the id of one that there is stays as it is.
func (v *visit) keyNames() func(id string) (string, error) {
	known := map[string]string{}
	var called func(id string) (string, error)
	called = func(id string) (string, error) {
		if name, ok := known[id]; ok {
			return name, nil
		}
		if !strings.HasPrefix(id, "key_") {
			return id, nil
		}
		known[id] = id // also for one whose name should lead back to it
		k, err := v.hub.Key(v.r.Context(), fanfare.KeyID(id))
		if errors.Is(err, fanfare.ErrNotFound) {
			return id, nil
		}
		if err != nil {
			return "", err
		}
		name := k.Name
		if who, is := strings.CutPrefix(k.Name, loginOf); is {
			if name, err = called(who); err != nil {
				return "", err
			}
			name += ", in the console"
		}
		if name != "" {
			known[id] = name
		}
		return known[id], nil
	}
	return called
}

// nameRows says in rows of the audit log what keys and applications are called.
func (v *visit) nameRows(rows []auditRow) error {
	keys, apps := v.keyNames(), v.names()
	for i := range rows {
		r := &rows[i]
		var err error
		if r.ActorName, err = keys(r.Actor); err != nil {
			return err
		}
		if r.Application != "" {
			if r.AppName, err = apps(fanfare.ApplicationID(r.Application)); err != nil {
				return err
			}
		}
		if by, is := strings.CutPrefix(r.Detail, "by "); is {
			if by, err = keys(by); err != nil {
				return err
			}
			r.Detail = "by " + by
		}
	}
	return nil
}
