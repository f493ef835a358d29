package fanfare

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// An Endpoint is where an application wants its messages, and how.
type Endpoint struct {
	ID          EndpointID
	Application ApplicationID
	UID         string // the caller's own name for it, unique in its application
	Kind        string // KindPoller, KindFunction, one of [Options].Connectors, or "" for one that is sent its messages
	URL         string // a poller has none, or one of no meaning
	// Config is a JSON object, of an endpoint that a Connector serves, which says what
	// is in it; its URL follows from it.
	Config      json.RawMessage
	Description string
	Metadata    map[string]string

	// EventTypes are exact names and groups such as "record.*"; none means all.
	EventTypes []string
	// EventTypeVersions pins versions of event types, by exact name: of those types it
	// is sent the messages of that version, and of all others those of the current one.
	// See [Endpoint.WantsVersion].
	EventTypeVersions map[string]int
	// Channels, if there are any, admit only messages that share one.
	Channels []string

	// Filter, if it is not "", is an expression (CEL) that a message has to match beside;
	// see doc/guide.md. One that it cannot be said of does not.
	Filter string

	// Transformation, if it is not "", is a script (JavaScript) that makes of each message
	// what is sent; see package transform. Not with Batch.
	Transformation string

	// Secrets sign, newest first: more than one while a rotation overlaps. An
	// endpoint created without one is given one.
	Secrets []Secret
	// Headers are sent with every attempt beside our own.
	Headers map[string]string
	Format  string // of the body, one of Formats; "": raw, the payload as it came in
	// IncludeApplication tells the receiver whose the message is, by the application's
	// uid or else its id: in the header webhook-application and, with the format
	// envelope, in the member application. One receiver can serve many applications so.
	IncludeApplication bool
	// Signature is how attempts are signed, a [webhook.Profile]; "": standard. The
	// secrets of the others are any text of 8 to 256 printable ASCII characters.
	Signature string

	// Debounce, if it is not 0, is how long a message waits for others of the same
	// type and ordering key: of all that come meanwhile only the latest is sent. A
	// message with a DeliverAt neither waits nor replaces any. Not with Ordered.
	Debounce time.Duration

	// Batch, if it is not zero, has several messages sent as one. Not with Ordered.
	Batch Batching

	Ordered     bool             // strictly in order of acceptance, across retries and restarts
	OrderingKey string           // a JSON pointer (RFC 6901) to the ordering key in payloads, which goes before a message's own; "": only that. Needs Ordered
	RateLimit   int              // deliveries started per second; 0: no limit
	MaxInFlight int              // attempts under way at once; 0: the Hub's default
	Timeout     time.Duration    // for one attempt; 0: 20 s
	Retry       Retry            // zero: the event type's, the application's or the deployment's
	RetryByType map[string]Retry // by pattern as in EventTypes, before Retry; an exact name goes first, then the longest group
	Success     Success
	Auth        Auth

	Paused    bool      // deliveries are made and wait, unless OnPause says otherwise
	OnPause   string    // one of [OnPauses]; "": hold
	Handshake Handshake // how the receiver shows that it wants messages; zero: it need not

	Disabled       bool   // no deliveries are made; those made before wait
	DisabledReason string // in words, when it was not the owner who disabled it

	// FailingSince is when the present unbroken run of failures began; zero
	// while the endpoint is healthy. The Hub keeps it.
	FailingSince time.Time

	CreatedAt time.Time
	UpdatedAt time.Time

	// Revision counts the changes. UpdateEndpoint returns ErrConflict when it is not
	// that of what is stored; 0: it is not compared.
	Revision int64
}

// A Secret is one signing key as text: for the standard signature "whsec_…" or
// "whsk_…" (see package webhook), for the others any.
type Secret struct {
	Text      string
	ExpiresAt time.Time // zero: does not
}

// Wants reports whether messages of that type, sent on those channels, are for
// this endpoint, in whichever version it wants them.
func (ep *Endpoint) Wants(t string, channels []string) bool {
	if !ep.wantsType(t) {
		return false
	}
	return len(ep.Channels) == 0 || slices.ContainsFunc(channels, func(c string) bool { return slices.Contains(ep.Channels, c) })
}

// wantsType is Wants on any channel.
func (ep *Endpoint) wantsType(t string) bool {
	return len(ep.EventTypes) == 0 || slices.ContainsFunc(ep.EventTypes, func(pattern string) bool { return typeMatches(pattern, t) })
}

// Wanted reports whether a message of that type, sent on those channels, would
// go to any endpoint of an application, found by id or uid, at present.
func (h *Hub) Wanted(ctx context.Context, app, eventType string, channels []string) (bool, error) {
	if err := checkEventType("eventType", eventType); err != nil {
		return false, err
	}
	if err := checkLabels("channels", channels); err != nil {
		return false, err
	}
	r, err := h.roster(ctx, app)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(r.targets, func(t *target) bool { return !t.Disabled && !t.drops() && t.Wants(eventType, channels) }), nil
}

// SecretOverlap is how long an old secret usually goes on signing beside its
// successor, so that the receiver can change over at leisure.
const SecretOverlap = 24 * time.Hour

// maxOverlap bounds what may be asked for instead.
const maxOverlap = 7 * 24 * time.Hour

// maxSecrets bounds the signatures on one attempt.
const maxSecrets = 10

// CreateEndpoint checks and stores ep in the application ep.Application, and
// fills in its id, times and, where it has none, a secret. Of several mistakes all
// are told, as *InvalidErrors that are joined. It returns ErrNotFound when there is
// no such application, and ErrExists when the application has another endpoint of
// that uid.
func (h *Hub) CreateEndpoint(ctx context.Context, ep *Endpoint) error {
	if err := h.checkEndpoint(ctx, ep); err != nil {
		return err
	}
	if len(ep.Secrets) == 0 {
		ep.Secrets = []Secret{{Text: ep.profile().GenerateSecret()}}
	}
	if err := ep.checkLasting(); err != nil {
		return err
	}
	now := h.now()
	if err := ep.Auth.checkExpiry(&Auth{}, now); err != nil {
		return err
	}
	if err := h.floor(ctx); err != nil {
		return err
	}
	ep.ID = EndpointID(h.ids.next(now, "ep_"))
	ep.CreatedAt, ep.UpdatedAt = now, now
	ep.FailingSince, ep.DisabledReason = time.Time{}, ""
	ep.Handshake = Handshake{Kind: ep.Handshake.Kind}
	if err := h.store.CreateEndpoint(ctx, ep); err != nil {
		return fmt.Errorf("endpoint %q: %w", ep.UID, err)
	}
	h.catalogue.forget(ep.Application)
	h.operationsChanged(ctx, ep.Application)
	h.announce(ctx, EndpointCreated, ep)
	if ep.handshakeDue() {
		return h.shakeHands(ctx, ep)
	}
	return nil
}

// checkLasting makes sure that there will always be a secret to sign with.
func (ep *Endpoint) checkLasting() error {
	if !slices.ContainsFunc(ep.Secrets, func(s Secret) bool { return s.ExpiresAt.IsZero() }) {
		return &InvalidError{"secret", "one must be there that does not expire"}
	}
	return nil
}

// Endpoint finds an endpoint of an application by id or uid.
func (h *Hub) Endpoint(ctx context.Context, app ApplicationID, ref string) (*Endpoint, error) {
	ep, err := h.store.Endpoint(ctx, app, ref)
	if err != nil {
		return nil, fmt.Errorf("endpoint %q: %w", ref, err)
	}
	return ep, nil
}

// Endpoints lists an application's endpoints by age.
func (h *Hub) Endpoints(ctx context.Context, app ApplicationID, page Page) ([]*Endpoint, error) {
	return h.store.Endpoints(ctx, app, page)
}

// UpdateEndpoint stores ep as it now is; what waits for it is sent by the new
// settings. Enabling an endpoint that was disabled clears its failures. It returns
// ErrConflict when the endpoint was changed since ep was read.
func (h *Hub) UpdateEndpoint(ctx context.Context, ep *Endpoint) error {
	if err := h.checkKind(ctx, ep); err != nil {
		return err
	}
	if err := h.checkEndpoint(ctx, ep); err != nil {
		return err
	}
	if err := h.checkChangedCertificates(ctx, ep); err != nil {
		return err
	}
	if ep.Disabled || ep.DisabledReason != "" {
		ep.FailingSince = time.Time{} // what is sent nothing does not fail
	}
	if !ep.Disabled {
		ep.DisabledReason = ""
	}
	ep.UpdatedAt = h.now()
	if err := ep.checkLasting(); err != nil {
		return err
	}
	old := h.before(ctx, ep)
	if err := h.store.UpdateEndpoint(ctx, ep); err != nil {
		return fmt.Errorf("endpoint %s: %w", ep.ID, err)
	}
	if err := h.reconfigure(context.WithoutCancel(ctx), ep); err != nil {
		return err
	}
	h.announceChange(ctx, old, ep)
	if ep.Kind == KindPoller || ep.drops() {
		if _, err := h.CancelWaiting(context.WithoutCancel(ctx), ep); err != nil { // which would wait for ever
			return err
		}
	}
	if ep.handshakeDue() {
		return h.shakeHands(ctx, ep)
	}
	return nil
}

// DeleteEndpoint removes an endpoint; what waits for it is cancelled.
func (h *Hub) DeleteEndpoint(ctx context.Context, app ApplicationID, id EndpointID) error {
	return h.DeleteEndpointAt(ctx, app, id, 0)
}

// DeleteEndpointAt is DeleteEndpoint, but for one whose Revision is another, which
// is ErrConflict; 0: whichever it is.
func (h *Hub) DeleteEndpointAt(ctx context.Context, app ApplicationID, id EndpointID, revision int64) error {
	old := h.before(ctx, &Endpoint{Application: app, ID: id})
	if err := h.store.DeleteEndpointAt(ctx, app, id, revision); err != nil {
		return fmt.Errorf("endpoint %s: %w", id, err)
	}
	h.catalogue.forget(app)
	h.grants.forget(id)
	h.inbox.put(removed{id})
	h.operationsChanged(ctx, app)
	if old != nil {
		h.announce(ctx, EndpointDeleted, old)
	}
	return nil
}

// RotateSecret makes text the endpoint's signing secret, or a new random one
// when text is empty. Those before it sign beside it for overlap at most; with 0
// they are dropped at once, and so is what another signature left behind that this
// one cannot sign with.
func (h *Hub) RotateSecret(ctx context.Context, ep *Endpoint, text string, overlap time.Duration) error {
	if overlap < 0 || overlap > maxOverlap {
		return &InvalidError{"gracePeriodSeconds", fmt.Sprintf("from 0 to %d", int(maxOverlap.Seconds()))}
	}
	if text == "" {
		text = ep.profile().GenerateSecret()
	}
	now := h.now()
	kept := []Secret{{Text: text}}
	for _, s := range ep.Secrets {
		if s.Text == text || expired(s, now) || checkSecret(ep.profile(), s.Text) != nil {
			continue
		}
		if end := now.Add(overlap); s.ExpiresAt.IsZero() || s.ExpiresAt.After(end) {
			s.ExpiresAt = end
		}
		if overlap > 0 {
			kept = append(kept, s)
		}
	}
	if len(kept) > maxSecrets {
		return &InvalidError{"key", fmt.Sprintf("the endpoint has %d secrets still in use; wait until one expires", len(kept)-1)}
	}
	ep.Secrets = kept
	return h.UpdateEndpoint(ctx, ep)
}

func expired(s Secret, now time.Time) bool {
	return !s.ExpiresAt.IsZero() && !now.Before(s.ExpiresAt)
}

// PauseEndpoint stops starting attempts; deliveries go on gathering. Those
// under way are seen through.
func (h *Hub) PauseEndpoint(ctx context.Context, ep *Endpoint) error {
	ep.Paused = true
	return h.UpdateEndpoint(ctx, ep)
}

// ResumeEndpoint undoes PauseEndpoint.
func (h *Hub) ResumeEndpoint(ctx context.Context, ep *Endpoint) error {
	ep.Paused = false
	return h.UpdateEndpoint(ctx, ep)
}

// CancelWaiting cancels every delivery that waits for ep and returns how many
// there were, or, with an error, how many were cancelled before it. With
// PauseEndpoint it is "pause and drop what is queued".
func (h *Hub) CancelWaiting(ctx context.Context, ep *Endpoint) (int, error) {
	n, err := h.store.CancelLane(ctx, ep.Application, ep.ID)
	if n > 0 {
		h.cancels.Add(1)
		h.inbox.put(emptied{ep.Application, ep.ID})
	}
	if err != nil {
		return n, fmt.Errorf("endpoint %s: %w", ep.ID, err)
	}
	return n, nil
}

// disable turns an endpoint off for a reason of its own making: it answered
// 410, or has done nothing but fail for too long, at the address that t has. What
// waits is held.
func (h *Hub) disable(ctx context.Context, t *target, reason string) error {
	told := false
	ep, err := h.amend(ctx, t.Application, t.ID, func(ep *Endpoint) error {
		if ep.Disabled || ep.URL != t.URL {
			return errMoot
		}
		if !told {
			if err := h.announceDisabling(ctx, ep, reason); err != nil {
				return err
			}
			told = true
		}
		ep.Disabled, ep.DisabledReason, ep.UpdatedAt = true, reason, h.now()
		return nil
	})
	if errors.Is(err, ErrNotFound) || errors.Is(err, errMoot) {
		return nil // deleted, disabled or moved meanwhile
	}
	if err != nil {
		return err
	}
	h.opt.Logger.WarnContext(ctx, "endpoint disabled", "application", t.Application, "endpoint", t.ID, "reason", reason)
	h.auditOwn(ctx, "endpoint.disable", ep, reason)
	if err := h.reconfigure(ctx, ep); err != nil {
		return err
	}
	h.operationsChanged(ctx, t.Application)
	return nil
}

// allEndpoints reads the whole of an application's endpoints.
func (h *Hub) allEndpoints(ctx context.Context, app ApplicationID) ([]*Endpoint, error) {
	var all []*Endpoint
	page := Page{Limit: MaxPage, Ascending: true}
	for {
		eps, err := h.store.Endpoints(ctx, app, page)
		if err != nil {
			return nil, err
		}
		all = append(all, eps...)
		if len(eps) < page.Limit {
			return all, nil
		}
		page.After = string(eps[len(eps)-1].ID)
	}
}
