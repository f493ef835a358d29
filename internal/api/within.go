package api

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fanfarehq/fanfare"
)

// channels are the only ones that anything is shown of; none: all.
func (who identity) channels() []string {
	if who.bearer == nil {
		return nil
	}
	return who.bearer.Channels()
}

// inChannels opens a route to those who are let into some channels only. It must
// show them messages of these channels, endpoints of no others, and what became of
// such messages at such endpoints; all else it must treat as if it had never been.
func (rt *route) inChannels() *route {
	rt.access.inChannels = true
	return rt
}

// wholly refuses those who are let into some channels only.
func (who identity) wholly() error {
	if mine := who.channels(); len(mine) > 0 {
		return insufficient("This is about more than the channels that you are let into, which are: " + strings.Join(mine, ", ") + ".")
	}
	return nil
}

// apart is what keeps those who are let into the same channels apart from all
// others where something is kept or looked up by name; "" for those who are let into
// all.
func (who identity) apart() string {
	mine := who.channels()
	if len(mine) == 0 {
		return ""
	}
	h := sha256.New()
	for _, c := range slices.Sorted(slices.Values(mine)) {
		fmt.Fprintf(h, "%q\n", c)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// keyApart is an idempotency key among those of who has sent it.
func (c *call) keyApart(key string) string {
	apart := c.who.apart()
	if apart == "" {
		return key
	}
	sum := sha256.Sum256([]byte(apart + "\n" + key))
	return "channels " + base64.RawURLEncoding.EncodeToString(sum[:])
}

// endpointOf finds an endpoint of an application, if it is within the caller's
// channels.
func (c *call) endpointOf(app fanfare.ApplicationID, ref string) (*fanfare.Endpoint, error) {
	ep, err := c.hub.Endpoint(c.r.Context(), app, ref)
	if err == nil && !ep.Within(c.who.channels()) {
		return nil, fmt.Errorf("endpoint %q: %w", ref, fanfare.ErrNotFound)
	}
	return ep, err
}

// messageOf finds a message of an application, if it is within the caller's
// channels. With ErrDamaged it returns what there is of it.
func (c *call) messageOf(app fanfare.ApplicationID, ref string) (*fanfare.Message, error) {
	msg, err := c.hub.Message(c.r.Context(), app, ref)
	if msg != nil && !msg.Within(c.who.channels()) {
		return nil, fmt.Errorf("message %q: %w", ref, fanfare.ErrNotFound)
	}
	return msg, err
}

// attemptOf finds an attempt of a message that the caller sees, if it is to an
// endpoint that the caller sees.
func (c *call) attemptOf(msg *fanfare.Message, id string) (*fanfare.Attempt, error) {
	a, err := c.hub.Attempt(c.r.Context(), msg.Application, msg.ID, fanfare.AttemptID(id))
	if err == nil && len(c.who.channels()) > 0 {
		_, err = c.endpointOf(msg.Application, string(a.Endpoint))
	}
	return a, err
}

// writable settles the channels of an endpoint that the caller writes: all of the
// caller's, if it is written anew and none are said. Others are refused, and so is
// an endpoint without any, which would be sent everything.
func (c *call) writable(ep *fanfare.Endpoint, said field[[]string], anew bool) error {
	mine := c.who.channels()
	if len(mine) > 0 && anew && said.value == nil {
		ep.Channels = slices.Clone(mine)
	}
	if !ep.Within(mine) {
		return insufficient("An endpoint of yours has some of the channels " + quoted(mine) + ", and no others.")
	}
	return nil
}

// sendable settles the channels of a message that someone sends who is let into
// those only: all of them, if it has none. Others are refused.
func sendable(msg *fanfare.Message, mine []string) error {
	if len(mine) == 0 {
		return nil
	}
	if len(msg.Channels) == 0 {
		msg.Channels = slices.Clone(mine)
	}
	for _, c := range msg.Channels {
		if !slices.Contains(mine, c) {
			return insufficient("A message of yours has some of the channels " + quoted(mine) + ", and no others.")
		}
	}
	return nil
}

func quoted(words []string) string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = strconv.Quote(w)
	}
	return strings.Join(all, ", ")
}

// narrow settles the channels of a session that the caller begins: the caller's own,
// if none are said.
func (c *call) narrow(s *fanfare.Session, said field[[]string]) error {
	mine := c.who.channels()
	switch s.Channels = said.value; {
	case said.value == nil:
		s.Channels = mine
	case len(said.value) == 0:
		return &fanfare.InvalidError{Field: "channels", Reason: "must name one; leave it out for all"}
	}
	for _, one := range s.Channels {
		if len(mine) > 0 && !slices.Contains(mine, one) {
			return insufficient("A session that you begin has some of the channels " + quoted(mine) + ", and no others.")
		}
	}
	return nil
}
