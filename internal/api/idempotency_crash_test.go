package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

// A frail store comes to its end at some point of a request, as in a crash.
type frail struct {
	fanfare.Store
	before, after, remembering bool // the deed; it is done
}

var errCrash = errors.New("the machine has stopped")

func (s *frail) CreateApplication(ctx context.Context, app *fanfare.Application) error {
	if s.before {
		return errCrash
	}
	if err := s.Store.CreateApplication(ctx, app); err != nil || !s.after {
		return err
	}
	return errCrash
}

func (s *frail) Remember(ctx context.Context, scope, key string, a *fanfare.Answer) error {
	if s.remembering && a.Status != 0 {
		return errCrash
	}
	return s.Store.Remember(ctx, scope, key, a)
}

// TestWhatMayHaveBeenDoneIsNotDoneAgain whenever the crash came between beginning
// and the answer.
func TestWhatMayHaveBeenDoneIsNotDoneAgain(t *testing.T) {
	for name, c := range map[string]struct {
		frail frail
		first int
		apps  int
	}{
		"before the deed":      {frail{before: true}, 500, 0},
		"after the deed":       {frail{after: true}, 500, 1},
		"before it was stored": {frail{remembering: true}, 201, 1},
	} {
		t.Run(name, func(t *testing.T) {
			model := storetest.NewModel()
			c.frail.Store = model
			const key = "Idempotency-Key: k"
			worldOn(t, &c.frail, &fanfare.Options{}).do("POST", "/api/v1/app", `{"name":"n"}`, key).want(c.first)
			w := worldOn(t, model, &fanfare.Options{}) // the server is started again
			for range 2 {
				a := w.do("POST", "/api/v1/app", `{"name":"n"}`, key).want(409)
				if !strings.Contains(string(a.body), "whether it has done what it asks is not known") {
					t.Errorf("a repeat is told %s", a.body)
				}
			}
			w.do("POST", "/api/v1/app", `{"name":"other"}`, key).want(409)
			if got := len(w.do("GET", "/api/v1/app", "").object()["data"].([]any)); got != c.apps {
				t.Errorf("there are %d applications, want %d", got, c.apps)
			}
			w.do("POST", "/api/v1/app", `{"name":"n"}`, "Idempotency-Key: new").want(201)
		})
	}
}

// TestWhoGoesBeforeTheAnswerMayComeAgain: the answer is remembered all the same.
func TestWhoGoesBeforeTheAnswerMayComeAgain(t *testing.T) {
	store := &leaving{Store: storetest.NewModel()}
	w := worldOn(t, store, &fanfare.Options{})
	ctx, leave := context.WithCancel(t.Context())
	store.leave = leave
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/v1/app", strings.NewReader(`{"name":"n"}`))
	r.Header.Set("Authorization", "Bearer "+testKey)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", "k")
	first := w.send(r).want(201)
	if again := w.do("POST", "/api/v1/app", `{"name":"n"}`, "Idempotency-Key: k").want(201); string(again.body) != string(first.body) {
		t.Errorf("the repeat gives %s, the first was %s", again.body, first.body)
	}
}

// A leaving store's client goes as soon as the deed is done; it then refuses what is
// asked in that client's name, as a store does.
type leaving struct {
	fanfare.Store
	leave func()
}

func (s *leaving) CreateApplication(ctx context.Context, app *fanfare.Application) error {
	defer s.leave()
	return s.Store.CreateApplication(ctx, app)
}

func (s *leaving) Remember(ctx context.Context, scope, key string, a *fanfare.Answer) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.Store.Remember(ctx, scope, key, a)
}
