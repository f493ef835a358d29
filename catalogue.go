package fanfare

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare/internal/expression"
	"github.com/fanfarehq/fanfare/internal/lane"
	"github.com/fanfarehq/fanfare/internal/post"
	"github.com/fanfarehq/fanfare/webhook"
)

// A target is an endpoint made ready to send to. It never changes: when the
// endpoint does, there is a new one.
type target struct {
	*Endpoint
	age       int // the catalogue's changes when it was read: a larger one is newer
	appRate   int
	host      string
	owner     string // what its application is called towards it: uid, or else id
	format    format
	to        *post.Target
	tls       *tls.Config        // what connections are made with; nil: the usual
	grant     *grant             // fetches access tokens; nil: none is needed
	special   bool               // attempts are errands
	bins      *Bins              // of this program, if the endpoint is one of them; nil: it is elsewhere
	function  Function           // what its messages go to, instead of what follows; nil: none
	connector *Connector         // likewise
	filter    *expression.Filter // nil: none
	constant  []Header           // what every attempt carries
	signers   []signer           // by the time they end, soonest first
	keyAt     pointer            // where its ordering keys stand; nil: only messages say
	plans     plans
	unfit     bool // it cannot be sent to: only what is needed to keep its messages is set
}

// A signer signs with the secrets that are in force until a time; zero: for good.
type signer struct {
	*webhook.Signer          // of the standard; nil for other profiles, which take the texts
	texts           []string // newest first
	until           time.Time
}

func newTarget(app *Application, ep *Endpoint, now time.Time) (*target, error) {
	u, err := ep.address()
	if err != nil {
		return nil, fmt.Errorf("url: %w", err)
	}
	t := &target{Endpoint: ep, appRate: app.RateLimit, host: u.Host, constant: constantHeader(ep)}
	t.owner = orDefault(app.UID, string(app.ID))
	if t.keyAt, err = ep.keyAt(); err != nil {
		return nil, err
	}
	t.constant = append(t.constant, ep.shopHeader(t.owner)...)
	if t.format = formatNamed(ep.Format); t.format == nil {
		return nil, fmt.Errorf("format: %q is not known here", ep.Format)
	}
	if ep.IncludeApplication {
		t.constant = append(t.constant, Header{webhook.HeaderApplication, t.owner})
		if ep.Format == "envelope" {
			t.format = envelopeOf
		}
	}
	if t.tls, err = ep.Auth.tlsConfig(); err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	t.special = ep.isSpecial(t.constant)
	t.to = t.reach(u)
	if t.signers, err = signersOf(ep.profile(), ep.Secrets, now); err != nil {
		return nil, fmt.Errorf("secrets: %w", err)
	}
	return t, nil
}

// reach is a place on the endpoint's host, to which requests go as from the
// endpoint.
func (t *target) reach(u *url.URL) *post.Target {
	return post.NewTarget(u, appendLines(nil, t.constant)).Over(t.tls)
}

// signersOf makes a signer for each stretch of time between now and the last
// expiry of a secret, and one for the time after it.
func signersOf(profile webhook.Profile, secrets []Secret, now time.Time) ([]signer, error) {
	ends := []time.Time{{}}
	for _, s := range secrets {
		if !s.ExpiresAt.IsZero() && !expired(s, now) {
			ends = append(ends, s.ExpiresAt)
		}
	}
	slices.SortFunc(ends[1:], time.Time.Compare)
	ends = append(ends[1:], time.Time{})
	var signers []signer
	from := now
	for _, until := range ends {
		inForce := slices.DeleteFunc(slices.Clone(secrets), func(s Secret) bool { return expired(s, from) })
		s, err := newSigner(profile, inForce, until)
		if err != nil {
			return nil, err
		}
		signers = append(signers, s)
		from = until
	}
	return signers, nil
}

func newSigner(profile webhook.Profile, inForce []Secret, until time.Time) (signer, error) {
	if profile != webhook.Standard {
		return newTextSigner(profile, inForce, until)
	}
	parsed := make([]*webhook.Secret, len(inForce))
	for i, s := range inForce {
		var err error
		if parsed[i], err = webhook.ParseSecret(s.Text); err != nil {
			return signer{}, err
		}
	}
	s, err := webhook.NewSigner(parsed...)
	return signer{Signer: s, until: until}, err
}

// signer is the one in force at that time: the last is for good.
func (t *target) signer(at time.Time) *signer {
	for i := range t.signers {
		if s := &t.signers[i]; s.until.IsZero() || at.Before(s.until) {
			return s
		}
	}
	return &t.signers[len(t.signers)-1]
}

func (t *target) settings() lane.Settings {
	rate, inFlight := t.RateLimit, t.MaxInFlight
	if c := t.connector; c != nil {
		rate, inFlight = orDefault(rate, c.Rate), orDefault(inFlight, c.InFlight)
	}
	return lane.Settings{
		Endpoint: string(t.ID), Application: string(t.Application), Host: t.host,
		Ordered: t.Ordered, Paused: t.Paused || t.Disabled || t.Kind == KindPoller || t.unfit || t.awaits() || !t.Verified(),
		MaxInFlight: inFlight, Rate: float64(rate), AppRate: float64(t.appRate),
		FailingSince: t.FailingSince, Gather: lane.Gather(t.Batch),
	}
}

// A roster is an application and all its endpoints, made ready.
type roster struct {
	app      *Application
	reserved bool // it is the operational one, to which only the Hub sends
	pins     bool // some endpoint has pinned a version of an event type
	targets  []*target
}

func (r *roster) find(id EndpointID) *target {
	for _, t := range r.targets {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// roster is the roster of an application by id or uid, for callers from outside, to
// whom the operational one is not there.
func (h *Hub) roster(ctx context.Context, ref string) (*roster, error) {
	r, err := h.catalogue.of(ctx, ref)
	if err == nil && r.reserved {
		return nil, fmt.Errorf("application %q: %w", ref, ErrNotFound)
	}
	return r, err
}

func (h *Hub) loadRoster(ctx context.Context, ref string) (*roster, error) {
	app, err := h.store.Application(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("application %q: %w", ref, err)
	}
	eps, err := h.allEndpoints(ctx, app.ID)
	if err != nil {
		return nil, err
	}
	r := &roster{app: app, reserved: app.ID == OperationalApplication, targets: make([]*target, len(eps))}
	now := h.now()
	for i, ep := range eps {
		r.pins = r.pins || len(ep.EventTypeVersions) > 0
		if r.targets[i], err = h.target(app, ep, now); err != nil {
			h.opt.Logger.ErrorContext(ctx, "an endpoint cannot be sent to", "error", err)
			r.targets[i] = h.unfit(app, ep)
		}
	}
	return r, nil
}

// target is newTarget with what it has of h.
func (h *Hub) target(app *Application, ep *Endpoint, now time.Time) (*target, error) {
	t, err := newTarget(app, ep, now)
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", ep.ID, err)
	}
	if ep.Auth.OAuth2 != nil {
		if t.grant, err = h.grants.of(ep); err != nil {
			return nil, err
		}
	}
	if ep.Format == "thin" {
		t.format = thinAt(h.opt.BaseURL)
	}
	if ep.Kind == KindFunction {
		t.function, t.host = h.functions.of(ep), ep.URL
	}
	if h.opt.Bins.has(ep.URL) {
		t.bins, t.special = h.opt.Bins, true
	}
	if t.filter, err = h.filters.of(ep.Filter); err != nil {
		return nil, err
	}
	if c, ok := h.opt.Connectors[ep.Kind]; ok {
		t.connector, t.host = &c, ep.URL
	}
	t.plans = plansOf(app, ep, h.opt.Retry)
	return t, nil
}

// unfit stands in a roster for an endpoint of which no target can be made, such as
// one that another version of this program has stored. It is paused, so that it
// holds up no other.
func (h *Hub) unfit(app *Application, ep *Endpoint) *target {
	return &target{
		Endpoint: ep, appRate: app.RateLimit, owner: orDefault(app.UID, string(app.ID)),
		plans: plansOf(app, ep, h.opt.Retry), unfit: true,
	}
}

// Unusable says in a sentence why, at that time, nothing can be sent to ep by what
// is stored of it, and what to do; "" when it can.
func (ep *Endpoint) Unusable(at time.Time) string {
	if ep.Kind == KindPoller {
		return ""
	}
	_, err := newTarget(&Application{}, ep, at)
	if err == nil && ep.Auth.OAuth2 != nil {
		_, err = newGrant(&ep.Auth)
	}
	if err == nil {
		return ""
	}
	return "Its settings cannot be used: " + plain(err.Error()) + ". What is for it waits until that is changed."
}

// maxRosters bounds the catalogue; beyond it, it begins anew.
const maxRosters = 10_000

// catalogue keeps the rosters in use in memory, so that accepting a message
// reads nothing from disk.
type catalogue struct {
	load func(ctx context.Context, ref string) (*roster, error)

	mu      sync.RWMutex
	byRef   map[string]*roster // by id, and by uid where one was asked for
	changes int                // counts what was forgotten, so that a load that began before is not kept
}

// of returns the roster of an application by id or uid.
func (c *catalogue) of(ctx context.Context, ref string) (*roster, error) {
	c.mu.RLock()
	r, changes := c.byRef[ref], c.changes
	c.mu.RUnlock()
	if r != nil {
		return r, nil
	}
	r, err := c.load(ctx, ref)
	if err != nil {
		return nil, err
	}
	for _, t := range r.targets {
		t.age = changes
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == changes {
		if c.byRef == nil || len(c.byRef) >= maxRosters {
			c.byRef = make(map[string]*roster)
		}
		c.byRef[ref] = r
		c.byRef[string(r.app.ID)] = r
	}
	return r, nil
}

// forget drops what is kept of an application, which has changed.
func (c *catalogue) forget(id ApplicationID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	for ref, r := range c.byRef {
		if r.app.ID == id {
			delete(c.byRef, ref)
		}
	}
}

// forgetAll drops all that is kept.
func (c *catalogue) forgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.changes++
	c.byRef = nil
}

// reconfigure makes the engine see an endpoint's new settings at once.
func (h *Hub) reconfigure(ctx context.Context, ep *Endpoint) error {
	h.catalogue.forget(ep.Application)
	r, err := h.catalogue.of(ctx, string(ep.Application))
	if err != nil {
		h.inbox.put(unwoken{ep.Application, ep.ID}) // it is stored already
		return err
	}
	if t := r.find(ep.ID); t != nil {
		h.inbox.put(configured{[]*target{t}})
	}
	return nil
}

// present reports whether nothing has changed since the catalogue was at that age.
func (c *catalogue) present(age int) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.changes == age
}

// reconfigureAll does it for all of an application's endpoints.
func (h *Hub) reconfigureAll(ctx context.Context, id ApplicationID) error {
	h.catalogue.forget(id)
	r, err := h.catalogue.of(ctx, string(id))
	if err != nil {
		if !errors.Is(err, ErrNotFound) {
			h.inbox.put(unread{id}) // it is stored already
		}
		return err
	}
	h.inbox.put(configured{r.targets})
	return nil
}
