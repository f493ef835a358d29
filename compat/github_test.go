package compat

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// An example is one payload as GitHub sends it.
type example struct {
	eventType string
	payload   json.RawMessage // as it stands in the file
	id        string          // of the message, once it was accepted
}

// examples are all in the package @octokit/webhooks-examples, in its order.
func examples(t *testing.T) []*example {
	text, err := os.ReadFile("node_modules/@octokit/webhooks-examples/api.github.com/index.json")
	if err != nil {
		t.Fatalf("%v; run npm ci --prefix compat", err)
	}
	var events []struct {
		Name     string
		Examples []json.RawMessage
	}
	if err := json.Unmarshal(text, &events); err != nil {
		t.Fatal(err)
	}
	var all []*example
	for _, event := range events {
		for _, payload := range event.Examples {
			all = append(all, &example{eventType: "github." + event.Name, payload: payload})
		}
	}
	if len(events) != 58 || len(all) != 329 {
		t.Fatalf("there are %d examples of %d events, want 329 of 58", len(all), len(events))
	}
	return all
}

// envelope is the example as a message, its payload untouched.
func (e *example) envelope() string {
	return fmt.Sprintf(`{"eventType":%q,"payload":%s}`, e.eventType, e.payload)
}

// A subscriber is an endpoint with the receiver behind it.
type subscriber struct {
	*receiver
	uid, secret string
	want        []*example // what it is to get
}

// A github is a server whose application "octo" gets what GitHub sends.
type github struct {
	server      *server
	all         []*example
	everything  *subscriber
	ordered     *subscriber
	issues      *subscriber
	pullRequest *subscriber
	group       *subscriber
	flaky       *subscriber
}

// refusedInOrder is the place of the one message that the ordered endpoint
// refuses once, so that all that follow have to wait for it.
const refusedInOrder = 100

func newGitHub(t *testing.T) *github {
	g := &github{server: startServer(t), all: examples(t)}
	g.server.call(t, "POST", "/app", `{"uid":"octo","name":"Octo"}`, http.StatusCreated, nil)
	g.everything = g.subscribe(t, "everything", `{}`, nil)
	g.ordered = g.subscribe(t, "ordered", `{"ordered":true,"retry":{"delays":[1]}}`, func(_ *arrival, earlier []*arrival) int {
		if len(earlier) == refusedInOrder {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	g.issues = g.subscribe(t, "issues", `{"eventTypes":["github.issues"]}`, nil)
	g.pullRequest = g.subscribe(t, "pull-request", `{"eventTypes":["github.pull_request","github.push"]}`, nil)
	g.group = g.subscribe(t, "group", `{"eventTypes":["github.*"]}`, nil)
	g.flaky = g.subscribe(t, "flaky", `{"eventTypes":["github.ping"],"retry":{"delays":[1]}}`, func(a *arrival, earlier []*arrival) int {
		if slices.ContainsFunc(earlier, func(e *arrival) bool { return e.id() == a.id() }) {
			return http.StatusOK
		}
		return http.StatusInternalServerError
	})
	return g
}

func (g *github) subscribe(t *testing.T, uid, with string, answer func(*arrival, []*arrival) int) *subscriber {
	s := &subscriber{receiver: newReceiver(t, answer), uid: uid}
	body := fmt.Sprintf(`{"uid":%q,"url":%q,%s`, uid, s.url, strings.TrimPrefix(with, "{"))
	g.server.call(t, "POST", "/app/octo/endpoint", strings.Replace(body, ",}", "}", 1), http.StatusCreated, nil)
	var secret struct{ Key string }
	g.server.call(t, "GET", "/app/octo/endpoint/"+uid+"/secret", "", http.StatusOK, &secret)
	s.secret = secret.Key
	return s
}

// TestGitHubPayloads sends every example that GitHub's integrators collected to
// six endpoints, and looks at each delivery: that it is there, that it is the
// same bytes, that others can verify it, in which order it came, and that the
// log has it.
func TestGitHubPayloads(t *testing.T) {
	t.Parallel()
	g := newGitHub(t)
	g.send(t)
	g.expect(t)
	for _, s := range []*subscriber{g.everything, g.issues, g.pullRequest, g.group} {
		t.Run(s.uid, func(t *testing.T) { s.gotExactly(t) })
	}
	t.Run("ordered", func(t *testing.T) { g.ordered.gotInOrder(t) })
	t.Run("flaky", func(t *testing.T) { g.flaky.gotTwice(t) })
	t.Run("log", g.log)
	t.Run("signature", g.signatures)
}

// send sends them in order, by fifties: one by one, then a batch that is an
// object, then one that is a list.
func (g *github) send(t *testing.T) {
	for i, part := range slices.Collect(slices.Chunk(g.all, 50)) {
		switch i % 3 {
		case 1:
			g.sendBatch(t, part, `{"messages":[`, ",", "]}")
		case 2:
			g.sendBatch(t, part, "[", ",\n", "]")
		default:
			g.sendEach(t, part)
		}
	}
	other := &example{eventType: "gitlab.push", payload: json.RawMessage(`{"ref": "refs/heads/main"}`)}
	g.sendEach(t, []*example{other})
	g.all = append(g.all, other)
}

func (g *github) sendEach(t *testing.T, part []*example) {
	for _, e := range part {
		var out struct{ ID string }
		g.server.call(t, "POST", "/app/octo/msg?with_content=false", e.envelope(), http.StatusAccepted, &out)
		e.id = out.ID
	}
}

func (g *github) sendBatch(t *testing.T, part []*example, open, comma, end string) {
	envelopes := make([]string, len(part))
	for i, e := range part {
		envelopes[i] = e.envelope()
	}
	var out struct{ Data []struct{ ID string } }
	g.server.call(t, "POST", "/app/octo/msg/batch", open+strings.Join(envelopes, comma)+end, http.StatusAccepted, &out)
	if len(out.Data) != len(part) {
		t.Fatalf("a batch of %d has %d results", len(part), len(out.Data))
	}
	for i, e := range part {
		e.id = out.Data[i].ID
	}
}

// expect says who wants what.
func (g *github) expect(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range g.all {
		if e.id == "" || seen[e.id] {
			t.Fatalf("an example of %s has the id %q", e.eventType, e.id)
		}
		seen[e.id] = true
		event, isGitHub := strings.CutPrefix(e.eventType, "github.")
		for s, wants := range map[*subscriber]bool{
			g.everything:  true,
			g.ordered:     true,
			g.issues:      event == "issues",
			g.pullRequest: event == "pull_request" || event == "push",
			g.group:       isGitHub,
			g.flaky:       event == "ping",
		} {
			if wants {
				s.want = append(s.want, e)
			}
		}
	}
}

// gotExactly fails unless each wanted example arrived once, and nothing else did.
func (s *subscriber) gotExactly(t *testing.T) {
	byID := map[string]*arrival{}
	for _, a := range s.wait(t, len(s.want)) {
		byID[a.id()] = a
	}
	for _, e := range s.want {
		a := byID[e.id]
		if a == nil {
			t.Errorf("the example of %s, message %s, did not arrive", e.eventType, e.id)
			continue
		}
		e.is(t, a)
	}
}

// is fails the test unless a is the example, byte for byte.
func (e *example) is(t *testing.T, a *arrival) {
	t.Helper()
	if string(a.body) != string(e.payload) {
		t.Errorf("%s, message %s: arrived as\n%.200q…, want\n%.200q…", e.eventType, e.id, a.body, e.payload)
	}
	if got := a.header.Get("Webhook-Event-Type"); got != e.eventType {
		t.Errorf("message %s: arrived as %q, want %q", e.id, got, e.eventType)
	}
}

// gotInOrder fails unless the wanted examples arrived in the order in which they
// were accepted, the one that was refused twice in a row.
func (s *subscriber) gotInOrder(t *testing.T) {
	want := slices.Insert(slices.Clone(s.want), refusedInOrder, s.want[refusedInOrder])
	for i, a := range s.wait(t, len(want)) {
		if a.id() != want[i].id {
			t.Fatalf("message %d that arrived is %s, want %s", i, a.id(), want[i].id)
		}
		want[i].is(t, a)
	}
}

// gotTwice fails unless each wanted example arrived twice, and the second time
// one second after the first, give or take the fifth that is chance, or later: it
// was put off for no more than that, as the log of attempts says.
func (s *subscriber) gotTwice(t *testing.T) {
	byID := map[string][]*arrival{}
	for _, a := range s.wait(t, 2*len(s.want)) {
		byID[a.id()] = append(byID[a.id()], a)
	}
	for _, e := range s.want {
		both := byID[e.id]
		if len(both) != 2 {
			t.Errorf("message %s arrived %d times, want 2", e.id, len(both))
			continue
		}
		e.is(t, both[0])
		e.is(t, both[1])
		if wait := both[1].at.Sub(both[0].at); wait < 750*time.Millisecond {
			t.Errorf("message %s was sent again after %v, want about a second", e.id, wait)
		}
	}
}

// log fails unless the log of attempts says of each endpoint what it got, and
// the messages are shown as they were sent.
func (g *github) log(t *testing.T) {
	never := func(int) bool { return false }
	for _, s := range []*subscriber{g.everything, g.issues, g.pullRequest, g.group} {
		g.logged(t, s, never)
	}
	g.logged(t, g.ordered, func(i int) bool { return i == refusedInOrder })
	g.logged(t, g.flaky, func(int) bool { return true })
	for _, e := range g.all {
		var shown struct {
			EventType string
			Payload   json.RawMessage
		}
		g.server.call(t, "GET", "/app/octo/msg/"+e.id, "", http.StatusOK, &shown)
		if shown.EventType != e.eventType || string(shown.Payload) != string(e.payload) {
			t.Errorf("message %s of %s is shown as %s, %.200q…", e.id, e.eventType, shown.EventType, shown.Payload)
		}
	}
}

// logged fails unless each message that s wants has the attempt that succeeded
// and, where its place says so, the one before that failed.
func (g *github) logged(t *testing.T, s *subscriber, refused func(place int) bool) {
	t.Helper()
	want := map[string][]string{}
	n := len(s.want)
	for i, e := range s.want {
		want[e.id] = []string{"success 200"}
		if refused(i) {
			want[e.id] = []string{"fail 500", "success 200"}
			n++
		}
	}
	var got map[string][]string
	eventually(t, func() bool {
		got = map[string][]string{}
		seen := 0
		g.attempts(t, s, func(msg, what string) { got[msg] = append(got[msg], what); seen++ })
		return seen >= n
	})
	for id := range want {
		if !slices.Equal(got[id], want[id]) {
			t.Errorf("%s: message %s has the attempts %q, want %q", s.uid, id, got[id], want[id])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: the log has attempts of %d messages, want %d", s.uid, len(got), len(want))
	}
}

// attempts walks the log of an endpoint, the oldest first.
func (g *github) attempts(t *testing.T, s *subscriber, each func(msg, what string)) {
	t.Helper()
	for at := ""; ; {
		var page struct {
			Data []struct {
				MsgID, StatusText                      string
				ResponseStatusCode, ResponseDurationMs int
				Timestamp                              time.Time
				NextAttempt                            *time.Time
			}
			Iterator string
			Done     bool
		}
		g.server.call(t, "GET", "/app/octo/attempt/endpoint/"+s.uid+"?order=ascending&limit=100&iterator="+at, "", http.StatusOK, &page)
		for _, a := range page.Data {
			each(a.MsgID, fmt.Sprint(a.StatusText, " ", a.ResponseStatusCode))
			if s.uid != g.flaky.uid || a.NextAttempt == nil {
				continue
			}
			if wait := a.NextAttempt.Sub(a.Timestamp) - time.Duration(a.ResponseDurationMs)*time.Millisecond; wait < 750*time.Millisecond || wait > 1250*time.Millisecond {
				t.Errorf("message %s was put off for %v, want about a second", a.MsgID, wait)
			}
		}
		if page.Done {
			return
		}
		at = page.Iterator
	}
}

// signatures has each delivery to each endpoint verified by the official Go
// library and by the npm one, which must both refuse one that was altered.
func (g *github) signatures(t *testing.T) {
	var all []*signed
	for _, s := range []*subscriber{g.everything, g.ordered, g.issues, g.pullRequest, g.group, g.flaky} {
		for _, a := range s.arrivals() {
			all = append(all, &signed{arrival: a, secret: s.secret})
			if err := byGo(a, s.secret); err != nil {
				t.Errorf("%s: the Go library says %v of message %s", s.uid, err, a.id())
			}
		}
	}
	altered := *all[0].arrival
	altered.body = append([]byte(" "), altered.body...)
	if err := byGo(&altered, all[0].secret); err == nil {
		t.Error("the Go library accepts an altered body")
	}
	said := byNode(t, append(all, &signed{arrival: &altered, secret: all[0].secret}))
	for i, s := range all {
		if said[i] != "ok" {
			t.Errorf("the npm library says %s of message %s", said[i], s.id())
		}
	}
	if last := said[len(all)]; last != "No matching signature found" {
		t.Errorf("the npm library says %s of an altered body", last)
	}
}
