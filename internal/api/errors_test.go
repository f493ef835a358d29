package api

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

// failing is a store that fails, or panics if err is nil, wherever an
// application is asked for or messages are accepted.
type failing struct {
	fanfare.Store
	err error
}

func (s *failing) Application(context.Context, string) (*fanfare.Application, error) {
	if s.err == nil {
		panic("a bug")
	}
	return nil, s.err
}

func TestErrorsOfTheStore(t *testing.T) {
	store := &failing{Store: storetest.NewModel()}
	w := worldOn(t, store, &fanfare.Options{})
	for _, c := range []struct {
		err    error
		status int
		code   string
		logged bool
	}{
		{fanfare.ErrNotFound, 404, "not_found", false},
		{fanfare.ErrExists, 409, "conflict", false},
		{fanfare.ErrConflict, 409, "conflict", false},
		{fanfare.ErrFull, 507, "insufficient_storage", false},
		{fanfare.ErrBroken, 503, "unavailable", false},
		{context.Canceled, 503, "unavailable", false},
		{fanfare.ErrAway, 503, "unavailable", true},
		{&fanfare.OvertakenError{}, 503, "unavailable", true},
		{errors.New("disk 7 is on fire"), 500, "internal_error", true},
		{nil, 500, "internal_error", true},
	} {
		for _, op := range []string{"GET /api/v1/app/acme", "POST /api/v1/app/acme/msg", "PUT /api/v1/app/app_00000000000000000000000000", "PATCH /api/v1/app/acme"} {
			store.err = c.err
			if c.err != nil {
				store.err = fmt.Errorf("application: %w", c.err)
			}
			w.log.Reset()
			method, path, _ := strings.Cut(op, " ")
			a := w.do(method, path, `{"name":"A","eventType":"x","payload":1}`).want(c.status).has(map[string]any{"code": c.code})
			if strings.Contains(string(a.body), "fire") {
				t.Errorf("a fault is shown: %s", a.body)
			}
			if got := strings.Count(w.log.String(), "level=ERROR"); got > 1 || (got == 1) != c.logged {
				t.Errorf("%v: logged %d times: %s", c.err, got, w.log)
			}
			if passes := c.err == fanfare.ErrFull || c.err == fanfare.ErrAway; passes && a.header.Get("Retry-After") != "1" {
				t.Errorf("%d says no Retry-After", c.status)
			}
		}
	}
	if w.do("GET", "/api/v1/app", "").want(200); w.log.Len() == 0 {
		t.Error("nothing was logged")
	}
}

func TestProblemsAreShort(t *testing.T) {
	long := strings.Repeat("\xff<", 100_000)
	p := invalid()
	for range 100 {
		p.fields = append(p.fields, fieldError{[]string{"body", long, long, long, long, long, long, long}, long, "value_error"})
	}
	rec := httptest.NewRecorder()
	p.fields = p.fields[:4]
	p.write(rec)
	if n := rec.Body.Len(); n > 4096 {
		t.Errorf("%d bytes", n)
	}
	rec = httptest.NewRecorder()
	badRequest(long).write(rec)
	if n := rec.Body.Len(); n > 4096 {
		t.Errorf("%d bytes", n)
	}
}
