// Package inspect keeps bins: addresses that take whatever is sent to them, so that
// people can look at it. A bin's requests are in memory only, the newest of them, for
// as long as there is room and somebody takes an interest. Pages show them; see
// package ui.
package inspect

import (
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare/internal/verdict"
	"github.com/fanfarehq/fanfare/webhook"
)

// Bounds of what is kept. A bin that is neither sent anything nor looked at for Idle
// goes, and so does the one that was idle the longest when there are more than MaxBins,
// or of its owner more than MaxOwned.
const (
	MaxBins     = 1000
	MaxOwned    = 50
	MaxRequests = 200
	MaxPinned   = 20 // requests of a bin, and half of its bytes
	MaxNote     = 500
	MaxBody     = 1 << 20  // bytes of one request that are kept
	MaxBytes    = 8 << 20  // of all of a bin
	MaxTotal    = 64 << 20 // of all bins
	MaxAnswer   = 64 << 10
	MaxTimes    = 1000 // requests that are answered otherwise for a while
	MaxDelay    = 30 * time.Second
	Idle        = 24 * time.Hour

	maxWaiting = 256 // answers that are delayed at once
	maxSecrets = 16
	maxSecret  = 4096
	maxHeader  = 1024 // of a line of an answer's header
)

// Path is what the addresses of bins begin with.
const Path = "/bin/"

var (
	// ErrNotFound says that there is no such bin, or no such request in it, any more.
	ErrNotFound = errors.New("there is no such bin any more")
	// ErrInvalid says that an answer or a secret is none that can be kept; the error
	// around it says why.
	ErrInvalid = errors.New("invalid")
)

// An Answer is what a bin answers.
type Answer struct {
	Status      int // 200 to 599
	Body        string
	ContentType string
	Headers     [][2]string   // of those that senders act on: see AnswerHeaders
	Delay       time.Duration // before it
	Times       int           // only so many requests are answered so; 0: all from now on
}

// A Secret is what signatures of a profile are verified with.
type Secret struct {
	Profile webhook.Profile
	text    string
	judge   verdict.Judge
}

// A Request is one that came to a bin.
type Request struct {
	ID      int // counted from 1, in its bin
	At      time.Time
	Method  string
	Target  string // path and query
	URL     string // where it was sent to, as far as the server knows
	Proto   string
	Address string // where it came from
	TLS     string // version of it; "": none
	Header  http.Header
	Body    []byte
	Cut     bool // there was more of it
	Answer  int  // its status
	Took    time.Duration
	Type    string // of event, as far as it says; ""
	Pinned  bool   // newer ones do not push it out
	Note    string // somebody's about it
}

// A Bin is a copy of one, at a moment.
type Bin struct {
	ID, Token, Share string // Share "": it is not shown to others
	Owner            string // who made it
	CreatedAt        time.Time
	Answer           Answer
	Next             *Answer  // goes before it while its Times last; nil: none does
	Secrets          []Secret // by profile
	Received         int      // requests that ever came
	Requests         []Request
}

// bin is one in the making.
type bin struct {
	Bin
	bytes  int
	pinned int // of them, in requests that are pinned
	used   time.Time
	rings  map[chan struct{}]bool // those who wait for news
}

// Bins are all bins of a server.
type Bins struct {
	base string

	mu      sync.Mutex
	byID    map[string]*bin
	byToken map[string]*bin
	byShare map[string]*bin
	bytes   int
	pinned  int // of them, in requests that are pinned: half of MaxTotal at most
	waiting int
}

// New returns no bins yet. base is where people reach the server, such as
// https://hooks.example.com; "": as requests say.
func New(base string) *Bins {
	return &Bins{base: strings.TrimRight(base, "/"), byID: map[string]*bin{}, byToken: map[string]*bin{}, byShare: map[string]*bin{}}
}

func name() string { return strings.ToLower(rand.Text()) }

// Create makes a bin, which answers 200.
func (s *Bins) Create(owner string, now time.Time) Bin {
	b := &bin{Bin: Bin{ID: name(), Token: name(), Owner: owner, CreatedAt: now, Answer: Answer{Status: http.StatusOK}}, used: now, rings: map[chan struct{}]bool{}}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireLocked(now)
	for n := s.ownedLocked(owner); n >= MaxOwned; n-- {
		s.dropLocked(s.oldestLocked(func(b *bin) bool { return b.Owner == owner }))
	}
	for len(s.byID) >= MaxBins {
		s.dropLocked(s.oldestLocked(func(*bin) bool { return true }))
	}
	s.byID[b.ID], s.byToken[b.Token] = b, b
	return b.Bin
}

func (s *Bins) ownedLocked(owner string) (n int) {
	for _, b := range s.byID {
		if b.Owner == owner {
			n++
		}
	}
	return n
}

// oldestLocked is the one of those meant that was idle the longest.
func (s *Bins) oldestLocked(meant func(*bin) bool) (oldest *bin) {
	for _, b := range s.byID {
		if meant(b) && (oldest == nil || b.used.Before(oldest.used)) {
			oldest = b
		}
	}
	return oldest
}

func (s *Bins) expireLocked(now time.Time) {
	for _, b := range s.byID {
		if now.Sub(b.used) >= Idle {
			s.dropLocked(b)
		}
	}
}

func (s *Bins) dropLocked(b *bin) {
	delete(s.byID, b.ID)
	delete(s.byToken, b.Token)
	delete(s.byShare, b.Share)
	s.bytes -= b.bytes
	s.pinned -= b.pinned
	b.ringLocked()
}

// Delete removes an owner's bin with all that is in it.
func (s *Bins) Delete(owner, id string) error {
	return s.change(owner, id, func(b *bin) error {
		s.dropLocked(b)
		return nil
	})
}

// List returns the bins of an owner, the newest first, without what is in them.
func (s *Bins) List(owner string, now time.Time) (all []Bin) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireLocked(now)
	for _, b := range s.byID {
		if b.Owner == owner {
			one := b.Bin
			one.Requests = nil
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b Bin) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return all
}

// Read returns an owner's bin, with its requests, the newest first.
func (s *Bins) Read(owner, id string, now time.Time) (Bin, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.readLocked(s.byID[id], owner, now)
}

// At returns an owner's bin by what stands in its address behind [Path], without what is
// in it.
func (s *Bins) At(owner, token string) (Bin, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.byToken[token]
	if b == nil || b.Owner != owner {
		return Bin{}, ErrNotFound
	}
	one := b.Bin
	one.Requests, one.Secrets = nil, nil
	return one, nil
}

// Shared returns the bin that a share link leads to, without what only its owner is to
// see: the secrets and where else it is known.
func (s *Bins) Shared(share string, now time.Time) (Bin, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.byShare[share]
	if b == nil {
		return Bin{}, ErrNotFound
	}
	return s.readLocked(b, b.Owner, now)
}

func (s *Bins) readLocked(b *bin, owner string, now time.Time) (Bin, error) {
	if b == nil || b.Owner != owner {
		return Bin{}, ErrNotFound
	}
	if now.Sub(b.used) >= Idle {
		s.dropLocked(b)
		return Bin{}, ErrNotFound
	}
	b.used = now
	one := b.Bin
	one.Requests, one.Secrets = slices.Clone(b.Requests), slices.Clone(b.Secrets)
	slices.Reverse(one.Requests)
	return one, nil
}

// change does something to an owner's bin.
func (s *Bins) change(owner, id string, do func(b *bin) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.byID[id]
	if b == nil || b.Owner != owner {
		return ErrNotFound
	}
	defer b.ringLocked()
	return do(b)
}

// Empty removes the requests of a bin.
func (s *Bins) Empty(owner, id string) error {
	return s.change(owner, id, func(b *bin) error {
		s.bytes -= b.bytes
		s.pinned -= b.pinned
		b.Requests, b.bytes, b.pinned = nil, 0, 0
		return nil
	})
}

// SetShare makes a link to a bin that everybody who has it can look at it by, or takes
// it back.
func (s *Bins) SetShare(owner, id string, on bool) error {
	return s.change(owner, id, func(b *bin) error {
		delete(s.byShare, b.Share)
		if b.Share = ""; on {
			b.Share = name()
			s.byShare[b.Share] = b
		}
		return nil
	})
}

// Watch returns a channel on which something comes when a bin has changed, and a
// function that ends that.
func (s *Bins) Watch(id string) (news <-chan struct{}, end func()) {
	ring := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.byID[id]
	if b == nil {
		ring <- struct{}{}
		return ring, func() {}
	}
	b.rings[ring] = true
	return ring, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(b.rings, ring)
	}
}

func (b *bin) ringLocked() {
	for ring := range b.rings {
		select {
		case ring <- struct{}{}:
		default: // it has not heard of the last change yet
		}
	}
}
