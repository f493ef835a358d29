package api

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"time"
)

// tagged reports whether the route's answers have an ETag, by which those who ask
// again are spared what they have. Secrets are not to be kept for that.
func (rt *route) tagged() bool {
	return rt.method == http.MethodGet && !rt.stream && !rt.open &&
		!strings.HasSuffix(rt.path, "/secret") && !strings.HasSuffix(rt.path, "/headers")
}

// listingMessages says that the answer depends on an application's messages alone.
func (rt *route) listingMessages() *route {
	rt.ofMessages = true
	return rt
}

// tagOf is the strong validator of a body (RFC 9110 §8.8.3). It is of the bytes
// alone, so that all servers say the same of them.
func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:15]) + `"`
}

// tag is that of the answer, "" if it has none.
func (c *call) tag() string {
	if c.etag == "" && c.route.tagged() && c.status == http.StatusOK && len(c.out) > 0 {
		c.etag = tagOf(c.out)
	}
	return c.etag
}

// unmodified reports whether the client has the answer already (RFC 9110 §13.1.2).
func (c *call) unmodified() bool {
	lines := c.r.Header["If-None-Match"]
	if len(lines) == 0 {
		return false
	}
	tag := c.tag()
	if tag == "" {
		return false
	}
	for _, line := range lines {
		for one := range strings.SplitSeq(line, ",") {
			if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == tag {
				return true
			}
		}
	}
	return false
}

// conclude writes the answer, or that it is the one the client has.
func (c *call) conclude() {
	c.shape()
	if c.route.hot {
		writeBody(c.w, c.status, c.out)
		return
	}
	tag := c.tag()
	if tag == "" {
		writeJSON(c.w, c.status, c.out)
		return
	}
	h := c.w.Header()
	h["Etag"] = []string{tag}
	h["Cache-Control"] = asked
	h["X-Content-Type-Options"] = nosniff
	if c.unmodified() {
		c.status = http.StatusNotModified
		c.w.WriteHeader(c.status)
		return
	}
	writeBody(c.w, c.status, c.out)
}

// asked lets the client keep an answer, but not use it without asking.
var asked = []string{"private, no-cache"}

// shape leaves out of the answer what a strict client does not know.
func (c *call) shape() {
	if c.shaped {
		return
	}
	c.shaped, c.etag = true, ""
	if len(c.out) > 0 && c.strict() {
		c.out = c.route.known.only(nil, c.out)
	}
}

// A check is what is remembered of an answer, so that asking for it again while
// nothing has changed costs no look into the store.
type check struct {
	tag     string
	changes uint64 // of the application's messages, before they were read
	at      time.Time
}

const (
	maxChecks = 10_000
	// checkFor is how long an answer is taken to be right while its application's
	// messages have not changed: they also go when their retention is over.
	checkFor = 10 * time.Second
)

// checks are of lists of messages.
type checks struct {
	mu sync.Mutex
	by map[[32]byte]check
}

func (k *checks) get(key [32]byte) check {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.by[key]
}

func (k *checks) put(key [32]byte, ch check) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.by == nil || len(k.by) >= maxChecks {
		k.by = make(map[[32]byte]check)
	}
	k.by[key] = ch
}

// serveChecked serves a list of an application's messages, unless it is known that
// the client has it. It is only for those who say what they have.
func (c *call) serveChecked() error {
	ref, err := c.ref("app")
	if err != nil {
		return err
	}
	app, err := c.hub.ApplicationID(c.r.Context(), ref)
	if err != nil {
		return c.route.serve(c) // which says it better
	}
	changes := c.hub.MessageChanges(app)
	key := sha256.Sum256([]byte(string(app) + "\n" + c.r.URL.RawQuery + "\n" + c.agent() + "\n" + c.who.apart()))
	if ch := c.checks.get(key); ch.tag != "" && ch.changes == changes && time.Since(ch.at) < checkFor {
		c.etag, c.shaped = ch.tag, true
		if c.unmodified() {
			return nil
		}
		c.etag, c.shaped = "", false
	}
	if err := c.route.serve(c); err != nil {
		return err
	}
	c.shape()
	if tag := c.tag(); tag != "" {
		c.checks.put(key, check{tag, changes, time.Now()})
	}
	return nil
}

// checkable reports whether the request is one for serveChecked.
func (c *call) checkable() bool {
	return c.route.ofMessages && len(c.r.Header["If-None-Match"]) > 0 &&
		c.get(stateParam.name) == nil && c.get(deliveredParam.name) == nil
}
