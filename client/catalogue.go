package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"time"

	"github.com/fanfarehq/fanfare"
)

// application is one as the API has it.
type application struct {
	ID         fanfare.ApplicationID `json:"id,omitempty"`
	UID        string                `json:"uid,omitempty"`
	Name       string                `json:"name"`
	RateLimit  int                   `json:"rateLimit,omitempty"`
	Metadata   map[string]string     `json:"metadata,omitempty"`
	AlertEmail string                `json:"alertEmail,omitempty"`
	CreatedAt  time.Time             `json:"createdAt,omitzero"`
	UpdatedAt  time.Time             `json:"updatedAt,omitzero"`
}

func (a *application) read() *fanfare.Application {
	return &fanfare.Application{ID: a.ID, UID: a.UID, Name: a.Name, RateLimit: a.RateLimit, Metadata: a.Metadata, AlertEmail: a.AlertEmail, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt}
}

// CreateApplication makes an application of the Name, UID, RateLimit, Metadata and
// AlertEmail of app, and fills in the rest. Other fields it refuses. ErrExists: the uid
// is taken.
func (c *Client) CreateApplication(ctx context.Context, app *fanfare.Application) error {
	in := application{UID: app.UID, Name: app.Name, RateLimit: app.RateLimit, Metadata: app.Metadata, AlertEmail: app.AlertEmail}
	if !app.Retry.IsZero() {
		return &fanfare.InvalidError{Field: "retry", Reason: "is not set by this client; use the API"}
	}
	var out application
	if err := c.send(ctx, http.MethodPost, "/app", in, &out); err != nil {
		return fmt.Errorf("application %q: %w", app.UID, taken(err))
	}
	*app = *out.read()
	return nil
}

// Application finds an application by id or uid.
func (c *Client) Application(ctx context.Context, ref string) (*fanfare.Application, error) {
	var out application
	if err := c.do(ctx, request{method: http.MethodGet, path: within(ref, "")}, &out); err != nil {
		return nil, fmt.Errorf("application %q: %w", ref, err)
	}
	return out.read(), nil
}

// Applications lists applications by age. Of page all but After counts, which is
// where the list before ended: "" from the beginning. It returns where this one ends,
// "" for at the end of all.
func (c *Client) Applications(ctx context.Context, page fanfare.Page) (apps []*fanfare.Application, next string, err error) {
	return list(ctx, c, "/app", page, (*application).read)
}

// DeleteApplication removes an application with all that is its own.
func (c *Client) DeleteApplication(ctx context.Context, ref string) error {
	if err := c.do(ctx, request{method: http.MethodDelete, path: within(ref, "")}, nil); err != nil {
		return fmt.Errorf("application %q: %w", ref, err)
	}
	return nil
}

// endpoint is one as the API has it.
type endpoint struct {
	ID             fanfare.EndpointID `json:"id,omitempty"`
	UID            string             `json:"uid,omitempty"`
	Kind           string             `json:"kind,omitempty"`
	URL            string             `json:"url,omitempty"`
	Description    string             `json:"description,omitempty"`
	Metadata       map[string]string  `json:"metadata,omitempty"`
	EventTypes     []string           `json:"eventTypes,omitempty"`
	Channels       []string           `json:"channels,omitempty"`
	Secret         string             `json:"secret,omitempty"`
	Headers        map[string]string  `json:"headers,omitempty"`
	Format         string             `json:"format,omitempty"`
	Signature      string             `json:"signature,omitempty"`
	Ordered        bool               `json:"ordered,omitempty"`
	RateLimit      int                `json:"rateLimit,omitempty"`
	MaxInFlight    int                `json:"maxInFlight,omitempty"`
	Timeout        float64            `json:"timeout,omitempty"` // seconds
	Paused         bool               `json:"paused,omitempty"`
	Disabled       bool               `json:"disabled,omitempty"`
	DisabledReason string             `json:"disabledReason,omitempty"`
	FailingSince   time.Time          `json:"failingSince,omitzero"`
	CreatedAt      time.Time          `json:"createdAt,omitzero"`
	UpdatedAt      time.Time          `json:"updatedAt,omitzero"`
}

func (e *endpoint) read() *fanfare.Endpoint {
	ep := &fanfare.Endpoint{
		ID: e.ID, UID: e.UID, Kind: e.Kind, URL: e.URL, Description: e.Description, Metadata: e.Metadata, EventTypes: e.EventTypes, Channels: e.Channels,
		Headers: e.Headers, Format: e.Format, Signature: e.Signature, Ordered: e.Ordered, RateLimit: e.RateLimit, MaxInFlight: e.MaxInFlight,
		Timeout: time.Duration(e.Timeout * float64(time.Second)).Round(time.Microsecond), Paused: e.Paused,
		Disabled: e.Disabled, DisabledReason: e.DisabledReason, FailingSince: e.FailingSince, CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt,
	}
	if ep.Kind == "webhook" {
		ep.Kind = ""
	}
	return ep
}

// settable are the fields of an endpoint that this client sets.
var settable = []string{
	"Application", "UID", "Kind", "URL", "Description", "Metadata", "EventTypes", "Channels", "Secrets", "Headers", "Format", "Signature",
	"Ordered", "RateLimit", "MaxInFlight", "Timeout", "Paused", "Disabled",
}

// CreateEndpoint makes an endpoint of the application ep.Application, an id or uid,
// and fills in its id and times and, where it has none, its secret. It refuses to
// drop a setting: those that it cannot make are an *InvalidError, and are made by
// the API. ErrNotFound: no such application; ErrExists: the uid is taken.
func (c *Client) CreateEndpoint(ctx context.Context, ep *fanfare.Endpoint) error {
	rest := *ep
	v := reflect.ValueOf(&rest).Elem()
	for _, name := range settable {
		v.FieldByName(name).SetZero()
	}
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			return &fanfare.InvalidError{Field: v.Type().Field(i).Name, Reason: "is not set by this client; use the API"}
		}
	}
	in := endpoint{
		UID: ep.UID, Kind: ep.Kind, URL: ep.URL, Description: ep.Description, Metadata: ep.Metadata, EventTypes: ep.EventTypes, Channels: ep.Channels,
		Headers: ep.Headers, Format: ep.Format, Signature: ep.Signature, Ordered: ep.Ordered, RateLimit: ep.RateLimit, MaxInFlight: ep.MaxInFlight,
		Timeout: ep.Timeout.Seconds(), Paused: ep.Paused, Disabled: ep.Disabled,
	}
	switch {
	case len(ep.Secrets) > 1 || len(ep.Secrets) == 1 && !ep.Secrets[0].ExpiresAt.IsZero():
		return &fanfare.InvalidError{Field: "secret", Reason: "one, that does not expire"}
	case len(ep.Secrets) == 1:
		in.Secret = ep.Secrets[0].Text
	}
	var out endpoint
	if err := c.send(ctx, http.MethodPost, within(string(ep.Application), "/endpoint"), in, &out); err != nil {
		return fmt.Errorf("endpoint %q: %w", ep.UID, taken(err))
	}
	made := out.read()
	made.Application, made.Headers, made.Secrets = ep.Application, ep.Headers, ep.Secrets
	*ep = *made
	if in.Secret == "" {
		text, err := c.EndpointSecret(ctx, string(ep.Application), string(ep.ID))
		if err != nil {
			return fmt.Errorf("the endpoint was made, but not its secret read: %w", err)
		}
		ep.Secrets = []fanfare.Secret{{Text: text}}
	}
	return nil
}

// EndpointSecret reads the text that an endpoint's receiver verifies with.
func (c *Client) EndpointSecret(ctx context.Context, app, ref string) (string, error) {
	var out struct{ Key string }
	if err := c.do(ctx, request{method: http.MethodGet, path: within(app, "/endpoint/"+url.PathEscape(ref)+"/secret")}, &out); err != nil {
		return "", fmt.Errorf("endpoint %q: %w", ref, err)
	}
	return out.Key, nil
}

// Endpoint finds an endpoint of an application by id or uid. What CreateEndpoint does
// not set is not there; nor are Secrets and Headers.
func (c *Client) Endpoint(ctx context.Context, app, ref string) (*fanfare.Endpoint, error) {
	var out endpoint
	if err := c.do(ctx, request{method: http.MethodGet, path: within(app, "/endpoint/"+url.PathEscape(ref))}, &out); err != nil {
		return nil, fmt.Errorf("endpoint %q: %w", ref, err)
	}
	return out.read(), nil
}

// Endpoints lists an application's endpoints by age, by the page as Applications does.
func (c *Client) Endpoints(ctx context.Context, app string, page fanfare.Page) (eps []*fanfare.Endpoint, next string, err error) {
	return list(ctx, c, within(app, "/endpoint"), page, (*endpoint).read)
}

// DeleteEndpoint removes an endpoint; what waits for it is cancelled.
func (c *Client) DeleteEndpoint(ctx context.Context, app, ref string) error {
	if err := c.do(ctx, request{method: http.MethodDelete, path: within(app, "/endpoint/"+url.PathEscape(ref))}, nil); err != nil {
		return fmt.Errorf("endpoint %q: %w", ref, err)
	}
	return nil
}

// list reads one page of a list.
func list[W, T any](ctx context.Context, c *Client, path string, page fanfare.Page, read func(*W) *T) (all []*T, next string, err error) {
	q := url.Values{}
	if page.Limit > 0 {
		q.Set("limit", strconv.Itoa(page.Limit))
	}
	if page.After != "" {
		q.Set("iterator", page.After)
	}
	if q.Set("order", "descending"); page.Ascending {
		q.Set("order", "ascending")
	}
	var out struct {
		Data     []*W
		Iterator string
		Done     bool
	}
	if err := c.do(ctx, request{method: http.MethodGet, path: path + "?" + q.Encode()}, &out); err != nil {
		return nil, "", err
	}
	for _, one := range out.Data {
		all = append(all, read(one))
	}
	if !out.Done {
		next = out.Iterator
	}
	return all, next, nil
}
