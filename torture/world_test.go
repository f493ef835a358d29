package torture

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/webhook"
)

// A world is what a server deals with: applications with their endpoints, the
// receivers behind those, and the ledger of it all.
type world struct {
	ledger
	host      *host
	balancer  *balancer // nil: there is one server, and clients go there
	harms     []harm
	keys      int // that the messages of ordered applications have; 0: none has one
	apps      []*application
	receivers *httptest.Server
	delay     atomic.Int64 // that receivers take to answer, in nanoseconds
	closed    atomic.Bool  // receivers hold all requests until it is false
	answering atomic.Int64 // requests that have come and are not answered
}

// An application has some clients, which send its events one by one if it is
// ordered.
type application struct {
	uid       string
	ordered   bool
	endpoints []*endpoint

	sent int // guarded by the ledger's lock, like owed
	owed int // deliveries promised and not made yet
}

// An endpoint is a receiver, and what the server was told of it.
type endpoint struct {
	app      *application
	uid, id  string
	types    []string // none: all
	channel  string   // "" if it has none
	ordered  bool
	refusing uint64 // of a hundred events, how many are refused at first
	verifier *webhook.Verifier

	arrivals []arrival // guarded by the ledger's lock, like tried
	tried    map[*event]tried
}

// tried is what came of one event at one endpoint.
type tried struct{ requests, successes int }

// maxInFlight is how many attempts each endpoint allows at once.
const maxInFlight = 16

// allInFlight is how many attempts a server has under way at once, by default.
const allInFlight = 2048

// unrecorded is how many attempts may be made and not recorded yet: an ordered
// endpoint is sent the next event when the last one is settled. Others are as soon as
// it has gone well. A file records that within a few answers, unless the disk is busy with
// something else; what a database elsewhere takes longer for is bounded by what the server
// may have under way in all.
func (w *world) unrecorded(ep *endpoint) int {
	switch {
	case ep.ordered:
		return max(1, w.keys)
	case w.host.url != "":
		return allInFlight
	}
	return 4 * maxInFlight
}

func (ep *endpoint) String() string { return ep.app.uid + "/" + ep.uid }

// wants says what the server has to find out by itself.
func (ep *endpoint) wants(ev *event) bool {
	typed := len(ep.types) == 0 || slices.ContainsFunc(ep.types, func(t string) bool {
		group, isGroup := strings.CutSuffix(t, "*")
		return t == ev.kind || isGroup && strings.HasPrefix(ev.kind, group)
	})
	return typed && (ep.channel == "" || ep.channel == ev.channel)
}

// refuses says how many requests to deliver an event are answered with 500.
func (ep *endpoint) refuses(ev *event) int {
	h := fnv.New64a()
	io.WriteString(h, ep.uid+ev.id)
	switch draw := h.Sum64() >> 32 % 100; {
	case draw < ep.refusing/4:
		return 2
	case draw < ep.refusing:
		return 1
	}
	return 0
}

// note writes an arrival down. The ledger's lock is held.
func (ep *endpoint) note(a arrival) {
	ep.arrivals = append(ep.arrivals, a)
	t := ep.tried[a.event]
	t.requests++
	if a.delivered() {
		if t.successes++; t.successes == 1 {
			ep.app.owed--
		}
	}
	ep.tried[a.event] = t
}

// newWorld makes four applications of five endpoints each; two applications are
// ordered. The server has still to be told.
func newWorld(t *testing.T, h *host) *world {
	w := &world{host: h}
	w.events, w.answers = make(map[string]*event), make(map[int]int)
	w.receivers = httptest.NewUnstartedServer(http.HandlerFunc(w.receive))
	w.receivers.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		return context.WithValue(ctx, connected{}, time.Now())
	}
	w.receivers.Start()
	t.Cleanup(w.receivers.Close)
	for i := range 4 {
		app := &application{uid: fmt.Sprintf("app-%d", i), ordered: i >= 2}
		app.endpoints = []*endpoint{
			{uid: "all", ordered: app.ordered},
			{uid: "rare", types: []string{"record.deleted"}, ordered: app.ordered, refusing: 3},
			{uid: "records", types: []string{"record.*"}},
			{uid: "refusing", types: []string{"user.invited"}, refusing: 20},
			{uid: "channel", channel: "audit"},
		}
		for _, ep := range app.endpoints {
			ep.app, ep.tried = app, make(map[*event]tried)
		}
		w.apps = append(w.apps, app)
	}
	return w
}

// connected is the key under which a request's context knows since when its
// connection is there.
type connected struct{}

// receive is all receivers.
func (w *world) receive(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender was killed in the middle of it
	}
	ep := w.find(r.URL.Path)
	if ep == nil {
		w.wrong("a request came for %s", r.URL.Path)
		return
	}
	sent, err := ep.verifier.Verify(r.Header, body, time.Now())
	if err != nil {
		w.wrong("%s: %v", ep, err)
	}
	var payload struct{ ID string }
	if err := json.Unmarshal(body, &payload); err != nil {
		w.wrong("%s: the payload of message %s: %v", ep, sent.ID, err)
	}
	w.noteFirst(r.Context().Value(connected{}).(time.Time))
	w.answering.Add(1)
	defer w.answering.Add(-1)
	w.answerLate(r.Context())
	status := w.arrive(ep, payload.ID, sent.ID, sha256.Sum256(body), r.Context().Err() != nil)
	if status != 0 {
		rw.WriteHeader(status)
	}
}

// noteFirst notes how long after its start a server has sent something. A request
// is its own if that came on a connection made since.
func (w *world) noteFirst(since time.Time) {
	if started := w.host.started.Load(); since.UnixNano() > started {
		w.host.first.CompareAndSwap(0, time.Now().UnixNano()-started)
	}
}

// answerLate takes the time a receiver takes.
func (w *world) answerLate(ctx context.Context) {
	pause(ctx, time.Duration(w.delay.Load()))
	for w.closed.Load() && ctx.Err() == nil {
		pause(ctx, 5*time.Millisecond)
	}
}

func (w *world) find(path string) *endpoint {
	for _, app := range w.apps {
		for _, ep := range app.endpoints {
			if path == "/"+ep.String() {
				return ep
			}
		}
	}
	return nil
}

// address is where a request goes.
func (w *world) address() string {
	if w.balancer != nil {
		return w.balancer.next()
	}
	return w.host.address
}

// create tells the server of the applications and endpoints, and learns the
// secrets that their receivers verify with.
func (w *world) create(t *testing.T) {
	t.Helper()
	for _, app := range w.apps {
		w.call(t, http.MethodPost, "/app", map[string]any{"name": app.uid, "uid": app.uid}, nil)
		for _, ep := range app.endpoints {
			w.createEndpoint(t, ep)
		}
	}
}

func (w *world) createEndpoint(t *testing.T, ep *endpoint) {
	t.Helper()
	body := map[string]any{
		"uid": ep.uid, "url": w.receivers.URL + "/" + ep.String(), "ordered": ep.ordered,
		"maxInFlight": maxInFlight, "retry": map[string]any{"delays": []int{1, 1, 1, 1, 1, 1, 1, 1}},
	}
	if len(ep.types) > 0 {
		body["eventTypes"] = ep.types
	}
	if ep.channel != "" {
		body["channels"] = []string{ep.channel}
	}
	var made struct{ ID string }
	path := "/app/" + ep.app.uid + "/endpoint"
	w.call(t, http.MethodPost, path, body, &made)
	ep.id = made.ID
	var secret struct{ Key string }
	w.call(t, http.MethodGet, path+"/"+ep.uid+"/secret", nil, &secret)
	key, err := webhook.ParseSecret(secret.Key)
	if err != nil {
		t.Fatal(err)
	}
	ep.verifier = webhook.NewVerifier(key)
	ep.verifier.Tolerance = 10 * time.Second
}

// call makes a call to the API that must succeed.
func (w *world) call(t *testing.T, method, path string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	if in == nil {
		body = nil
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+w.address()+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	req.Header.Set("Content-Type", "application/json")
	res, err := plain.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 == 2 && out != nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil || res.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %s (%v): %s", method, path, res.Status, err, text)
	}
}
