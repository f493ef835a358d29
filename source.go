package fanfare

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare/webhook"
)

// A SourceID names a source: src_….
type SourceID string

// A Source is where an application takes in somebody else's webhooks: an address of
// its own, at which they are verified and become messages. Package source serves it.
type Source struct {
	ID          SourceID
	Application ApplicationID
	UID         string // the caller's own name for it, unique in its application
	Name        string // for people, and in the event type source.<name>
	Description string

	// Token is the end of the source's address, which nobody can guess. OldToken, if it
	// has a text, is the one before it, which is good until it expires.
	Token    string
	OldToken Secret

	Profile string       // how requests are verified, one of [SourceProfiles]
	HMAC    webhook.HMAC // of [ProfileHMAC]

	// Secrets verify, newest first: more than one while a rotation overlaps. The profile
	// none has none.
	Secrets []Secret

	// PublicURL is the source's address as the sender knows it, for the profiles that sign
	// that; "": the one it has at the handler's BaseURL. Its query does not count.
	PublicURL string

	// Filter, if it is not "", is an expression (CEL) that a message has to match to be
	// kept. What does not is answered as if it were.
	Filter string

	// EventType, if it is not "", is a template for the event type of its messages, in
	// which eventType is the one that they would have otherwise.
	EventType string

	// Dedupe is what a request is known by when it comes again: "" as the profile has it,
	// "header:Name" that header, "body" a digest of the body, "off" nothing.
	Dedupe string

	Response  SourceResponse
	RateLimit int  // requests taken a second; 0: any number
	Disabled  bool // requests are answered 410, and nothing is kept

	CreatedAt time.Time
	UpdatedAt time.Time

	// Revision counts the changes. UpdateSource returns ErrConflict when it is not that
	// of what is stored; 0: it is not compared.
	Revision int64
}

// A SourceResponse is what the sender of a request that was taken is answered.
type SourceResponse struct {
	Status int // 200 to 299; 0: 202, or 200 where the profile's service wants that

	// Body is a template, filled in for the message. What begins with { or [ is JSON,
	// what begins with < is XML, and values are escaped so; "": as the profile has it.
	Body string
}

// The profiles that only sources have, beside those of package webhook.
const (
	ProfileHMAC          = "hmac"           // any HMAC of the body, as Source.HMAC says
	ProfileSlackOutgoing = "slack-outgoing" // Slack's old outgoing webhooks and commands, which hold a token
)

// SourceProfiles are the names that [Source.Profile] may have.
func SourceProfiles() []string {
	all := []string{ProfileHMAC, ProfileSlackOutgoing}
	for _, p := range webhook.Profiles() {
		all = append(all, string(p))
	}
	slices.Sort(all)
	return all
}

// What a source's profile takes for a duplicate; see [Source.Dedupe].
const (
	DedupeOff    = "off"
	DedupeBody   = "body"
	DedupeHeader = "header:" // and its name
)

// MaxSources is how many sources an application may have.
const MaxSources = 1000

// Sources is where sources are kept. What is secret in one is its Token, OldToken and
// Secrets, which stores seal.
type Sources interface {
	CreateSource(ctx context.Context, src *Source, most int) error // ErrNotFound: no such application; ErrExists: uid taken; ErrTooMany: it has most already
	Source(ctx context.Context, app ApplicationID, ref string) (*Source, error)
	Sources(ctx context.Context, app ApplicationID, page Page) ([]*Source, error)
	UpdateSource(ctx context.Context, src *Source) error // ErrExists: uid taken; ErrConflict
	// DeleteSource leaves the messages that came by it.
	DeleteSource(ctx context.Context, app ApplicationID, id SourceID) error
	// SourceOf finds the source, of whichever application, of which that is the
	// TokenHash of the Token or of the OldToken, though it may have expired.
	SourceOf(ctx context.Context, hash [32]byte) (*Source, error)
}

// TokenHash is what a store finds a source's token by.
func TokenHash(token string) [32]byte { return sha256.Sum256([]byte("source\n" + token)) }

// newSourceToken makes a token of 130 random bits.
func newSourceToken() string { return strings.ToLower(rand.Text()) }

// CreateSource checks and stores src in the application src.Application, and fills in
// its id, token and times. It returns ErrNotFound when there is no such application,
// ErrExists when the uid is taken, and ErrTooMany when it has MaxSources.
func (h *Hub) CreateSource(ctx context.Context, src *Source) error {
	if err := h.checkSource(src); err != nil {
		return err
	}
	if src.Application == OperationalApplication {
		return fmt.Errorf("source: %w", ErrNotFound)
	}
	if err := h.floor(ctx); err != nil {
		return err
	}
	now := h.now()
	src.ID = SourceID(h.ids.next(now, "src_"))
	src.Token, src.OldToken = newSourceToken(), Secret{}
	src.CreatedAt, src.UpdatedAt = now, now
	if err := h.store.CreateSource(ctx, src, MaxSources); err != nil {
		return fmt.Errorf("source %q: %w", src.UID, err)
	}
	return nil
}

// Source finds a source of an application by id or uid.
func (h *Hub) Source(ctx context.Context, app ApplicationID, ref string) (*Source, error) {
	src, err := h.store.Source(ctx, app, ref)
	if err != nil {
		return nil, fmt.Errorf("source %q: %w", ref, err)
	}
	return src, nil
}

// Sources lists an application's sources by age.
func (h *Hub) Sources(ctx context.Context, app ApplicationID, page Page) ([]*Source, error) {
	return h.store.Sources(ctx, app, page)
}

// SourceOf finds the source that has that token now. An old one that has expired is
// ErrNotFound, as one that never was.
func (h *Hub) SourceOf(ctx context.Context, token string) (*Source, error) {
	if len(token) > maxSourceToken {
		return nil, ErrNotFound
	}
	src, err := h.store.SourceOf(ctx, TokenHash(token))
	if err != nil {
		return nil, err
	}
	if token != src.Token && (token != src.OldToken.Text || expired(src.OldToken, h.now())) {
		return nil, ErrNotFound
	}
	return src, nil
}

// maxSourceToken bounds what is looked up; ours are 26 characters.
const maxSourceToken = 128

// UpdateSource stores src as it now is. It returns ErrConflict when the source was
// changed since src was read.
func (h *Hub) UpdateSource(ctx context.Context, src *Source) error {
	now := h.now()
	src.Secrets = slices.DeleteFunc(slices.Clone(src.Secrets), func(s Secret) bool { return expired(s, now) })
	if err := h.checkSource(src); err != nil {
		return err
	}
	if expired(src.OldToken, now) {
		src.OldToken = Secret{}
	}
	src.UpdatedAt = now
	if err := h.store.UpdateSource(ctx, src); err != nil {
		return fmt.Errorf("source %s: %w", src.ID, err)
	}
	return nil
}

// DeleteSource removes a source. The messages that came by it stay.
func (h *Hub) DeleteSource(ctx context.Context, app ApplicationID, id SourceID) error {
	if err := h.store.DeleteSource(ctx, app, id); err != nil {
		return fmt.Errorf("source %s: %w", id, err)
	}
	h.inflow.forget(id)
	return nil
}

// RotateSourceToken gives src a new token. The one before it is good for overlap; one
// before that no longer is.
func (h *Hub) RotateSourceToken(ctx context.Context, src *Source, overlap time.Duration) error {
	if overlap < 0 || overlap > maxOverlap {
		return &InvalidError{"gracePeriodSeconds", fmt.Sprintf("from 0 to %d", int(maxOverlap.Seconds()))}
	}
	src.OldToken = Secret{}
	if overlap > 0 {
		src.OldToken = Secret{Text: src.Token, ExpiresAt: h.now().Add(overlap)}
	}
	src.Token = newSourceToken()
	return h.UpdateSource(ctx, src)
}

// AddSourceSecret makes text the newest secret of src. Those before it verify beside it
// for overlap at most.
func (h *Hub) AddSourceSecret(ctx context.Context, src *Source, text string, overlap time.Duration) error {
	if overlap < 0 || overlap > maxOverlap {
		return &InvalidError{"gracePeriodSeconds", fmt.Sprintf("from 0 to %d", int(maxOverlap.Seconds()))}
	}
	now := h.now()
	kept := []Secret{{Text: text}}
	for _, s := range src.Secrets {
		if s.Text == text || overlap == 0 || expired(s, now) {
			continue
		}
		if end := now.Add(overlap); s.ExpiresAt.IsZero() || s.ExpiresAt.After(end) {
			s.ExpiresAt = end
		}
		kept = append(kept, s)
	}
	if len(kept) > maxSecrets {
		return &InvalidError{"secret", fmt.Sprintf("the source has %d secrets still in use; wait until one expires", len(kept)-1)}
	}
	src.Secrets = kept
	return h.UpdateSource(ctx, src)
}

// InForce are the texts of the secrets of src that verify at that time.
func (src *Source) InForce(now time.Time) []string {
	var texts []string
	for _, s := range src.Secrets {
		if !expired(s, now) {
			texts = append(texts, s.Text)
		}
	}
	return texts
}

// Verifier verifies what src receives. One of which that cannot be said, for want of a
// secret or of a profile that is known, is an error: nothing is taken then.
func (src *Source) Verifier(now time.Time) (*webhook.Verifier, error) {
	secrets := src.InForce(now)
	switch src.Profile {
	case ProfileHMAC:
		return src.HMAC.Verifier(secrets...)
	case ProfileSlackOutgoing:
		return webhook.BodyToken.Verifier(secrets...)
	}
	return webhook.Profile(src.Profile).Verifier(secrets...)
}

// ReceivedOutcome is what became of what a source received.
type ReceivedOutcome string

// The outcomes.
const (
	ReceivedAccepted ReceivedOutcome = "accepted"
	ReceivedRepeated ReceivedOutcome = "repeated" // it was there already
	ReceivedFiltered ReceivedOutcome = "filtered" // the source's filter does not match
	ReceivedRefused  ReceivedOutcome = "refused"
)

// Receive accepts the messages that were made of one request to src: those that its
// filter lets through and that are not there yet, in one transaction. With an error,
// which may be an [*InvalidError] about one of them, none is kept.
func (h *Hub) Receive(ctx context.Context, src *Source, msgs []*Message) ([]ReceivedOutcome, error) {
	r, err := h.roster(ctx, string(src.Application))
	if err != nil {
		return nil, err
	}
	f, err := h.filters.of(src.Filter)
	if err != nil {
		return nil, err
	}
	outcomes := make([]ReceivedOutcome, len(msgs))
	var wanted []*Message
	var places []int
	for i, msg := range msgs {
		if err := h.precheck(ctx, msg); err != nil {
			return nil, err
		}
		if f != nil {
			if matches, why := f.Match(inputOf(msg)); !matches {
				outcomes[i] = ReceivedFiltered
				h.inflow.filtered(src, why, h.now())
				continue
			}
		}
		wanted, places = append(wanted, msg), append(places, i)
	}
	if len(wanted) == 0 {
		return outcomes, nil
	}
	errs, err := h.sendBatch(ctx, r, wanted, nil)
	if err != nil {
		return nil, err
	}
	for i, err := range errs {
		a := Arrival{At: h.now(), Outcome: ReceivedAccepted, Message: wanted[i].ID, EventID: wanted[i].EventID, EventType: wanted[i].EventType}
		switch {
		case err == nil:
		case errors.Is(err, ErrExists):
			a.Outcome, a.Message = ReceivedRepeated, ""
		default: // the catalogue has changed since precheck
			return nil, err
		}
		outcomes[places[i]] = a.Outcome
		h.inflow.arrived(src, a)
	}
	return outcomes, nil
}

// precheck is what sendBatch would refuse msg for, but that it is there already.
func (h *Hub) precheck(ctx context.Context, msg *Message) error {
	if err := h.checkMessage(msg); err != nil {
		return err
	}
	checks, err := h.loadChecks(ctx)
	if err != nil {
		return err
	}
	by := checks[msg.EventType]
	if by == nil || by.of.Validation != ValidationReject {
		return nil
	}
	return h.checkPayload(by, msg)
}
