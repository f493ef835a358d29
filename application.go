package fanfare

import (
	"context"
	"fmt"
	"time"
)

// An Application is one consumer of the provider's events: a customer, a
// department. It owns endpoints and messages.
type Application struct {
	ID        ApplicationID
	UID       string // the provider's own name for it, unique; may stand wherever the id may
	Name      string
	RateLimit int   // deliveries started per second over all its endpoints; 0: no limit
	Retry     Retry // for endpoints and event types that have no plan; zero: the deployment's
	Metadata  map[string]string

	// AlertEmail is where the customer wants a mail when one of its endpoints fails or is
	// disabled; "": nowhere. Operational messages have it: whoever runs this has the mails
	// sent, by an operational endpoint.
	AlertEmail string

	CreatedAt time.Time
	UpdatedAt time.Time

	// Revision counts the changes. UpdateApplication returns ErrConflict when it is
	// not that of what is stored; 0: it is not compared.
	Revision int64
}

// CreateApplication checks and stores app, and fills in its id and times. It
// returns ErrExists when another application has the uid.
func (h *Hub) CreateApplication(ctx context.Context, app *Application) error {
	if err := app.check(); err != nil {
		return err
	}
	if err := h.floor(ctx); err != nil {
		return err
	}
	now := h.now()
	app.ID = ApplicationID(h.ids.next(now, "app_"))
	app.CreatedAt, app.UpdatedAt = now, now
	if err := h.store.CreateApplication(ctx, app); err != nil {
		return fmt.Errorf("application %q: %w", app.UID, err)
	}
	return nil
}

// Application finds an application by id or uid.
func (h *Hub) Application(ctx context.Context, ref string) (*Application, error) {
	app, err := h.store.Application(ctx, ref)
	if err == nil && app.ID == OperationalApplication {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("application %q: %w", ref, err)
	}
	return app, nil
}

// Applications lists applications by age.
func (h *Hub) Applications(ctx context.Context, page Page) ([]*Application, error) {
	return h.ApplicationsBy(ctx, ApplicationFilter{Page: page})
}

// UpdateApplication stores app as it now is. It returns ErrConflict when it was
// changed since app was read.
func (h *Hub) UpdateApplication(ctx context.Context, app *Application) error {
	if err := app.check(); err != nil {
		return err
	}
	app.UpdatedAt = h.now()
	if err := h.store.UpdateApplication(ctx, app); err != nil {
		return fmt.Errorf("application %s: %w", app.ID, err)
	}
	return h.reconfigureAll(context.WithoutCancel(ctx), app.ID)
}

// DeleteApplication removes an application with its endpoints and messages.
// What waits is never sent; attempts already under way are seen through.
func (h *Hub) DeleteApplication(ctx context.Context, id ApplicationID) error {
	return h.DeleteApplicationAt(ctx, id, 0)
}

// DeleteApplicationAt is DeleteApplication, but for one whose Revision is another,
// which is ErrConflict; 0: whichever it is.
func (h *Hub) DeleteApplicationAt(ctx context.Context, id ApplicationID, revision int64) error {
	if id == OperationalApplication {
		return fmt.Errorf("application %s: %w", id, ErrNotFound)
	}
	eps, err := h.allEndpoints(ctx, id)
	if err != nil {
		return err
	}
	if err := h.store.DeleteApplicationAt(ctx, id, revision); err != nil {
		return fmt.Errorf("application %s: %w", id, err)
	}
	h.catalogue.forget(id)
	h.bearers.forget(func(b *Bearer) bool { return b.Application() == id })
	for _, ep := range eps {
		h.inbox.put(removed{ep.ID})
		h.announce(ctx, EndpointDeleted, ep)
	}
	h.tasks.rouse() // to remove what exports have written
	return nil
}

func (app *Application) check() error {
	switch {
	case app.Name == "":
		return &InvalidError{"name", "give the application a name"}
	case len(app.Name) > 256:
		return &InvalidError{"name", "at most 256 bytes"}
	case app.RateLimit < 0 || app.RateLimit > maxRate:
		return &InvalidError{"rateLimit", fmt.Sprintf("0 (no limit) to %d a second", maxRate)}
	}
	if err := checkText("name", app.Name); err != nil {
		return err
	}
	if err := checkUID(app.UID); err != nil {
		return err
	}
	if err := app.Retry.settle(); err != nil {
		return err
	}
	if err := checkAlertEmail(app.AlertEmail); err != nil {
		return err
	}
	return checkMetadata(app.Metadata)
}
