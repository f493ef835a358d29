package fanfare

import (
	"context"
	"time"
)

// A Store keeps everything. Package sqlite has one; storetest states what each
// must do. All methods may be called concurrently. A method that returns an
// error has changed nothing, unless it says otherwise. Those that write return
// ErrFull when the disk is full and ErrBroken after an I/O error; what they
// return nil for is on disk, synced.
//
// Everything but the catalogue of applications and event types is reached only
// through the application it belongs to: what is another's is ErrNotFound, and a
// list of what is not there is empty. Zero times do not restrict. A payload that
// is nil comes back empty; nil means that it was expunged.
type Store interface {
	Catalogue
	Revisions
	ApplicationLists
	Queue
	Log
	Pollers
	Views
	Tasks
	Usages
	Access
	AuditLog
	Checks
	Sources
	Overview
	Mutes
	Tallies
	EndpointTallies
	Searches
	// Newest is the largest identifier of a message or attempt that was ever
	// stored, so that new ones can be made larger; zero when there is none.
	Newest(ctx context.Context) ([16]byte, error)
	// Close waits for what was begun and lets go of the files.
	Close() error
}

// Catalogue is what changes rarely: who is sent what, and where to.
type Catalogue interface {
	CreateApplication(ctx context.Context, app *Application) error // ErrExists: uid taken
	Application(ctx context.Context, ref string) (*Application, error)
	Applications(ctx context.Context, page Page) ([]*Application, error)
	UpdateApplication(ctx context.Context, app *Application) error
	// DeleteApplication removes the application with all that is its own.
	DeleteApplication(ctx context.Context, id ApplicationID) error

	CreateEndpoint(ctx context.Context, ep *Endpoint) error // ErrNotFound: no such application; ErrExists: uid taken
	Endpoint(ctx context.Context, app ApplicationID, ref string) (*Endpoint, error)
	Endpoints(ctx context.Context, app ApplicationID, page Page) ([]*Endpoint, error)
	// UpdateEndpoint also gives the deliveries that wait their new rank when
	// Ordered has changed. It leaves FailingSince as it is stored, but for a zero
	// one, which it stores: the endpoint was read some time ago.
	UpdateEndpoint(ctx context.Context, ep *Endpoint) error
	// DeleteEndpoint removes the endpoint with its deliveries and attempts.
	DeleteEndpoint(ctx context.Context, app ApplicationID, id EndpointID) error
	// SetFailingSince notes when the endpoint's run of failures began; zero: it
	// is healthy. It touches nothing else, and no endpoint is no error.
	SetFailingSince(ctx context.Context, id EndpointID, t time.Time) error

	CreateEventType(ctx context.Context, t *EventType) error // ErrExists: name taken
	EventType(ctx context.Context, name string) (*EventType, error)
	EventTypes(ctx context.Context, page Page, archived bool) ([]*EventType, error)
	UpdateEventType(ctx context.Context, t *EventType) error
	DeleteEventType(ctx context.Context, name string) error
}

// Queue is what the engine runs on.
type Queue interface {
	// Accept stores messages and their deliveries in one transaction and
	// returns once it is synced. A message whose EventID its application has
	// already in that EventTypeVersion is left out, and its Err set to ErrExists. A delivery to an
	// endpoint that is not the application's (any more) is left out.
	// ErrNotFound: no such application.
	//
	// A delivery is stored under its own OrderingKey, which need not be its message's.
	// One that is the Latest has one. It cancels the one that waits for its endpoint under
	// that key, was not tried yet and is not Manual, is due when that was if that
	// is earlier, and has its id in Replaced. Once begun, Accept does not heed ctx:
	// what it stores its caller must learn of.
	//
	// With a key, a repeat of the same request within the store's retention of
	// keys (24 h) stores nothing and returns the ids of the messages stored the
	// first time, in order, "" where one was left out; another request under
	// the same key is ErrConflict. Keys are per application.
	Accept(ctx context.Context, app ApplicationID, in []*Intake, key *Idempotency) (earlier []MessageID, err error)
	// Record stores attempts, each with where its delivery stands after it: of the
	// delivery its State, Due and Attempts; the rank follows from Due, and from
	// whether the endpoint is ordered by now. It fills in each Attempt's Manual
	// from the round the delivery is in. A delivery that has ended meanwhile stays
	// as it is, and the attempt is kept; when the delivery is gone, nothing is. An
	// attempt that is stored already changes nothing. If it fails it has stored
	// none of them. Like Accept it does not heed ctx once begun.
	Record(ctx context.Context, os ...*Outcome) error
	// Lanes returns the endpoints that have deliveries waiting, at a cost that
	// depends on how many there are and not on history.
	Lanes(ctx context.Context) ([]Lane, error)
	// Waiting reads deliveries that wait in a lane, in order of rank and message.
	Waiting(ctx context.Context, q WaitingQuery) ([]*Delivery, error)
	// Resend makes d wait, a new round of an existing delivery, which keeps its
	// OrderingKey, or a new delivery.
	// ErrNotFound: the message or the endpoint is not the application's.
	Resend(ctx context.Context, app ApplicationID, d *Delivery) error
	// Cancel ends the deliveries of a message that wait, and returns the
	// endpoints they were to. ErrNotFound: the message is not the application's.
	Cancel(ctx context.Context, app ApplicationID, msg MessageID) ([]EndpointID, error)
	// CancelLane ends all deliveries that wait for an endpoint and returns how many:
	// with an error, those that it had ended by then.
	CancelLane(ctx context.Context, app ApplicationID, ep EndpointID) (int, error)
}

// Log is what happened, for people to read.
type Log interface {
	// Message finds a message by id or event id; of several of that event id it is
	// that of the largest version. One that is damaged comes without its
	// payload, as Damaged, and with ErrDamaged; in a list there is no error.
	Message(ctx context.Context, app ApplicationID, ref string) (*Message, error)
	Messages(ctx context.Context, app ApplicationID, f MessageFilter) ([]*Message, error)
	// NamedMessages are those of the ids, each once and by age. What is not there is
	// left out.
	NamedMessages(ctx context.Context, app ApplicationID, ids []MessageID) ([]*Message, error)
	ExpungePayload(ctx context.Context, app ApplicationID, id MessageID) error
	Deliveries(ctx context.Context, app ApplicationID, f DeliveryFilter) ([]*Delivery, error)
	// DeliveriesOf are those of messages by their applications, each of them there once:
	// of each the first MaxPage by endpoint. within is as in DeliveryFilter.
	DeliveriesOf(ctx context.Context, messages map[ApplicationID][]MessageID, within []string) (map[MessageID][]*Delivery, error)
	Attempts(ctx context.Context, app ApplicationID, f AttemptFilter) ([]*Attempt, error)
	Attempt(ctx context.Context, app ApplicationID, msg MessageID, id AttemptID) (*Attempt, error)
	// ExpungeResponse removes an attempt's response body and headers for good.
	ExpungeResponse(ctx context.Context, app ApplicationID, msg MessageID, id AttemptID) error
	// Stats counts an endpoint's deliveries by state, of messages accepted in
	// [since, until) that are no tests.
	Stats(ctx context.Context, app ApplicationID, ep EndpointID, since, until time.Time) (map[State]int, error)
	// Prune removes at most limit messages that were accepted before t and of
	// which no delivery waits, with their deliveries and attempts, and expired
	// idempotency keys. It returns how many messages; fewer than limit: done. A
	// message may stay until those that were stored before it are old enough too, and
	// a store that keeps messages by their age may drop more than limit at once.
	Prune(ctx context.Context, t time.Time, limit int) (int, error)

	// Answer returns what Remember kept under scope and key; ErrNotFound if
	// nothing, or nothing any more.
	Answer(ctx context.Context, scope, key string) (*Answer, error)
	// Remember keeps an answer for the store's retention of keys (24 h). It takes the
	// place of one whose Status is 0, unless its own is. ErrExists: there is one
	// already.
	Remember(ctx context.Context, scope, key string, a *Answer) error
	// Forget removes the answer under scope and key if its Status is 0. That there is
	// none is no error.
	Forget(ctx context.Context, scope, key string) error
	// Setting returns a value the server keeps for itself; ErrNotFound if unset.
	Setting(ctx context.Context, name string) ([]byte, error)
	SetSetting(ctx context.Context, name string, value []byte) error
}

// An Intake is a message on its way into the store, with its deliveries.
type Intake struct {
	Message    *Message
	Deliveries []Delivery
	Err        error // set by Accept: nil or ErrExists
}

// An Outcome is an attempt and its delivery as it is to stand after it.
type Outcome struct {
	Attempt  *Attempt
	Delivery Delivery
}

// A Lane names an endpoint that has deliveries waiting.
type Lane struct {
	Application ApplicationID
	Endpoint    EndpointID
}

// WaitingQuery asks for deliveries behind a place in a lane, in order.
type WaitingQuery struct {
	Endpoint EndpointID
	// Only behind this place: a larger rank, or the same and a larger message
	// id. The zero values mean from the beginning.
	AfterRank    int64
	AfterMessage MessageID
	Key          *string // only of this ordering key
	Limit        int
}

// An Answer is what a request was answered, kept for its repeats.
type Answer struct {
	Fingerprint [32]byte
	Status      int // 0: the request has begun, and there is no answer yet
	Body        []byte
}

// MaxPage is the most that one page of a list holds.
const MaxPage = 250

// Page is a part of a list. Lists are ordered by id, which is by age; event
// types by name.
type Page struct {
	Limit     int    // 1 to MaxPage
	After     string // only behind this id (or name) in the order asked for; "" from the beginning
	Ascending bool   // oldest first; otherwise newest first

	// Look bounds how much is looked at for the page, of an application's messages, or of
	// an endpoint's deliveries or attempts; nil: nothing does. Other lists do not heed it.
	Look *Look
}

// A Look is as far as a page looks, so that it takes no longer the more there is that its
// filter does not pick.
type Look struct {
	Most int    // how many, found or not; none that the store need not look at to pass over
	Last string // set by the store: the id of the last of them; "": there are not so many
}

// MessageFilter picks messages. Zero fields do not restrict.
type MessageFilter struct {
	Page
	Since, Until time.Time // accepted in [Since, Until)
	EventTypes   []string  // exact names, and groups such as "record.*"
	Channel      string
	Tag          string
	States       []State  // a delivery stands so, to an endpoint that is there
	Within       []string // has one of these channels, and with States to an endpoint that is within them

	// Bytes ends a page early: with the message with which their payloads come to so
	// many bytes. 0: nothing but Limit ends it.
	Bytes int
}

// ends reports whether a page that the filter gave is the last one.
func (f *MessageFilter) ends(page []*Message) bool {
	if len(page) >= f.Limit {
		return false
	}
	size := 0
	for _, msg := range page {
		size += len(msg.Payload)
	}
	return f.Bytes == 0 || size < f.Bytes
}

// DeliveryFilter picks deliveries: Message or Endpoint is set, or both for one. By
// endpoint they are ordered by message id, by message by endpoint id; the page's
// After is the id they are ordered by.
type DeliveryFilter struct {
	Page
	Message      MessageID
	Endpoint     EndpointID
	States       []State   // none: all
	Since, Until time.Time // message accepted in [Since, Until)
	EventTypes   []string  // as in MessageFilter
	Channel      string
	Tag          string
	Within       []string // of a message with one of these channels, to an endpoint with no others
}

// AttemptFilter picks attempts by id: exactly one of Message and Endpoint is
// set, or both.
type AttemptFilter struct {
	Page
	Message      MessageID
	Endpoint     EndpointID
	Outcome      OutcomeFilter
	StatusClass  int       // 1 to 5: only responses 1xx to 5xx; 0: all
	Since, Until time.Time // started in [Since, Until)
	EventTypes   []string  // as in MessageFilter
	Channel      string
	Tag          string
	Within       []string // of a message with one of these channels, to an endpoint with no others
}

// OutcomeFilter picks attempts by how they ended.
type OutcomeFilter uint8

// AnyOutcome is the zero value.
const (
	AnyOutcome OutcomeFilter = iota
	OnlySuccesses
	OnlyFailures
)
