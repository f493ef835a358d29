package api

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/fanfarehq/fanfare"
)

// missing says what was not found: which noun, and the name of it that the
// caller sent. Nothing else goes into the sentence, so that what belongs to
// another application looks like what never was. Other errors stay as they are.
func missing(err error, noun, ref, where string) error {
	if !errors.Is(err, fanfare.ErrNotFound) {
		return err
	}
	p := refuse(http.StatusNotFound, "not_found", "There is no "+noun+" "+echo(ref)+" "+where+". Check the spelling, or list what there is.")
	p.cause = err
	return p
}

// taken says of ErrExists what exists: a uid, a name or an event id that the
// caller sent, and what has it. Other errors stay as they are.
func taken(err error, what, name, by string) error {
	if !errors.Is(err, fanfare.ErrExists) {
		return err
	}
	p := refuse(http.StatusConflict, "conflict", "The "+what+" "+echo(name)+" is taken by "+by+". Choose a new one, or change what has it.")
	p.cause = err
	return p
}

// here is where applications and event types are looked for.
const here = "here"

// within is where all else is looked for.
func (c *call) within() string {
	if c.route.operational {
		return "among the operational webhooks"
	}
	return "in application " + echo(c.r.PathValue("app"))
}

// echo is what came in, cut, quoted and printable.
func echo(name string) string {
	return strconv.Quote(cut(name, maxLoc))
}

// The by of taken.
const (
	byApplication = "another application"
	byEndpoint    = "another endpoint of this application"
	byEventType   = "another event type"
	byMessage     = "another message of this application"
	bySource      = "another source of this application"
)
