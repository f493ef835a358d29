package front

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare/internal/plain"
)

// A guard stands between a connection and net/http, and passes on only what every
// reader of HTTP takes for the same requests. net/http is more forgiving than
// that: of a length beside chunks, of lines that end in a line feed only, of
// folded fields. Whoever stands before the server may read those otherwise, and
// take for a body what it takes for a request (RFC 9112 §11.2).
//
// A request that is not let through is replaced by one that the server's handler
// answers with the refusal; so the answers before it come first.
type guard struct {
	net.Conn
	server *Server
	ahead  []byte // read, and not passed on yet
	clear  int    // how many of them may be
	seen   int    // how many of a head were looked at
	begun  bool   // a head has, and its time runs
	part   part   // of a request, in which ahead begins
	left   int64  // bytes of a body or chunk that are not read yet
	err    error  // instead of all that follows

	mu     sync.Mutex
	theirs time.Time // the deadline that net/http has set
	ours   time.Time // for a head that has begun; zero: none has
}

// A part of a request.
type part uint8

const (
	inHead part = iota
	inBody
	inChunkLine
	inChunk
	inChunkEnd // the line end behind a chunk
	inTrailer
)

// Bounds on lines in a body of chunks.
const (
	maxChunkLine = 256
	maxTrailer   = 4 << 10
)

var errChunks = errors.New("the chunks of the body are malformed")

// Read implements net.Conn.
func (g *guard) Read(p []byte) (int, error) {
	for g.clear == 0 {
		switch {
		case g.err != nil:
			return 0, g.err
		case len(g.ahead) == 0 && g.left > 0:
			n, err := g.Conn.Read(p[:min(int64(len(p)), g.left)])
			g.pass(n)
			return n, err
		case g.step():
		default:
			if err := g.more(); err != nil {
				return 0, err
			}
		}
	}
	n := copy(p, g.ahead[:g.clear])
	g.clear -= n
	if g.ahead = g.ahead[n:]; len(g.ahead) == 0 {
		g.ahead = nil // however much it was
	}
	return n, nil
}

// more reads what is needed to go on.
func (g *guard) more() error {
	idle := len(g.ahead) == 0
	if !idle {
		g.begin()
	}
	g.ahead = slices.Grow(g.ahead, 1<<10)
	n, err := g.Conn.Read(g.ahead[len(g.ahead):cap(g.ahead)])
	g.ahead = g.ahead[:len(g.ahead)+n]
	switch {
	case n > 0:
		g.begin()
		return nil
	case errors.Is(err, io.EOF) && g.part == inHead && !idle:
		g.refuse(brokenOff)
		return nil
	}
	if len(g.ahead) == 0 {
		g.ahead = nil
	}
	return err
}

// begin lets the time run in which a head must be complete.
func (g *guard) begin() {
	if g.part == inHead && !g.begun {
		g.begun = true
		g.limit(time.Now().Add(g.server.HTTP.ReadHeaderTimeout))
	}
}

// step looks at what is ahead. It reports false if there is too little of it to
// tell anything.
func (g *guard) step() bool {
	switch g.part {
	case inHead:
		return g.head()
	case inBody, inChunk:
		n := int(min(int64(len(g.ahead)), g.left))
		g.clear = n
		g.pass(n)
		return n > 0
	}
	line, _, whole := bytes.Cut(g.ahead, []byte("\r\n"))
	if !whole && len(g.ahead) <= maxChunkLine {
		return false
	}
	if !whole || len(line) > maxChunkLine || !g.line(line) {
		g.err = errChunks
		return true
	}
	g.clear = len(line) + len("\r\n")
	return true
}

// pass notes that n bytes of a body or chunk are through.
func (g *guard) pass(n int) {
	if g.left -= int64(n); g.left > 0 {
		return
	}
	if g.part == inBody {
		g.part = inHead
	} else {
		g.part = inChunkEnd
	}
}

// line takes in a line between chunks, and reports whether it is well-formed.
func (g *guard) line(line []byte) bool {
	switch g.part {
	case inChunkEnd:
		g.part = inChunkLine
		return len(line) == 0
	case inTrailer:
		if g.left += int64(len(line)); len(line) == 0 {
			g.part, g.left = inHead, 0
			return true
		}
		return g.left <= 0 && wellFormed(string(line))
	}
	size, extension, _ := bytes.Cut(line, []byte(";"))
	n, err := strconv.ParseUint(string(size), 16, 62)
	if err != nil || !plain.All(string(size), &inHex) || !plain.All(string(extension), &plain.InValue) {
		return false
	}
	if g.part, g.left = inChunk, int64(n); n == 0 {
		g.part, g.left = inTrailer, -maxTrailer // counts up to 0
	}
	return true
}

var inHex = plain.ClassOf("", plain.Digits, [2]byte{'a', 'f'}, [2]byte{'A', 'F'})

// head looks at a head, once it is there as a whole.
func (g *guard) head() bool {
	for {
		i := bytes.IndexByte(g.ahead[g.seen:], '\n')
		if i < 0 {
			g.seen = len(g.ahead)
			return g.tooLong(g.seen)
		}
		end := g.seen + i
		if end == 0 || g.ahead[end-1] != '\r' {
			g.refuse(bareLineFeed)
			return true
		}
		g.seen = end + 1
		if end == 1 || g.ahead[end-2] == '\n' {
			break
		}
	}
	end := g.seen
	if g.tooLong(end) {
		return true
	}
	f, wrong := judge(string(g.ahead[:end]))
	if wrong != nil {
		g.refuse(wrong)
		return true
	}
	if g.begun {
		g.begun = false
		g.limit(time.Time{})
	}
	g.clear, g.seen, g.left = end, 0, f.length
	switch {
	case f.chunked:
		g.part = inChunkLine
	case f.length > 0:
		g.part = inBody
	}
	return true
}

// tooLong refuses a head of n bytes or more if net/http would, which does so in
// plain text.
func (g *guard) tooLong(n int) bool {
	if n < g.server.HTTP.MaxHeaderBytes+4<<10 {
		return false
	}
	if line := bytes.IndexByte(g.ahead, '\n'); line < 0 || line > g.server.HTTP.MaxHeaderBytes {
		g.refuse(longAddress)
	} else {
		g.refuse(longHead)
	}
	return true
}

// refuse has r answered instead of what is ahead and all that follows.
func (g *guard) refuse(r *refusal) {
	g.limit(time.Time{})
	g.ahead = g.server.instead(r)
	g.clear, g.err = len(g.ahead), io.EOF
}

// limit says until when a head that has begun must be complete: net/http only
// learns of it once it is.
func (g *guard) limit(t time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ours = t
	_ = g.setLocked()
}

// SetReadDeadline implements net.Conn. The earlier one of both deadlines counts,
// so that net/http can always end a Read under way.
func (g *guard) SetReadDeadline(t time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.theirs = t
	return g.setLocked()
}

func (g *guard) setLocked() error {
	t := g.theirs
	if t.IsZero() || !g.ours.IsZero() && g.ours.Before(t) {
		t = g.ours
	}
	return g.Conn.SetReadDeadline(t)
}

// CloseWrite lets the server behind say its last word to a client that is still
// talking.
func (g *guard) CloseWrite() error {
	if c, ok := g.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}
