package torture

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A pace says how hard clients press.
type pace struct {
	clients  int           // of each application that is not ordered; the others have one
	interval time.Duration // between two requests of a client
	orderly  time.Duration // the interval of clients of ordered applications; 0: the same
	backlog  int           // deliveries that an application may be owed before its clients wait
	padding  int           // bytes that payloads are at most longer
	patience time.Duration // of one client of each application; the others have five seconds, too
}

// usual is about 2,000 events a second.
var usual = pace{clients: 3, interval: 16 * time.Millisecond, backlog: 1000, padding: 600}

// A load is clients at work.
type load struct {
	working sync.WaitGroup
	stop    context.CancelFunc // of what is new
	abandon context.CancelFunc // of everything
}

// press starts clients. Whatever they have sent when they are told to stop, they
// go on asking for until they know what became of it.
func (w *world) press(ctx context.Context, p pace, chance func(strand uint64) *rand.Rand) *load {
	ctx, abandon := context.WithCancel(ctx)
	going, stop := context.WithCancel(ctx)
	l := &load{stop: stop, abandon: abandon}
	for i, app := range w.apps {
		n := p.clients
		if app.ordered {
			n = max(1, w.keys)
		}
		for k := range n {
			c := &client{world: w, app: app, pace: p, chance: chance(uint64(100 + 10*i + k))}
			c.name = fmt.Sprintf("%s-%d-%x", app.uid, k, c.chance.Uint32())
			c.http = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableCompression: true}}
			if k == 0 && !app.ordered {
				c.http.Timeout = max(c.http.Timeout, p.patience)
			}
			if app.ordered && p.orderly > 0 {
				c.pace.interval = p.orderly
			}
			if app.ordered && w.keys > 0 {
				c.orders = fmt.Sprintf("key-%d", k)
			}
			l.working.Go(func() { c.run(ctx, going) })
		}
	}
	return l
}

// end tells the clients to stop, and waits until they know all verdicts.
func (l *load) end(t *testing.T) {
	t.Helper()
	l.stop()
	settled := make(chan struct{})
	go func() { l.working.Wait(); close(settled) }()
	select {
	case <-settled:
	case <-time.After(time.Minute):
		l.abandon()
		<-settled
		t.Error("a minute after the end of the load, clients still did not know what became of their events")
	}
	l.abandon()
}

// A client sends events of one application, one request after the other.
type client struct {
	world  *world
	app    *application
	pace   pace
	name   string
	orders string // the ordering key of its events; "": none
	chance *rand.Rand
	http   *http.Client
	made   int // events
	asked  int // requests, without those made again
}

func (c *client) run(ctx, going context.Context) {
	defer c.http.CloseIdleConnections()
	next := time.Now()
	for going.Err() == nil {
		if c.world.owes(c.app) > c.pace.backlog {
			pause(going, c.pace.interval)
			continue
		}
		c.request(ctx)
		next = next.Add(c.pace.interval)
		if late := time.Since(next); late > c.pace.interval {
			next = next.Add(late)
		}
		pause(going, time.Until(next))
	}
}

// request sends one event or several, until it knows what became of them. Three
// in four requests carry an idempotency key; the others rely on the event ids.
func (c *client) request(ctx context.Context) {
	c.asked++
	r := &request{client: c, path: "msg"}
	if c.asked%4 != 0 {
		r.key = fmt.Sprintf("%s-%d", c.name, c.asked)
	}
	n := 1
	if c.chance.IntN(10) < 3 {
		r.path, n = "msg/batch", 2+c.chance.IntN(19)
	}
	bodies := make([]string, n)
	for i := range bodies {
		ev, body := c.event()
		r.events, bodies[i] = append(r.events, ev), body
	}
	r.body = []byte(bodies[0])
	if r.path != "msg" {
		r.body = []byte(`{"messages":[` + strings.Join(bodies, ",\n") + `]}`)
	}
	for !r.try(ctx) && ctx.Err() == nil {
		pause(ctx, 5*time.Millisecond)
	}
}

// kinds are the event types, some more frequent than others.
var kinds = []string{
	"record.created", "record.created", "record.created", "record.created", "record.created",
	"record.created", "record.updated", "record.updated", "record.updated", "record.updated",
	"record.updated", "record.updated", "record.updated", "record.deleted", "user.invited",
	"user.invited", "user.invited", "user.invited", "user.invited", "user.invited",
}

// event makes an event and enters it in the ledger. Of a hundred, one is
// malformed. The payload is of a kind that does not survive being decoded and
// encoded again.
func (c *client) event() (*event, string) {
	c.made++
	ev := &event{id: fmt.Sprintf("%s-%d", c.name, c.made), app: c.app, key: c.orders, kind: kinds[c.chance.IntN(len(kinds))]}
	if c.chance.IntN(100) == 0 {
		ev.malformed, ev.kind = true, "record created"
	}
	channels, key := "", ""
	if ev.key != "" {
		key = fmt.Sprintf(`"orderingKey":%q,`, ev.key)
	}
	if c.chance.IntN(10) == 0 {
		ev.channel, channels = "audit", `"channels":["audit"],`
	}
	padding := strings.Repeat("x", c.chance.IntN(c.pace.padding+1))
	payload := fmt.Sprintf(`{ "id":%q, "z":12345678901234567890,"a":1.0,"text":"\u00e9 Ü <&>", "padding":%q}`, ev.id, padding)
	ev.sum = sha256.Sum256([]byte(payload))
	c.world.write(ev)
	return ev, fmt.Sprintf(`{"eventId":%q,"eventType":%q,%s%s"payload":%s}`, ev.id, ev.kind, channels, key, payload)
}

// A request is made again, the same, until it is settled.
type request struct {
	*client
	path   string
	key    string // "" if none
	body   []byte
	events []*event
	tries  int
}

// try reports whether the request is settled.
func (r *request) try(ctx context.Context) bool {
	r.tries++
	status, header, body, err := r.post(ctx)
	l := &r.world.ledger
	l.count(status, err)
	switch {
	case err != nil, status == http.StatusServiceUnavailable:
		return false
	case status == http.StatusInternalServerError && r.world.balancer != nil: // its database may be gone
		return false
	case status == http.StatusAccepted && r.path == "msg":
		r.accepted(body)
	case status == http.StatusAccepted:
		r.batchAccepted(body)
	case status == http.StatusInsufficientStorage:
		if header.Get("Retry-After") == "" {
			l.wrong("%s: refused with 507 but no Retry-After", r.events[0].id)
		}
		r.rejected()
	case r.path == "msg":
		r.refused(r.events[0], status, string(body))
	default:
		l.wrong("%s: a batch was answered %d: %s", r.events[0].id, status, body)
		r.rejected()
	}
	return true
}

func (r *request) rejected() {
	for _, ev := range r.events {
		r.world.settle(ev, rejected, "")
	}
}

// post makes the request once. Where a connection is refused nothing was asked, and a
// balancer goes on to the next node.
func (r *request) post(ctx context.Context) (status int, header http.Header, body []byte, err error) {
	b := r.world.balancer
	if b == nil {
		return r.postTo(ctx, r.world.host.address)
	}
	for range b.nodes {
		status, header, body, err = r.postTo(ctx, b.next())
		if !errors.Is(err, syscall.ECONNREFUSED) {
			break
		}
		b.refused.Add(1)
	}
	return status, header, body, err
}

func (r *request) postTo(ctx context.Context, address string) (status int, header http.Header, body []byte, err error) {
	url := "http://" + address + "/api/v1/app/" + r.app.uid + "/" + r.path
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(r.body))
	if err != nil {
		return 0, nil, nil, err
	}
	req.GetBody = nil // or the transport would repeat by itself what failed
	req.Header.Set("Authorization", "Bearer "+adminKey)
	req.Header.Set("Content-Type", "application/json")
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	res, err := r.http.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer res.Body.Close()
	body, err = io.ReadAll(res.Body)
	return res.StatusCode, res.Header, body, err
}

func (r *request) accepted(body []byte) {
	var answer struct{ ID string }
	if err := json.Unmarshal(body, &answer); err != nil || answer.ID == "" {
		r.world.wrong("%s: accepted with %s (%v)", r.events[0].id, body, err)
	}
	r.world.settle(r.events[0], accepted, answer.ID)
}

func (r *request) batchAccepted(body []byte) {
	var answer struct {
		Data []struct {
			ID    string
			Error *struct{ Status int }
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Data) != len(r.events) {
		r.world.wrong("%s: a batch of %d was accepted with %s (%v)", r.events[0].id, len(r.events), body, err)
		return
	}
	for i, ev := range r.events {
		if result := answer.Data[i]; result.Error != nil {
			r.refused(ev, result.Error.Status, string(body))
		} else {
			r.world.settle(ev, accepted, result.ID)
		}
	}
}

// refused settles an event that was answered with an error. A conflict means
// that an earlier try of the same request was accepted: there has to have been
// one, and with an idempotency key it would have been told apart.
func (r *request) refused(ev *event, status int, body string) {
	switch {
	case status == http.StatusConflict && r.tries > 1 && r.key == "":
		r.world.settle(ev, accepted, "")
		return
	case status != http.StatusUnprocessableEntity || !ev.malformed:
		r.world.wrong("%s, type %q: answered %d at try %d: %s", ev.id, ev.kind, status, r.tries, body)
	}
	r.world.settle(ev, rejected, "")
}
