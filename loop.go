package fanfare

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// HeaderHops is the field of every attempt that says how many deliveries have led
// to it, itself included. Who makes a message of what it was sent passes the field
// on, and a message that goes round ends after MaxHops.
const HeaderHops = "Fanfare-Hops"

// MaxHops is how many deliveries may have led to a message that is accepted.
const MaxHops = 5

// ErrLoop says that a message has come round: more than MaxHops deliveries have led
// to it. It is not accepted.
var ErrLoop = errors.New("the message goes round in a loop")

// hopsTag begins the tag under which a message keeps how many deliveries have led
// to it. As a tag it can be searched for, and costs nothing where there is none.
const hopsTag = "fanfare-hops:"

// Passed notes on msg the value of the HeaderHops that its request came with, as
// one of its tags. It returns an InvalidError for what is not a number of hops.
func (msg *Message) Passed(value string) error {
	n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 16)
	if err != nil {
		return &InvalidError{HeaderHops, "must be a number, as it came with the delivery; pass it on unchanged, or leave it out"}
	}
	msg.Tags = slices.DeleteFunc(slices.Clone(msg.Tags), isHopsTag)
	if n > 0 {
		msg.Tags = append(msg.Tags, hopsTag+strconv.FormatUint(n, 10))
	}
	return nil
}

func isHopsTag(tag string) bool { return strings.HasPrefix(tag, hopsTag) }

// Hops is how many deliveries have led to msg. Who sends it on says one more in
// [HeaderHops].
func (msg *Message) Hops() int {
	for _, tag := range msg.Tags {
		if text, ok := strings.CutPrefix(tag, hopsTag); ok {
			n, _ := strconv.Atoi(text)
			return max(n, 0)
		}
	}
	return 0
}

// checkTags is checkLabels for tags, of which there may be one more that says where
// the message has been, and some that keep headers.
func (msg *Message) checkTags() error {
	tags, err := withoutHeaders(msg.Tags)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(tags, isHopsTag)
	if at < 0 {
		return checkLabels("tags", tags)
	}
	n := msg.Hops()
	if tags[at] != hopsTag+strconv.Itoa(n) || slices.ContainsFunc(tags[at+1:], isHopsTag) {
		return &InvalidError{"tags", fmt.Sprintf("%s… is kept for how many deliveries have led to the message; send it in the header %s", hopsTag, HeaderHops)}
	}
	if n > MaxHops {
		return fmt.Errorf("%d deliveries have led to it, and at most %d may: %w", n, MaxHops, ErrLoop)
	}
	return checkLabels("tags", slices.Delete(slices.Clone(tags), at, at+1))
}

// firstHop is the field as it is in nearly all attempts.
var firstHop = Header{HeaderHops, "1"}

// passing is t for a message to which so many deliveries have led. It shares t's
// connections.
func (t *target) passing(hops int) *target {
	u, err := url.Parse(t.URL)
	if err != nil {
		panic(err) // newTarget has parsed it
	}
	next := *t
	next.constant = slices.Clone(t.constant)
	for i := range next.constant {
		if next.constant[i].Name == HeaderHops {
			next.constant[i].Value = strconv.Itoa(hops + 1)
		}
	}
	next.to = next.reach(u)
	return &next
}

// checkOwn refuses a URL at which this program itself listens: what is sent there
// would come in again. The guard refuses such addresses too, but lets them be in
// development, where all is on one machine.
func (h *Hub) checkOwn(u *url.URL) error {
	port, err := strconv.ParseUint(portOf(u), 10, 16)
	if err != nil {
		return nil // the guard has looked at it
	}
	if own, err := url.Parse(h.opt.BaseURL); err == nil && own.Host != "" && strings.EqualFold(own.Hostname(), u.Hostname()) && portOf(own) == portOf(u) {
		return ownAddress(u)
	}
	addr, _ := netip.ParseAddr(u.Hostname())
	local := u.Hostname() == "localhost" || strings.HasSuffix(u.Hostname(), ".localhost")
	for _, l := range h.opt.Listen {
		loopback := l.Addr().IsLoopback() || l.Addr().IsUnspecified()
		if uint64(l.Port()) == port && (l.Addr() == addr.Unmap() || loopback && (local || addr.IsLoopback())) {
			return ownAddress(u)
		}
	}
	return nil
}

func ownAddress(u *url.URL) error {
	return &InvalidError{"url", net.JoinHostPort(u.Hostname(), portOf(u)) + " is this server itself, where the message would come in again; give the address of another program"}
}

func portOf(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
