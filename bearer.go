package fanfare

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"math/big"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Bearer is whoever has the secret of a key or of a session: exactly one of the
// two is there. It is shared, and not to be changed.
type Bearer struct {
	Key     *Key
	Session *Session

	used  atomic.Int64  // the minute in which a use was last noted
	ended chan struct{} // closed when it is no longer known to be let in
}

// Application is the only one that the bearer is let into; "": all.
func (b *Bearer) Application() ApplicationID {
	if b.Session != nil {
		return b.Session.Application
	}
	return b.Key.Application
}

// Hash is that of the bearer's secret, as it is stored.
func (b *Bearer) Hash() [32]byte {
	if b.Session != nil {
		return b.Session.Hash
	}
	return b.Key.Hash
}

// ExpiresAt is when the bearer is not let in any more; zero: never.
func (b *Bearer) ExpiresAt() time.Time {
	if b.Session != nil {
		return b.Session.ExpiresAt
	}
	return b.Key.ExpiresAt
}

// Ended is closed when the bearer has to ask to be let in again, such as when the
// key was revoked. Expiry by itself does not close it.
func (b *Bearer) Ended() <-chan struct{} { return b.ended }

// Secrets look like "fan_key_", 32 random bytes and a checksum over all that, in
// letters and digits. The prefix tells people and secret scanners what they see,
// and the checksum keeps what was mistyped or made up from being looked up. Keys of
// portals have their own, so that versions that do not know them let nobody in by one.
const (
	keySecret     = "fan_key_"
	portalSecret  = "fan_own_"
	sessionSecret = "fan_sess_"

	secretDigits = 43 // of 32 bytes in base 62
	sumDigits    = 6  // of a CRC-32
)

func newSecret(prefix string) string {
	var random [32]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the process instead
	digits := new(big.Int).SetBytes(random[:]).Text(62)
	text := prefix + strings.Repeat("0", secretDigits-len(digits)) + digits
	return text + checksum(text)
}

func checksum(text string) string {
	sum := big.NewInt(int64(crc32.ChecksumIEEE([]byte(text)))).Text(62)
	return strings.Repeat("0", sumDigits-len(sum)) + sum
}

// wellFormed reports whether text may be a secret of that kind at all.
func wellFormed(prefix, text string) bool {
	body := len(prefix) + secretDigits
	return len(text) == body+sumDigits && strings.HasPrefix(text, prefix) && checksum(text[:body]) == text[body:]
}

// pepperSetting is the store's setting that keeps what secrets are hashed with.
const pepperSetting = "key_pepper"

// maxBearers bounds the bearers in memory; beyond it they begin anew.
const maxBearers = 10_000

// bearers keeps those in use in memory, so that a request reads nothing from disk
// to be let in.
type bearers struct {
	store  Store
	wake   chan struct{} // holds a token when there are uses to be stored
	making sync.Mutex    // held while the pepper is read, or made

	mu      sync.RWMutex
	pepper  []byte               // nil until it was read or made
	byMark  map[[32]byte]*Bearer // by the SHA-256 of the secret, which never leaves memory
	changes int                  // counts what was forgotten, so that a load that began before is not kept
	uses    map[KeyID]time.Time
}

// Identify finds who has a secret. ErrNotFound: nobody, or nobody any more.
//
// Secrets are compared by their hashes only, so that the time it takes tells
// nothing of other secrets.
func (h *Hub) Identify(ctx context.Context, secret string) (*Bearer, error) {
	if len(secret) > len(sessionSecret)+secretDigits+sumDigits {
		return nil, ErrNotFound
	}
	b, err := h.bearers.of(ctx, secret)
	if err != nil {
		return nil, fmt.Errorf("bearer: %w", err)
	}
	now := h.now()
	if end := b.ExpiresAt(); !end.IsZero() && !now.Before(end) {
		return nil, fmt.Errorf("bearer: expired: %w", ErrNotFound)
	}
	h.bearers.use(b, now)
	return b, nil
}

// IsApplication reports whether ref is the id or the uid of an application that is
// known by its id. It looks for no other, and reads nothing from disk while that
// one is in use. ErrNotFound: it is not there any more.
func (h *Hub) IsApplication(ctx context.Context, id ApplicationID, ref string) (bool, error) {
	r, err := h.roster(ctx, string(id))
	if err != nil {
		return false, err
	}
	return ref == string(id) || ref != "" && ref == r.app.UID, nil
}

// hash is what is kept of a secret.
func (s *bearers) hash(ctx context.Context, secret string) (sum [32]byte, err error) {
	s.mu.RLock()
	pepper := s.pepper
	s.mu.RUnlock()
	if pepper == nil {
		if pepper, err = s.season(ctx); err != nil {
			return sum, err
		}
	}
	mac := hmac.New(sha256.New, pepper)
	mac.Write([]byte(secret))
	mac.Sum(sum[:0])
	return sum, nil
}

// season reads the pepper, or makes it where there is none.
func (s *bearers) season(ctx context.Context) ([]byte, error) {
	s.making.Lock()
	defer s.making.Unlock()
	pepper, err := storedKey(ctx, s.store, pepperSetting)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pepper = pepper
	return pepper, nil
}

// of returns the bearer of a secret.
func (s *bearers) of(ctx context.Context, secret string) (*Bearer, error) {
	mark := sha256.Sum256([]byte(secret))
	s.mu.RLock()
	b, changes := s.byMark[mark], s.changes
	s.mu.RUnlock()
	if b != nil {
		return b, nil
	}
	b, err := s.lookUp(ctx, secret)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch known := s.byMark[mark]; {
	case known != nil:
		return known, nil
	case s.changes != changes:
		close(b.ended) // it may have been revoked meanwhile: good for one request
		return b, nil
	case len(s.byMark) >= maxBearers:
		s.forgetLocked(func(*Bearer) bool { return true })
	}
	if s.byMark == nil {
		s.byMark = map[[32]byte]*Bearer{}
	}
	s.byMark[mark] = b
	return b, nil
}

// lookUp asks the store, if the secret may be one at all.
func (s *bearers) lookUp(ctx context.Context, secret string) (*Bearer, error) {
	isKey := wellFormed(keySecret, secret) || wellFormed(portalSecret, secret)
	if !isKey && !wellFormed(sessionSecret, secret) {
		return nil, ErrNotFound
	}
	hash, err := s.hash(ctx, secret)
	if err != nil {
		return nil, err
	}
	b := &Bearer{ended: make(chan struct{})}
	if isKey {
		b.Key, err = s.store.KeyOf(ctx, hash)
	} else {
		b.Session, err = s.store.SessionOf(ctx, hash)
	}
	return b, err
}

// forget makes those bearers be read again the next time, if they still are there.
func (s *bearers) forget(which func(*Bearer) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changes++
	s.forgetLocked(which)
}

func (s *bearers) forgetLocked(which func(*Bearer) bool) {
	for mark, b := range s.byMark {
		if which(b) {
			delete(s.byMark, mark)
			close(b.ended)
		}
	}
}

// use notes the use of a key, at most once a minute and in memory.
func (s *bearers) use(b *Bearer, now time.Time) {
	minute := now.Unix() / 60
	last := b.used.Load()
	if b.Key == nil || last == minute || !b.used.CompareAndSwap(last, minute) {
		return
	}
	s.mu.Lock()
	if s.uses == nil {
		s.uses = map[KeyID]time.Time{}
	}
	s.uses[b.Key.ID] = now
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// usesEvery is how often uses are stored at most.
const usesEvery = time.Minute

// noteUses stores when keys were used, until ctx ends, and then what is left.
func (d *dispatcher) noteUses(ctx context.Context) {
	s := &d.h.bearers
	for {
		select {
		case <-s.wake:
		case <-ctx.Done():
			s.storeUses(context.WithoutCancel(ctx), d)
			return
		}
		s.storeUses(context.WithoutCancel(ctx), d)
		select {
		case <-time.After(usesEvery):
		case <-ctx.Done():
		}
	}
}

func (s *bearers) storeUses(ctx context.Context, d *dispatcher) {
	s.mu.Lock()
	uses := s.uses
	s.uses = nil
	s.mu.Unlock()
	if len(uses) == 0 {
		return
	}
	if err := s.store.UseKeys(ctx, uses); err != nil {
		d.fault(ctx, "storing when keys were used", err)
	}
}
