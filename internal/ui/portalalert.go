package ui

import (
	"net/http"

	"github.com/fanfarehq/fanfare"
)

// alerts are whom the customer wants written to when an endpoint fails.
type alerts struct {
	Address field
	Mailed  bool // whoever runs this has set that up
}

// mayAlert reports whether the visitor says who is written to: that is of all endpoints,
// whatever their channels.
func (v *visit) mayAlert() bool {
	return v.may(fanfare.ManageEndpoint) && len(v.session.Channels) == 0
}

// alertsOwned are the alerts as the page has them, with what was wrong with the address.
func (v *visit) alertsOwned(told *refusal) (*alerts, error) {
	var out struct {
		AlertEmail string
		Mailed     bool
	}
	if err := v.read(&out, v.of("alert-email")); err != nil {
		return nil, err
	}
	a := &alerts{Mailed: out.Mailed, Address: field{
		Name: "alertEmail", Label: "E-mail address", Kind: "email", Value: out.AlertEmail, Hint: "One address. None if you leave it empty.",
	}}
	if told != nil {
		a.Address.Value = v.said("alertEmail")
		if a.Address.Problem = told.Fields["alertEmail"]; a.Address.Problem == "" {
			a.Address.Problem = told.Detail
		}
	}
	return a, nil
}

// saveAlert keeps whom to write to.
func saveAlert(v *visit) error {
	email := v.said("alertEmail")
	err := v.ask(http.MethodPut, v.of("alert-email"), nil, map[string]string{"alertEmail": email}, nil)
	if told, ok := isRefused(err); ok && isWrong(told) {
		return v.showSelf(told.Status, selfSaid{alert: told})
	}
	if err != nil {
		return err
	}
	if email == "" {
		return v.to("/settings", "noalert")
	}
	return v.to("/settings", "alert")
}
