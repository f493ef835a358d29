package api

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/fanfarehq/fanfare"
)

// A problem is an answer that is not a success: a code and a sentence that says
// what to do, or, with fields, what is wrong with each of them.
type problem struct {
	status     int
	code       string
	detail     string
	fields     []fieldError
	retryAfter string // seconds; "": none
	closing    bool   // the connection cannot be used again
	bare       bool   // to a client that takes a list of fields and nothing beside it
	cause      error  // what it tells of, or nil
}

// A fieldError says what is wrong with one thing the caller sent.
type fieldError struct {
	Loc  []string `json:"loc" doc:"Where: body, query or header, then the names and numbers that lead there."`
	Msg  string   `json:"msg" doc:"What would be right."`
	Type string   `json:"type" doc:"value_error, value_error.missing or type_error."`
}

// errorOut and invalidOut are what problems look like, for the document.
type (
	errorOut struct {
		Code   string `json:"code" doc:"A word for programs."`
		Detail string `json:"detail" doc:"A sentence for people: what to do."`
	}
	invalidOut struct {
		Code   string       `json:"code,omitzero" doc:"A word for programs: invalid."`
		Detail []fieldError `json:"detail" doc:"All that is wrong, or the first of it where there is much."`
	}
)

func (p *problem) Error() string {
	if len(p.fields) > 0 {
		return strings.Join(p.fields[0].Loc, ".") + ": " + p.fields[0].Msg
	}
	return p.detail
}

// Unwrap makes errors.Is see the cause.
func (p *problem) Unwrap() error {
	return p.cause
}

func refuse(status int, code, detail string) *problem {
	return &problem{status: status, code: code, detail: detail}
}

func badRequest(detail string) *problem {
	return refuse(http.StatusBadRequest, "bad_request", detail)
}

func invalid(fields ...fieldError) *problem {
	return &problem{status: http.StatusUnprocessableEntity, code: "invalid", fields: fields}
}

var (
	internal = refuse(http.StatusInternalServerError, "internal_error", "Internal error. It has been logged; try again, and tell the operator if it stays.")
	// notFound is of what cannot be named back; see missing.
	notFound = refuse(http.StatusNotFound, "not_found", "Nothing of that id exists here; check the id, and the application it is looked for in.")
)

// problemOf is the one place that knows what an error is over HTTP. It returns
// nil for faults, which are to be logged and shown to nobody.
func problemOf(err error) *problem {
	var p *problem
	var wrong *fanfare.InvalidError
	var schema *fanfare.SchemaError
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &schema):
		return schemaProblem(schema)
	case errors.As(err, &wrong):
		return invalid(mistakesIn(err)...)
	case errors.Is(err, fanfare.ErrNotFound):
		return notFound
	case errors.Is(err, fanfare.ErrExists):
		return refuse(http.StatusConflict, "conflict", "That name, uid or event id is taken: what you ask for exists already.")
	case errors.Is(err, fanfare.ErrConflict):
		return refuse(http.StatusConflict, "conflict", "This Idempotency-Key was used with another request; take a new key for a new request.")
	case errors.Is(err, fanfare.ErrLoop):
		return refuse(http.StatusLoopDetected, "loop_detected", "This message has come round: more than "+strconv.Itoa(fanfare.MaxHops)+" deliveries have led to it ("+fanfare.HeaderHops+"). Look for an endpoint whose receiver sends back here what it is sent.")
	case errors.Is(err, fanfare.ErrFull):
		p := refuse(http.StatusInsufficientStorage, "insufficient_storage", "The disk is full and nothing was kept; send the same request again later.")
		p.retryAfter = "1"
		return p
	case errors.Is(err, fanfare.ErrBusy):
		p := refuse(http.StatusTooManyRequests, "rate_limit", "As much is tried out here at the same time as may be, in all or by this application; send the same request again in a moment.")
		p.retryAfter = "1"
		return p
	case errors.Is(err, fanfare.ErrBroken):
		return refuse(http.StatusServiceUnavailable, "unavailable", "The store has stopped after an I/O error; the operator has to restart the server.")
	case errors.Is(err, context.Canceled):
		return refuse(http.StatusServiceUnavailable, "unavailable", "The request was abandoned; send it again.")
	}
	return nil
}

// faultProblem is what is told of a fault.
func faultProblem(err error) *problem {
	detail := "The database does not answer, and may have done this or not; send the same again, under the same Idempotency-Key or event ids, so that it is done once."
	if _, late := errors.AsType[*fanfare.OvertakenError](err); late {
		detail = "It took so long to store this that others have read past where it would stand, and nothing was kept; send the same again."
	} else if !errors.Is(err, fanfare.ErrAway) {
		return internal
	}
	p := refuse(http.StatusServiceUnavailable, "unavailable", detail)
	p.retryAfter = "1"
	return p
}

// mistakesIn are what the caller has to mend, all of them where several are joined.
func mistakesIn(err error) (all []fieldError) {
	switch e := any(err).(type) { // as it goes down itself, into each that is joined
	case *fanfare.InvalidError:
		return []fieldError{{location(e.Field), e.Reason, "value_error"}}
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			all = append(all, mistakesIn(one)...)
		}
	case interface{ Unwrap() error }:
		return mistakesIn(e.Unwrap())
	}
	return all
}

// location splits a field such as "retry.delays" into what leads there.
func location(field string) []string {
	switch field {
	case "":
		return []string{"body"}
	case idempotencyHeader, fanfare.HeaderHops:
		return []string{"header", field}
	}
	return append([]string{"body"}, strings.Split(field, ".")...)
}

// jsonProblem says what is wrong with a body that could not be decoded: 400 for
// what is not JSON, 422 for JSON of the wrong kind.
func jsonProblem(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		where := "at byte " + strconv.FormatInt(syntax.ByteOffset, 10)
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return badRequest("The body has a name twice in one object, " + where + "; send each once.")
		}
		return badRequest("The body is not valid JSON, " + where + ".")
	}
	var wrong *json.SemanticError
	if !errors.As(err, &wrong) {
		return badRequest("The body is not valid JSON.")
	}
	loc := []string{"body"}
	for name := range wrong.JSONPointer.Tokens() {
		loc = append(loc, name)
	}
	if errors.Is(err, json.ErrUnknownName) {
		return invalid(fieldError{loc, "is not known here; check its spelling, or leave it out", "value_error"})
	}
	return invalid(fieldError{loc, "must be " + kindOf(wrong.GoType) + ", not " + jsonKind(wrong.JSONKind), "type_error"})
}

func kindOf(t reflect.Type) string {
	if t == nil {
		return "another value"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "a whole number in range"
	case reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.Map:
		return "an object"
	case reflect.Struct:
		if t.PkgPath() == "time" {
			return "a time such as 2026-01-02T15:04:05Z"
		}
		return "an object"
	}
	return "a string"
}

func jsonKind(k jsontext.Kind) string {
	switch k {
	case '"':
		return "this string"
	case '0':
		return "this number"
	case '{':
		return "an object"
	case '[':
		return "a list"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "this"
}

// Bounds on what an answer says of what came in.
const (
	maxProblem = 4 << 10 // bytes
	maxSteps   = 6
	maxLoc     = 64
	maxMsg     = 300
)

// body is the problem as JSON.
func (p *problem) body() []byte {
	if p.fields == nil {
		b, _ := json.Marshal(errorOut{p.code, cut(p.detail, maxMsg)})
		return b
	}
	out := invalidOut{Code: p.code}
	if p.bare {
		out.Code = ""
	}
	var b []byte
	for _, f := range p.fields {
		loc := make([]string, 0, len(f.Loc))
		for _, l := range f.Loc[:min(len(f.Loc), maxSteps)] {
			loc = append(loc, cut(l, maxLoc))
		}
		out.Detail = append(out.Detail, fieldError{loc, cut(f.Msg, maxMsg), f.Type})
		longer, _ := json.Marshal(out)
		if b != nil && len(longer) > maxProblem {
			break
		}
		b = longer
	}
	return b
}

// cut bounds s to about n bytes, and makes it fit for JSON.
func cut(s string, n int) string {
	if len(s) > n {
		s = s[:n] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

// write answers with the problem.
func (p *problem) write(w http.ResponseWriter) {
	h := w.Header()
	if p.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	if p.retryAfter != "" {
		h.Set("Retry-After", p.retryAfter)
	}
	if p.closing {
		h.Set("Connection", "close")
	}
	writeJSON(w, p.status, p.body())
}
