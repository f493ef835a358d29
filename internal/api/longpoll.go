package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

var waitParam = param{name: "wait", kind: "integer", view: true,
	doc: "If there is nothing new, wait so many seconds for it, 0 to 60: while there is nothing to show, or what there is has the ETag of If-None-Match."}

const (
	maxWait    = 60                    // seconds
	maxWaiting = 4096                  // requests at once
	calm       = 50 * time.Millisecond // between two looks
)

// tooManyWait is what those are told who cannot wait as well.
var tooManyWait = &problem{
	status: http.StatusTooManyRequests, code: "rate_limit", retryAfter: "1",
	detail: "As many requests wait here as can; ask without waiting, or again later.",
}

// waits reports whether the request asks to wait where it can.
func (c *call) waits() bool {
	if c.route.method != http.MethodGet || !strings.Contains(c.r.URL.RawQuery, waitParam.name+"=") {
		return false
	}
	for _, p := range c.route.query {
		if p.name == waitParam.name {
			return true
		}
	}
	return false
}

// wait serves a request, and again whenever something has happened, until there is
// something new to answer or its time is over. What is there then is the answer;
// also when the server ends.
func (c *call) wait() error {
	limit := c.integer(waitParam.name, 0, maxWait, 0)
	if err := c.mistakes(); err != nil {
		return err
	}
	if limit == 0 || c.r.Method == http.MethodHead {
		return c.route.serve(c)
	}
	if c.waiting.Add(1) > maxWaiting {
		c.waiting.Add(-1)
		return tooManyWait
	}
	defer c.waiting.Add(-1)
	c.listening = true
	defer func() {
		if c.bell != nil {
			c.bell.Close()
		}
	}()
	// The server's limit on reading a request would end the context otherwise. Not
	// all writers have one.
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{})
	timer := time.NewTimer(time.Duration(limit) * time.Second)
	defer timer.Stop()
	for {
		c.out, c.idle, c.shaped = nil, false, false
		looked := time.Now()
		if err := c.route.serve(c); err != nil {
			return err
		}
		if c.shape(); c.bell == nil || !c.idle && !c.unmodified() {
			return nil
		}
		select {
		case <-c.bell.Rung():
		case <-timer.C:
			return nil
		case <-c.r.Context().Done():
			return nil
		}
		// Those who wait for something rare do not look each time something else
		// happens.
		select {
		case <-time.After(time.Until(looked.Add(calm))):
		case <-c.r.Context().Done():
			return nil
		}
	}
}

// listenForMessages has wait hear of an application's messages. It must be called
// before they are read.
func (c *call) listenForMessages(app fanfare.ApplicationID) {
	if c.listening && c.bell == nil {
		c.bell = c.hub.MessageBell(app)
	}
}

// listenForAttempts does it for its attempts.
func (c *call) listenForAttempts(app fanfare.ApplicationID) {
	if c.listening && c.bell == nil {
		c.bell = c.hub.AttemptBell(app)
	}
}
