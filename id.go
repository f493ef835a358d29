package fanfare

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"strings"
	"sync"
	"time"
)

// Identifiers are a prefix and 26 letters and digits: 16 bytes in the layout of
// a version 7 UUID (RFC 9562 §5.7), in Crockford's base 32. They sort by time
// of creation, and contain no dot, which a signature could not carry.
type (
	ApplicationID string // app_…
	EndpointID    string // ep_…
	EventTypeID   string // evtype_…
	MessageID     string // msg_…
	AttemptID     string // atmpt_…
)

var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

const (
	idDigits   = 26
	lastDigits = "048CGMRW" // those whose last two of five bits, which are too many, are 0
)

// EncodeID writes the 16 bytes of an identifier behind its prefix, which
// includes the underscore. Stores use it; callers have no need to.
func EncodeID(prefix string, raw [16]byte) string {
	b := append(make([]byte, 0, 16+idDigits), prefix...)
	return string(crockford.AppendEncode(b, raw[:]))
}

// DecodeID gives the 16 bytes of an identifier, and false if text is not
// exactly what EncodeID writes for that prefix.
func DecodeID(prefix, text string) (raw [16]byte, ok bool) {
	digits, ok := strings.CutPrefix(text, prefix)
	if !ok || len(digits) != idDigits || strings.IndexByte(lastDigits, digits[idDigits-1]) < 0 {
		return raw, false
	}
	var buf [idDigits]byte
	copy(buf[:], digits)
	if n, err := crockford.Decode(raw[:], buf[:]); err != nil || n != len(raw) {
		return [16]byte{}, false
	}
	return raw, true
}

// ids makes identifiers that only grow, even when the clock steps back: order
// of identifiers is order of acceptance, and ordered endpoints rest on it.
type ids struct {
	mu     sync.Mutex
	last   uint64    // milliseconds<<12 | counter of the newest one made
	chance [512]byte // random, for several
	used   int       // of chance; at 0 it has to be drawn
}

// floor makes every further identifier larger than one made before, by an
// earlier process perhaps.
func (g *ids) floor(raw [16]byte) {
	ms := binary.BigEndian.Uint64(raw[:8]) >> 16
	counter := uint64(binary.BigEndian.Uint16(raw[6:8])) & 0xfff
	g.mu.Lock()
	g.last = max(g.last, ms<<12|counter)
	g.mu.Unlock()
}

// pass makes every further identifier stand behind an ordinal.
func (g *ids) pass(ordinal uint64) {
	g.mu.Lock()
	g.last = max(g.last, ordinal)
	g.mu.Unlock()
}

func (g *ids) next(now time.Time, prefix string) string {
	g.mu.Lock()
	g.last = max(g.last+1, uint64(now.UnixMilli())<<12)
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], g.last>>12<<16|0x7000|g.last&0xfff)
	if g.used == 0 {
		rand.Read(g.chance[:]) // never fails: crypto/rand ends the process instead
	}
	g.used = (g.used + copy(raw[8:], g.chance[g.used:])) % len(g.chance)
	g.mu.Unlock()
	raw[8] = raw[8]&0x3f | 0x80
	return EncodeID(prefix, raw)
}
