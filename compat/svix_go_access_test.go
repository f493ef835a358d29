package compat

import (
	"net/http"
	"strings"
	"testing"

	svix "github.com/svix/svix-webhooks/go"
)

// access begins portal sessions, uses one with a client of its own, and ends it.
func (s *goSession) access(t *testing.T) {
	ctx, auth := t.Context(), s.client.Authentication
	in := &svix.AppPortalAccessIn{Application: &svix.ApplicationIn{Name: "Portal"}}
	begun := ok[*svix.AppPortalAccessOut](t)(auth.AppPortalAccess(ctx, "go-portal", in))
	if !strings.HasPrefix(begun.Url, s.server.url+"/portal#key=") || !strings.HasSuffix(begun.Url, begun.Token) {
		t.Errorf("the portal is at %s, its token is %s", begun.Url, begun.Token)
	}
	key := "go-portal"
	short := &svix.AppPortalAccessIn{Expiry: new(int32(3600)), ReadOnly: new(true)}
	reads := ok[*svix.AppPortalAccessOut](t)(auth.AppPortalAccessWithOptions(ctx, "go-portal", short, &svix.PostOptions{IdempotencyKey: &key}))
	_, err := auth.AppPortalAccess(ctx, "go-nobody", &svix.AppPortalAccessIn{})
	refused(t, err, http.StatusNotFound, `"not_found"`)

	portal, reader := s.connect(t, begun.Token), s.connect(t, reads.Token)
	ep := ok[*svix.EndpointOut](t)(portal.Endpoint.Create(ctx, "go-portal", &svix.EndpointIn{Url: "http://127.0.0.1:8999/portal"}))
	is(t, "read by another session", ok[*svix.EndpointOut](t)(reader.Endpoint.Get(ctx, "go-portal", ep.Id)).Url, ep.Url)
	refused(t, reader.Endpoint.Delete(ctx, "go-portal", ep.Id), http.StatusForbidden, `"insufficient_access"`)
	_, err = portal.Application.List(ctx, nil)
	refused(t, err, http.StatusForbidden, `"insufficient_access"`)
	_, err = portal.Endpoint.List(ctx, s.app, nil)
	refused(t, err, http.StatusNotFound, `"not_found"`)

	if err := portal.Authentication.Logout(ctx); err != nil {
		t.Fatal(err)
	}
	_, err = portal.Endpoint.Get(ctx, "go-portal", ep.Id)
	refused(t, err, http.StatusUnauthorized, `"authentication_failed"`)
	old := ok[*svix.DashboardAccessOut](t)(auth.DashboardAccess(ctx, "go-portal"))
	if err := s.connect(t, old.Token).Authentication.LogoutWithOptions(ctx, &svix.PostOptions{IdempotencyKey: &key}); err != nil {
		t.Fatal(err)
	}
	ok[*svix.DashboardAccessOut](t)(auth.DashboardAccessWithOptions(ctx, "go-portal", &svix.PostOptions{IdempotencyKey: &key}))
}
