package all_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/all"
	"github.com/fanfarehq/fanfare/connect/fake"
	"github.com/fanfarehq/fanfare/fanfaretest"
)

// connectors are all of them, allowed what their examples want.
func connectors(t *testing.T) map[string]fanfare.Connector {
	return all.Connectors(&all.Options{Files: t.TempDir(), Programs: map[string]string{"ledger": "/bin/true"}})
}

// newHub runs a Hub that has every connector, with an application.
func newHub(t *testing.T) (*fanfaretest.Hub, *fanfare.Application) {
	hub := fanfaretest.New(t, &fanfare.Options{Connectors: connectors(t)})
	app := &fanfare.Application{Name: "Acme", UID: "acme"}
	if err := hub.CreateApplication(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	return hub, app
}

// TestExamplesAreEndpoints makes an endpoint of each kind as its example has it.
func TestExamplesAreEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, app := newHub(t)
		for kind, c := range connectors(t) {
			ep := &fanfare.Endpoint{Application: app.ID, Kind: kind, Config: c.Example}
			if err := hub.CreateEndpoint(t.Context(), ep); err != nil {
				t.Errorf("%s: %v", kind, err)
				continue
			}
			if !strings.HasPrefix(ep.URL, kind+":") || fanfare.MaskURL(ep.URL) != ep.URL {
				t.Errorf("%s leads to %s, of which %s is shown", kind, ep.URL, fanfare.MaskURL(ep.URL))
			}
			var members, shown map[string]any
			if err := errors.Join(json.Unmarshal(c.Example, &members), json.Unmarshal(hub.ShownConfig(ep), &shown)); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
			for _, name := range c.Hidden {
				if members[name] != nil && shown[name] != fanfare.Masked {
					t.Errorf("%s shows %s", kind, name)
				}
			}
		}
	})
}

// A chat is a fake that notes when it was posted to.
type chat struct {
	http.Handler
	mu    sync.Mutex
	times []time.Duration
}

func newChat(handler http.Handler) *chat { return &chat{Handler: handler} }

func (c *chat) since(begun time.Time) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.times = append(c.times, time.Since(begun))
		c.mu.Unlock()
		c.ServeHTTP(rw, r)
	})
}

func (c *chat) posted() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.times
}

// TestChats has messages go all the way to chats, and back what these say.
func TestChats(t *testing.T) {
	slack := func(token string) string { return `{"url":"http://chat.test/services/T1/B1/` + token + `"}` }
	discord := func(token string) string { return `{"url":"http://chat.test/api/webhooks/1/` + token + `"}` }
	teams := func(id string) string {
		return `{"url":"http://chat.test/workflows/` + id + `/triggers/manual/paths/invoke?sig=x"}`
	}
	for name, c := range map[string]struct {
		kind, config string
		fake         http.Handler
		state        fanfare.State
		class        fanfare.Class
		status       int
		explained    string
		disabled     bool
		again        time.Duration // at least so long after
	}{
		"slack takes it":          {"slack", slack("x"), fake.Slack(), fanfare.Delivered, fanfare.ClassSuccess, 200, "The endpoint answered 200 OK", false, 0},
		"slack refuses it":        {"slack", slack("invalid_payload"), fake.Slack(), fanfare.GivenUp, fanfare.ClassRejected, 400, "invalid_payload: ", false, 0},
		"slack is gone":           {"slack", slack("no_service"), fake.Slack(), fanfare.GivenUp, fanfare.ClassGone, 404, "no_service: the webhook was removed", true, 0},
		"slack wants time":        {"slack", slack("rate_limited"), fake.Slack(), fanfare.Waiting, fanfare.ClassStatus, 429, "rate_limited", false, 30 * time.Second},
		"slack fails":             {"slack", slack("rollup_error"), fake.Slack(), fanfare.Waiting, fanfare.ClassStatus, 500, "rollup_error", false, time.Second},
		"slack is not asked":      {"slack", `{"url":"http://chat.test/services/T1/B1/x","text":""}`, fake.Slack(), fanfare.GivenUp, fanfare.ClassRejected, 0, "It was refused for good. (text renders empty", false, 0},
		"discord takes it":        {"discord", discord("x"), fake.Discord(), fanfare.Delivered, fanfare.ClassSuccess, 204, "The endpoint answered 204 No Content", false, 0},
		"discord wants time":      {"discord", discord("rate-limited"), fake.Discord(), fanfare.Waiting, fanfare.ClassStatus, 429, "You are being rate limited.", false, 2 * time.Second},
		"discord's is gone":       {"discord", discord("unknown-webhook"), fake.Discord(), fanfare.GivenUp, fanfare.ClassGone, 404, "Unknown Webhook", true, 0},
		"teams takes it":          {"teams", teams("x"), fake.Teams(), fanfare.Delivered, fanfare.ClassSuccess, 202, "The endpoint answered 202 Accepted", false, 0},
		"teams' is turned off":    {"teams", teams("turned-off"), fake.Teams(), fanfare.Waiting, fanfare.ClassStatus, 400, "Turn the workflow on again.", false, time.Second},
		"teams says 200 in error": {"teams", teams("connector"), fake.Teams(), fanfare.Waiting, fanfare.ClassBody, 200, "HTTP error 429", false, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub, app := newHub(t)
				hub.Serve("chat.test", c.fake)
				ep := &fanfare.Endpoint{Application: app.ID, Kind: c.kind, Config: json.RawMessage(c.config)}
				if err := hub.CreateEndpoint(t.Context(), ep); err != nil {
					t.Fatal(err)
				}
				msg, err := hub.Send(t.Context(), "acme", "record.created", 863)
				if err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				attempts, err := hub.Attempts(t.Context(), app.ID, fanfare.AttemptFilter{Message: msg.ID, Page: fanfare.Page{Limit: 10}})
				if err != nil || len(attempts) != 1 {
					t.Fatalf("%d attempts, %v", len(attempts), err)
				}
				a := attempts[0]
				if a.State != c.state || a.Class != c.class || a.Status != c.status || a.URL != c.kind+":chat.test" {
					t.Errorf("%s, %s %d at %s", a.State, a.Class, a.Status, a.URL)
				}
				if got := a.Explanation(); !strings.Contains(got, c.explained) {
					t.Errorf("explained as %s", got)
				}
				if wait := a.NextAt.Sub(a.StartedAt); c.again > 0 && wait < c.again || c.again == 0 && !a.NextAt.IsZero() {
					t.Errorf("again after %s; want %s", wait, c.again)
				}
				now, err := hub.Endpoint(t.Context(), app.ID, string(ep.ID))
				if err != nil || now.Disabled != c.disabled {
					t.Errorf("disabled: %v, %v", now.Disabled, err)
				}
			})
		})
	}
}

// TestAChatIsNotPressed sends more at once than a chat takes in a second.
func TestAChatIsNotPressed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, app := newHub(t)
		slack, begun := newChat(fake.Slack()), time.Now()
		hub.Serve("chat.test", slack.since(begun))
		ep := &fanfare.Endpoint{Application: app.ID, Kind: "slack", Config: json.RawMessage(`{"url":"http://chat.test/services/T1/B1/x"}`)}
		if err := hub.CreateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		for n := range 5 {
			if _, err := hub.Send(t.Context(), "acme", "a.b", n); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		posted := slack.posted()
		if got := fmt.Sprint(posted); len(posted) != 5 || posted[4] < 4*time.Second || posted[4] > 5*time.Second {
			t.Errorf("posted after %s; want one a second", got)
		}
	})
}
