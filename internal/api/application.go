package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/fanfarehq/fanfare"
)

// applicationIn is an application as clients write it, also inside a message.
type applicationIn struct {
	Name string `json:"name" doc:"For people."`
	applicationFields
}

type applicationPatch struct {
	Name field[string] `json:"name,omitzero"`
	applicationFields
}

type applicationFields struct {
	UID          field[string]            `json:"uid,omitzero" doc:"Your own name for it, which may stand wherever its id may."`
	RateLimit    field[int]               `json:"rateLimit,omitzero" doc:"Deliveries started per second, over all its endpoints."`
	ThrottleRate field[int]               `json:"throttleRate,omitzero" doc:"Another name of rateLimit."`
	Metadata     field[map[string]string] `json:"metadata,omitzero"`
	Retry        field[retryIn]           `json:"retry,omitzero" doc:"When to try again, for endpoints and event types that do not say; null leaves it to the deployment. A PUT that leaves it out leaves it as it is."`
	AlertEmail   field[string]            `json:"alertEmail,omitzero" doc:"Where its customer wants a mail when one of its endpoints fails or is disabled; null: nowhere. Operational webhooks have it, which you can have mailed. A PUT that leaves it out leaves it as it is."`
}

func (f *applicationFields) apply(app *fanfare.Application) {
	f.UID.into(&app.UID)
	f.ThrottleRate.or(f.RateLimit).into(&app.RateLimit)
	f.Metadata.into(&app.Metadata)
	f.AlertEmail.into(&app.AlertEmail)
	if f.Retry.set {
		app.Retry = f.Retry.value.retry()
	}
}

func (in *applicationIn) application() *fanfare.Application {
	app := &fanfare.Application{Name: in.Name}
	in.apply(app)
	return app
}

type applicationOut struct {
	ID           fanfare.ApplicationID `json:"id"`
	UID          *string               `json:"uid"`
	Name         string                `json:"name"`
	RateLimit    *int                  `json:"rateLimit"`
	ThrottleRate *int                  `json:"throttleRate" newer:"true"`
	Metadata     map[string]string     `json:"metadata"`
	Retry        retryIn               `json:"retry" newer:"true" doc:"When to try again, for endpoints and event types that do not say."`
	AlertEmail   *string               `json:"alertEmail" newer:"true" doc:"Where its customer wants a mail when one of its endpoints fails or is disabled. Portal sessions, and those who are let into some channels only, are not shown it here."`
	CreatedAt    time.Time             `json:"createdAt"`
	UpdatedAt    time.Time             `json:"updatedAt"`
}

func (c *call) showApplication(app *fanfare.Application) (*applicationOut, error) {
	out := &applicationOut{
		ID: app.ID, UID: pointer(app.UID), Name: app.Name,
		RateLimit: pointer(app.RateLimit), ThrottleRate: pointer(app.RateLimit), Retry: showRetry(app.Retry),
		Metadata: app.Metadata, CreatedAt: app.CreatedAt, UpdatedAt: app.UpdatedAt,
	}
	if c.who.session() == nil && len(c.who.channels()) == 0 {
		out.AlertEmail = pointer(app.AlertEmail)
	}
	return out, nil
}

func (s *server) applicationRoutes() []*route {
	existing := param{name: "get_if_exists", kind: "boolean", doc: "Whether to answer 200 with the application that has the uid already, rather than 409."}
	without := []param{
		{name: "exclude_apps_with_no_endpoints", kind: "boolean", doc: "Whether to leave out those without an endpoint; false unless told."},
		{name: "exclude_apps_with_disabled_endpoints", kind: "boolean", doc: "Whether to leave out those whose endpoints are all disabled; false unless told."},
		{name: "exclude_apps_with_svix_play_endpoints", kind: "boolean", doc: "Without effect: there are no such endpoints here."},
	}
	return []*route{
		on("GET /app", "List applications", listApplications, params(without...)...).needs(fanfare.ScopeReadApplications, noSession).inChannels().toAll(),
		on("POST /app", "Create an application", createApplication, existing).answering(http.StatusCreated).needs(fanfare.ScopeWriteApplications, noSession).doing("application.create"),
		on("GET /app/{app}", "Read an application", readApplication).needs(fanfare.ScopeReadApplications, fanfare.ViewBase).inChannels(),
		on("PUT /app/{app}", "Replace an application, or create it under this uid", replaceApplication).amending().needs(fanfare.ScopeWriteApplications, noSession).doing("application.replace"),
		on("PATCH /app/{app}", "Change an application", changeApplication).amending().needs(fanfare.ScopeWriteApplications, noSession).doing("application.update"),
		on("DELETE /app/{app}", "Delete an application with all that is its own", deleteApplication).amending().needs(fanfare.ScopeWriteApplications, noSession).doing("application.delete"),
	}
}

func listApplications(c *call, _ *none) (*list[*applicationOut], error) {
	f := fanfare.ApplicationFilter{
		Only:          c.who.application(),
		WithEndpoints: c.boolean("exclude_apps_with_no_endpoints", false),
		WithEnabled:   c.boolean("exclude_apps_with_disabled_endpoints", false),
	}
	c.boolean("exclude_apps_with_svix_play_endpoints", false) // which must not be anything else
	if f.WithEndpoints || f.WithEnabled {
		if err := c.who.wholly(); err != nil {
			return nil, err
		}
	}
	return paged(c, listing[*fanfare.Application]{
		descending: true,
		id:         func(app *fanfare.Application) string { return string(app.ID) },
		fetch: func(p fanfare.Page) ([]*fanfare.Application, error) {
			f.Page = p
			return c.hub.ApplicationsBy(c.r.Context(), f)
		},
	}, c.showApplication)
}

func createApplication(c *call, in *applicationIn) (*applicationOut, error) {
	existing := c.boolean("get_if_exists", false)
	if err := c.mistakes(); err != nil {
		return nil, err
	}
	app := in.application()
	err := taken(c.hub.CreateApplication(c.r.Context(), app), "uid", app.UID, byApplication)
	if errors.Is(err, fanfare.ErrExists) && existing {
		c.status = http.StatusOK
		app, err = c.hub.Application(c.r.Context(), app.UID)
	}
	if err != nil {
		return nil, err
	}
	return c.showApplication(app)
}

func readApplication(c *call, _ *none) (*applicationOut, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	return c.showApplication(app)
}

// replaceApplication creates what does not exist with 201, under the uid of the
// path unless the body has one. What looks like an id of ours is not made up.
func replaceApplication(c *call, in *applicationIn) (*applicationOut, error) {
	app, err := c.amendApplication(func(app *fanfare.Application) error {
		app.Name, app.UID, app.RateLimit, app.Metadata = in.Name, "", 0, nil
		in.apply(app)
		return taken(c.hub.UpdateApplication(c.r.Context(), app), "uid", app.UID, byApplication)
	})
	if errors.Is(err, fanfare.ErrNotFound) {
		ref := c.r.PathValue("app")
		if _, ours := fanfare.DecodeID("app_", ref); ours {
			return nil, err
		}
		if err := c.mayCreate(); err != nil {
			return nil, err
		}
		c.status = http.StatusCreated
		app, err = c.create(c.r.Context(), ref, in)
	}
	if err != nil {
		return nil, err
	}
	return c.showApplication(app)
}

// create makes an application under the uid that a path has, unless it brings
// its own.
func (s *server) create(ctx context.Context, ref string, in *applicationIn) (*fanfare.Application, error) {
	app := in.application()
	if app.UID == "" {
		app.UID = ref
	}
	return app, taken(s.hub.CreateApplication(ctx, app), "uid", app.UID, byApplication)
}

func changeApplication(c *call, in *applicationPatch) (*applicationOut, error) {
	app, err := c.amendApplication(func(app *fanfare.Application) error {
		in.Name.into(&app.Name)
		in.apply(app)
		return taken(c.hub.UpdateApplication(c.r.Context(), app), "uid", app.UID, byApplication)
	})
	if err != nil {
		return nil, err
	}
	return c.showApplication(app)
}

func deleteApplication(c *call, _ *none) (none, error) {
	_, err := c.amendApplication(func(app *fanfare.Application) error {
		return c.hub.DeleteApplicationAt(c.r.Context(), app.ID, app.Revision)
	})
	return none{}, err
}
