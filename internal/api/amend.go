package api

import (
	"errors"
	"net/http"
	"reflect"
	"strings"

	"github.com/fanfarehq/fanfare"
)

// ifMatchHeader carries the ETag of what a change is derived from (RFC 9110
// §13.1.1): that of reading the application, the endpoint or the event type, also
// where only its headers or its secret are to be changed.
const ifMatchHeader = "If-Match"

// amending says that what the route changes has a revision, so that If-Match holds.
func (rt *route) amending() *route {
	rt.amends = true
	return rt
}

var (
	changedMeanwhile = refuse(http.StatusPreconditionFailed, "precondition_failed",
		"It is not, or not any more, what the ETag in If-Match stands for, and nothing was done. Read it again, and send its present ETag.")
	contended = refuse(http.StatusConflict, "conflict",
		"Others went on changing it, and nothing was done; send the same request again.")
)

// amend reads what the path names and has it changed, or deleted, by its revision.
// When others have changed it in between, it begins anew with what they left, so
// that neither undoes the other's work. Whether it is what the client has seen is
// asked each time. With the error of do it returns what do had.
func amend[T, Out any](c *call, read func() (*T, error), show func(*T) (Out, error), do func(*T) error) (*T, error) {
	for try := 1; ; try++ {
		v, err := read()
		if err == nil {
			err = expected(c, v, show)
		}
		if err != nil {
			return nil, err
		}
		err = do(v)
		if !errors.Is(err, fanfare.ErrConflict) {
			return v, err
		}
		if try == fanfare.MaxAmends {
			return v, contended
		}
	}
}

// expected makes sure that v is what the client has seen, if it says what that is:
// as a client sees it that is told all, or as a strict one does.
func expected[T, Out any](c *call, v *T, show func(*T) (Out, error)) error {
	lines := c.r.Header[ifMatchHeader]
	if len(lines) == 0 {
		return nil
	}
	out, err := show(v)
	if err != nil {
		return err
	}
	body, err := appendJSON(nil, out)
	if err != nil {
		return err
	}
	known := knownOf(reflect.TypeFor[Out]())
	if c.route.operational {
		known.withhold(operationalUnknown...)
	}
	tags := []string{"*", tagOf(body), tagOf(known.only(nil, body))}
	for _, line := range lines {
		for one := range strings.SplitSeq(line, ",") {
			one = strings.TrimSpace(one)
			for _, tag := range tags {
				if one == tag {
					return nil
				}
			}
		}
	}
	return changedMeanwhile
}

// mayCreate keeps what is not there from being made for a client that goes by what
// it has seen of it.
func (c *call) mayCreate() error {
	if len(c.r.Header[ifMatchHeader]) > 0 {
		return changedMeanwhile
	}
	return nil
}

func (c *call) amendApplication(do func(app *fanfare.Application) error) (*fanfare.Application, error) {
	return amend(c, c.application, c.showApplication, do)
}

func (c *call) amendEndpoint(do func(ep *fanfare.Endpoint) error) (*fanfare.Endpoint, error) {
	return amend(c, c.endpoint, c.showEndpoint, do)
}

func (c *call) amendEventType(do func(t *fanfare.EventType) error) (*fanfare.EventType, error) {
	return amend(c, c.eventType, showEventType, do)
}
