package storetest

import (
	"slices"

	"github.com/fanfarehq/fanfare"
)

func cloneAuth(a fanfare.Auth) fanfare.Auth {
	if a.Basic != nil {
		a.Basic = new(*a.Basic)
	}
	if a.Bearer != nil {
		a.Bearer = new(*a.Bearer)
	}
	if a.OAuth2 != nil {
		a.OAuth2 = new(*a.OAuth2)
		a.OAuth2.Scopes = slices.Clone(a.OAuth2.Scopes)
	}
	return a
}
