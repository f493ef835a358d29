// Package agency is an application such as webhooks come from: an office designs forms,
// rangers file records of what they see, and whoever wants to hear of it is sent a
// webhook. Its API and its events are in the style of Fulcrum's, so that recipes for
// the one serve for the other.
//
// Every change is a transaction in the agency's own SQLite database, and what announces
// it is written by the same transaction ([outbox.Send]): the event exists if and only
// if the change does. The Hub that sends may be in the same process, as here, or a
// server.
package agency

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"

	"github.com/google/uuid"
	_ "modernc.org/sqlite" // the driver

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/outbox"
)

// Options are the settings of an Agency. Those without a default named are required.
type Options struct {
	Dir string       // a folder, where agency.db is made
	Hub *fanfare.Hub // sends what the agency announces

	Token  string       // opens the API, in the header X-ApiToken; "": one is made
	Owner  string       // the uid of the application, and owner_id of events; "": DefaultOwner
	Logger *slog.Logger // nil: slog.Default()

	// Form is what records are of from the beginning; nil: the one for bear attacks.
	Form *Form

	// Members are whom records can be assigned to; nil: Rangers.
	Members []Member

	// Portal makes a link by which the agency's customer sees to its webhooks; nil:
	// the pages offer none.
	Portal func(ctx context.Context) (string, error)
}

// DefaultOwner is the uid of the agency's application unless told otherwise.
const DefaultOwner = "bear-attacks"

// A Member is someone whom records can be assigned to.
type Member struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
	Phone string `json:"phone"`
}

// Rangers are the members unless told otherwise. Nothing they are sent gets anywhere.
var Rangers = []Member{
	{"5a1f0a3e-0001-4000-8000-000000000001", "Ranger North", "north@rangers.example", "+15005550011"},
	{"5a1f0a3e-0001-4000-8000-000000000002", "Ranger South", "south@rangers.example", "+15005550012"},
	{"5a1f0a3e-0001-4000-8000-000000000003", "Ranger East", "east@rangers.example", "+15005550013"},
	{"5a1f0a3e-0001-4000-8000-000000000004", "Ranger West", "west@rangers.example", "+15005550014"},
}

// An Agency is the application: an http.Handler with its API below /api/v2/ and its
// pages at all other paths.
type Agency struct {
	Token string // opens the API
	Owner string // the uid of its application, for which its events are

	hub     *fanfare.Hub
	form    *Form
	members []Member
	portal  func(context.Context) (string, error)
	log     *slog.Logger
	db      *sql.DB
	relay   *outbox.Relay
	mux     *http.ServeMux
}

// New makes an Agency, its database, its application and its event types, as far as
// they are not there. Nothing is sent unless Run runs.
func New(ctx context.Context, opt Options) (*Agency, error) {
	a := &Agency{
		Token: cmp.Or(opt.Token, uuid.NewString()), Owner: cmp.Or(opt.Owner, DefaultOwner),
		hub: opt.Hub, form: opt.Form, members: opt.Members, portal: opt.Portal, log: cmp.Or(opt.Logger, slog.Default()),
	}
	if a.members == nil {
		a.members = Rangers
	}
	err := a.hub.CreateApplication(ctx, &fanfare.Application{UID: a.Owner, Name: "Government Agency for Bear Attacks"})
	if err != nil && !errors.Is(err, fanfare.ErrExists) {
		return nil, err
	}
	for _, t := range EventTypes() {
		if err := a.hub.CreateEventType(ctx, &t); err != nil && !errors.Is(err, fanfare.ErrExists) {
			return nil, err
		}
	}
	at := url.URL{Scheme: "file", Opaque: url.PathEscape(filepath.Join(opt.Dir, "agency.db")),
		RawQuery: "_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=journal_mode(wal)&_pragma=synchronous(full)"}
	if a.db, err = sql.Open("sqlite", at.String()); err != nil {
		return nil, err
	}
	if err := errors.Join(a.migrate(ctx), outbox.Create(ctx, a.db, outbox.SQLite)); err != nil {
		return nil, errors.Join(err, a.db.Close())
	}
	a.relay = outbox.NewRelay(a.db, a.hub, &outbox.Options{Logger: a.log})
	a.mux = http.NewServeMux()
	a.routeAPI()
	a.routePages()
	return a, nil
}

// Run hands what the agency has announced to the Hub, until ctx ends.
func (a *Agency) Run(ctx context.Context) error { return a.relay.Run(ctx) }

// Close closes the database, once Run has returned and no request is under way.
func (a *Agency) Close() error { return a.db.Close() }

func (a *Agency) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
	a.mux.ServeHTTP(w, r)
}

// EventTypes are those of what the agency announces.
func EventTypes() []fanfare.EventType {
	var types []fanfare.EventType
	for _, k := range kinds {
		for _, verb := range []string{"create", "update", "delete"} {
			types = append(types, fanfare.EventType{
				Name: k.name + "." + verb, GroupName: k.name,
				Description: fmt.Sprintf("A %s was %sd. data is what it is now, or was when it was deleted; previous, after an update, what it was before.", k.words, verb),
			})
		}
	}
	return types
}

// A Cause is what a change comes from.
type Cause struct {
	By     string // the id of a member; "": the office
	Origin string // the name of the program that does it, which stands in the event: by it a program leaves its own changes alone
	Hops   string // [fanfare.HeaderHops] of the webhook that led to it, so that what goes round ends
}

// An event is what a webhook carries, as Fulcrum's do but for the last two.
type event struct {
	ID       string          `json:"id"`
	Type     string          `json:"type"`
	OwnerID  string          `json:"owner_id"`
	Data     json.RawMessage `json:"data"`
	Previous json.RawMessage `json:"previous,omitempty"`
	Origin   string          `json:"origin"` // of the Cause; "": people
}

// announce puts an event into the outbox, in the transaction that makes the change.
func (a *Agency) announce(ctx context.Context, tx *sql.Tx, c Cause, k *kind, verb string, h *Head, data, previous []byte) error {
	e := event{ID: uuid.NewString(), Type: k.name + "." + verb, OwnerID: a.Owner, Data: data, Previous: previous, Origin: c.Origin}
	payload, err := json.Marshal(e)
	if err != nil {
		return err
	}
	msg := &fanfare.Message{EventID: e.ID, EventType: e.Type, Payload: payload, OrderingKey: h.ID}
	if c.Hops != "" {
		if err := msg.Passed(c.Hops); err != nil {
			return err
		}
	}
	return outbox.Send(ctx, tx, a.Owner, msg)
}
