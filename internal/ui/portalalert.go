package ui

import (
	"net/http"
	"net/url"

	"github.com/fanfarehq/fanfare"
)

// alerts are whom the customer wants written to when an endpoint fails.
type alerts struct {
	Address field
	Was     string // the address when the form was opened
	Clashes []clash
	Mailed  bool // whoever runs this has set that up
}

// mayAlert reports whether the visitor says who is written to: that is of all endpoints,
// whatever their channels.
func (v *visit) mayAlert() bool {
	return v.may(fanfare.ManageEndpoint) && len(v.session.Channels) == 0
}

// An alertOut is who is written to at present.
type alertOut struct {
	AlertEmail string
	Mailed     bool
}

// alertsOwned are the alerts as the page has them, with what was wrong with the address.
func (v *visit) alertsOwned(told *refusal) (*alerts, error) {
	var now alertOut
	if err := v.read(&now, v.of("alert-email")); err != nil {
		return nil, err
	}
	a := &alerts{Was: now.AlertEmail, Mailed: now.Mailed, Address: field{
		Name: "alertEmail", Label: "E-mail address", Kind: "email", Value: now.AlertEmail, Hint: "One address. None if you leave it empty.",
	}}
	if told != nil {
		a.Was, a.Address.Value = v.said(wasField+"alertEmail"), v.said("alertEmail")
		a.Clashes = worded(told.Clashes, []field{a.Address})
		if a.Address.Problem = told.Fields["alertEmail"]; a.Address.Problem == "" {
			a.Address.Problem = told.Detail
		}
	}
	return a, nil
}

// saveAlert keeps whom to write to.
func saveAlert(v *visit) error {
	email := v.said("alertEmail")
	var changed []string
	err := inPeace(func() (err error) {
		var now alertOut
		tag, err := v.readTagged(&now, v.of("alert-email"))
		if err != nil {
			return err
		}
		var clashes []clash
		if changed, clashes = v.catchUp(alone("alertEmail"), url.Values{"alertEmail": {now.AlertEmail}}); len(clashes) > 0 {
			return clashing(clashes)
		}
		if len(changed) == 0 {
			return nil
		}
		return v.amend(http.MethodPut, v.of("alert-email"), tag, map[string]string{"alertEmail": email})
	})
	if told, ok := isRefused(err); ok && isWrong(told) {
		return v.showSelf(told.Status, selfSaid{alert: told})
	}
	switch word := v.savedOr("alert", changed); {
	case err != nil:
		return err
	case word == "alert" && email == "":
		return v.to("/settings", "noalert")
	default:
		return v.to("/settings", word)
	}
}
