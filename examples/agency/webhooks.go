package agency

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A webhook is an endpoint, as the agency's API shows it.
type webhook struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	URL       string    `json:"url"`
	Active    bool      `json:"active"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// maxActive is how many webhooks may be active (Fulcrum's documentation).
const maxActive = 10

func webhookOf(ep *fanfare.Endpoint) webhook {
	return webhook{string(ep.ID), ep.Description, ep.URL, !ep.Paused && !ep.Disabled, ep.CreatedAt, ep.UpdatedAt}
}

// routeWebhooks is the API by which customers see to their webhooks, in the way of
// Fulcrum's. Behind it are endpoints with Fulcrum's policies: 200 to 207 within 20
// seconds is a success, otherwise 25 tries in 20 days; what waits is cancelled when a
// webhook becomes inactive.
func (a *Agency) routeWebhooks(on func(string, func(http.ResponseWriter, *http.Request) error)) {
	on("GET /api/v2/webhooks.json", func(w http.ResponseWriter, r *http.Request) error {
		all, err := a.webhooks(r.Context())
		if err != nil {
			return err
		}
		return reply(w, http.StatusOK, map[string]any{"webhooks": all})
	})
	on("POST /api/v2/webhooks.json", func(w http.ResponseWriter, r *http.Request) error {
		given := webhook{Active: true}
		if err := read(r, "webhook", &given); err != nil {
			return err
		}
		made, err := a.AddWebhook(r.Context(), given.Name, given.URL, given.Active)
		return shownWebhook(w, http.StatusCreated, made, err)
	})
	on("GET /api/v2/webhooks/{id}", func(w http.ResponseWriter, r *http.Request) error {
		ep, err := a.endpoint(r)
		return shownWebhook(w, http.StatusOK, ep, err)
	})
	on("PUT /api/v2/webhooks/{id}", func(w http.ResponseWriter, r *http.Request) error {
		ep, err := a.changeWebhook(r)
		return shownWebhook(w, http.StatusOK, ep, err)
	})
	on("DELETE /api/v2/webhooks/{id}", func(w http.ResponseWriter, r *http.Request) error {
		ep, err := a.endpoint(r)
		if err != nil {
			return err
		}
		if err := a.hub.DeleteEndpoint(r.Context(), ep.Application, ep.ID); err != nil {
			return err
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

func shownWebhook(w http.ResponseWriter, status int, ep *fanfare.Endpoint, err error) error {
	if err != nil {
		return err
	}
	return reply(w, status, map[string]any{"webhook": webhookOf(ep)})
}

func (a *Agency) application(ctx context.Context) (fanfare.ApplicationID, error) {
	return a.hub.ApplicationID(ctx, a.Owner)
}

func (a *Agency) endpoint(r *http.Request) (*fanfare.Endpoint, error) {
	app, err := a.application(r.Context())
	if err != nil {
		return nil, err
	}
	return a.hub.Endpoint(r.Context(), app, idIn(r))
}

func (a *Agency) webhooks(ctx context.Context) ([]webhook, error) {
	app, err := a.application(ctx)
	if err != nil {
		return nil, err
	}
	eps, err := a.hub.Endpoints(ctx, app, fanfare.Page{Limit: 250, Ascending: true})
	if err != nil {
		return nil, err
	}
	all := []webhook{}
	for _, ep := range eps {
		if ep.Kind == "" {
			all = append(all, webhookOf(ep))
		}
	}
	return all, nil
}

// AddWebhook makes an endpoint of the agency's customer, which is sent everything.
func (a *Agency) AddWebhook(ctx context.Context, name, url string, active bool) (*fanfare.Endpoint, error) {
	app, err := a.application(ctx)
	if err != nil {
		return nil, err
	}
	p := problems{}
	checkText(p, "name", name, maxName)
	checkText(p, "url", url, maxText)
	if err := a.mayBeActive(ctx, active, p); err != nil {
		return nil, err
	}
	ep := &fanfare.Endpoint{
		Application: app, Description: name, URL: url, Paused: !active,
		OnPause: fanfare.OnPauseCancel, Retry: fanfare.Retry{Preset: "fulcrum"}, Success: fanfare.Success{Preset: "fulcrum"}, Timeout: 20 * time.Second,
	}
	return ep, refusedFields(p, func() error { return a.hub.CreateEndpoint(ctx, ep) })
}

// mayBeActive adds a problem when as many webhooks are active as may be.
func (a *Agency) mayBeActive(ctx context.Context, active bool, p problems) error {
	if !active {
		return nil
	}
	all, err := a.webhooks(ctx)
	n := 0
	for _, one := range all {
		if one.Active {
			n++
		}
	}
	p.must(n < maxActive, "active", fmt.Sprintf("%d webhooks are active, and no more may be", maxActive))
	return err
}

// refusedFields does what store does if there are no problems, and has what it refuses
// told as the others are.
func refusedFields(p problems, store func() error) error {
	if len(p) > 0 {
		return &InvalidError{"webhook", p}
	}
	err := store()
	var invalid *fanfare.InvalidError
	if errors.As(err, &invalid) {
		p.add(invalid.Field, "%s", invalid.Reason)
		return &InvalidError{"webhook", p}
	}
	return err
}

func (a *Agency) changeWebhook(r *http.Request) (*fanfare.Endpoint, error) {
	ep, err := a.endpoint(r)
	if err != nil {
		return nil, err
	}
	given := webhookOf(ep)
	was := given.Active
	if err := read(r, "webhook", &given); err != nil {
		return nil, err
	}
	p := problems{}
	checkText(p, "name", given.Name, maxName)
	checkText(p, "url", given.URL, maxText)
	if err := a.mayBeActive(r.Context(), given.Active && !was, p); err != nil {
		return nil, err
	}
	ep.Description, ep.URL, ep.Paused = given.Name, given.URL, !given.Active
	if given.Active {
		ep.Disabled, ep.DisabledReason = false, ""
	}
	return ep, refusedFields(p, func() error { return a.hub.UpdateEndpoint(r.Context(), ep) })
}
