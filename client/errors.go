package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// ErrAccess says that the server does not know the key, or that the key does not
// open what was asked for.
var ErrAccess = errors.New("the key does not open this")

// An Error is an answer of the server that is not a success. To errors.Is and
// errors.As it is also what a Hub would have returned: fanfare.ErrNotFound,
// ErrExists, ErrConflict, ErrFull or ErrLoop, or an *InvalidError for each mistake;
// or [ErrAccess].
type Error struct {
	Status int    // of HTTP
	Code   string // the server's word for it
	Detail string // what it says: a sentence

	causes     []error
	retryAfter time.Duration
}

func (e *Error) Error() string {
	if e.Detail != "" {
		return e.Detail
	}
	return fmt.Sprintf("the server answered %d %s", e.Status, http.StatusText(e.Status))
}

// Unwrap returns what a Hub would have returned.
func (e *Error) Unwrap() []error { return e.causes }

// readError makes an error of an answer.
func readError(status int, body []byte) *Error {
	var answer struct {
		Code   string
		Detail json.RawMessage
	}
	if json.Unmarshal(body, &answer) != nil {
		return newError(status, "", nil)
	}
	return newError(status, answer.Code, answer.Detail)
}

// newError makes an error of what an answer says; its detail is a sentence, or a list
// of what is wrong with which field.
func newError(status int, code string, detail json.RawMessage) *Error {
	e := &Error{Status: status, Code: code}
	var problems []struct {
		Loc []any
		Msg string
	}
	if json.Unmarshal(detail, &e.Detail) != nil && json.Unmarshal(detail, &problems) == nil {
		var texts []string
		for _, p := range problems {
			wrong := &fanfare.InvalidError{Reason: p.Msg}
			var place []string
			for _, step := range p.Loc {
				place = append(place, fmt.Sprint(step))
			}
			if len(place) > 1 { // the first step is where in the request: body, query, path
				wrong.Field = strings.Join(place[1:], ".")
			}
			e.causes, texts = append(e.causes, wrong), append(texts, wrong.Error())
		}
		e.Detail = strings.Join(texts, "\n")
	}
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		e.causes = append(e.causes, ErrAccess)
	case http.StatusNotFound:
		e.causes = append(e.causes, fanfare.ErrNotFound)
	case http.StatusConflict, http.StatusPreconditionFailed:
		e.causes = append(e.causes, fanfare.ErrConflict)
	case http.StatusRequestEntityTooLarge:
		e.causes = append(e.causes, &fanfare.InvalidError{Field: "payload", Reason: e.Error()})
	case http.StatusBadRequest:
		e.causes = append(e.causes, &fanfare.InvalidError{Reason: e.Error()})
	case http.StatusInsufficientStorage:
		e.causes = append(e.causes, fanfare.ErrFull)
	case http.StatusLoopDetected:
		e.causes = append(e.causes, fanfare.ErrLoop)
	}
	return e
}

// taken is err where a conflict can only mean that a name is taken.
func taken(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusConflict {
		e.causes = []error{fanfare.ErrExists}
	}
	return err
}
