// Package connecttest is what every connector must do, as a test. It brings a network of
// its own, so that nothing leaves the process: whatever address a connector calls, the
// case's fake answers.
package connecttest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A Case is a connector with all that it takes to see whether it does what it must.
type Case struct {
	Connector fanfare.Connector
	// Config is one that works with the fake. Its hidden members have values of eight
	// characters and more that stand nowhere else, so that a leak of them is seen.
	Config string
	// Bad are configs that must be refused, with the error's text.
	Bad map[string]string
	// Payload is of the messages that are sent; nil: {"n":1}.
	Payload []byte

	// Fake answers, under every address, what is called by HTTP or HTTPS. It is nil
	// for a connector of another protocol, which has Dial.
	Fake http.Handler
	// Dial, if there is one, makes the connections instead.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Local says that messages stay on this machine, and no connection is made.
	Local bool

	// Repeats reports whether two requests, made for the same message, have the same to
	// say; nil: if all of them but the header is the same, byte for byte. It is not
	// asked where there is Dial.
	Repeats func(first, second Request) bool
	// Outcomes are what must come of attempts, each under a name.
	Outcomes map[string]Outcome
}

// An Outcome is what must come of one attempt. Zero fields are those of the Case, or
// are not looked at.
type Outcome struct {
	Config  string
	Message *fanfare.Message

	Class      fanfare.Class // ClassSuccess also stands for ""
	Status     int
	Detail     string // what Detail must have in it
	RetryAfter string // the answer's, as it must be recorded
	Err        string // what the error must have in it
}

// Run holds a connector against all that connectors promise.
func Run(t *testing.T, c Case) {
	t.Helper()
	t.Run("config", func(t *testing.T) { c.configs(t) })
	t.Run("hidden", func(t *testing.T) { c.hidden(t) })
	t.Run("sends", func(t *testing.T) { c.sends(t) })
	t.Run("repeats", func(t *testing.T) { c.repeats(t) })
	t.Run("preview", func(t *testing.T) { c.previews(t) })
	t.Run("together", func(t *testing.T) { c.together(t) })
	t.Run("context ends", func(t *testing.T) { c.contextEnds(t) })
	if !c.Local {
		t.Run("no way there", func(t *testing.T) { c.noWay(t) })
	}
	if c.Dial != nil && !c.Local {
		t.Run("stuck", func(t *testing.T) { c.stuck(t) })
	}
	if c.Fake != nil {
		t.Run("put off", func(t *testing.T) { c.putOff(t) })
	}
	for _, name := range slices.Sorted(maps.Keys(c.Outcomes)) {
		t.Run(name, func(t *testing.T) { c.outcome(t, c.Outcomes[name]) })
	}
}

// Message makes a message to send. Its id is different each time.
func Message(eventType, payload string) *fanfare.Message {
	serial.Lock()
	defer serial.Unlock()
	serial.n++
	return &fanfare.Message{
		ID: fanfare.MessageID(fmt.Sprintf("msg_%026d", serial.n)), Application: "app_00000000000000000000000001",
		EventType: eventType, Payload: []byte(payload), CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

var serial struct {
	sync.Mutex
	n int
}

func (c *Case) message() *fanfare.Message {
	payload := c.Payload
	if payload == nil {
		payload = []byte(`{"n":1}`)
	}
	return Message("record.created", string(payload))
}

// open makes a sink that ends with the test. What it logs goes into the log.
func (c *Case) open(t *testing.T, config string, w *way) fanfare.Sink {
	t.Helper()
	sink, err := c.Connector.New([]byte(config), w.Way)
	if err != nil {
		t.Fatalf("%s: %v", config, err)
	}
	t.Cleanup(func() {
		if err := errors.Join(sink.Close(), sink.Close()); err != nil {
			t.Errorf("closed twice: %v", err)
		}
	})
	return sink
}

func (c *Case) configs(t *testing.T) {
	way := c.way(t, nil)
	if c.Connector.About == "" || strings.Contains(c.Connector.About, "\n") || !strings.HasSuffix(c.Connector.About, ".") {
		t.Errorf("About is no sentence in a line: %q", c.Connector.About)
	}
	if !json.Valid(c.Connector.Example) {
		t.Fatalf("the example is not JSON: %s", c.Connector.Example)
	}
	c.open(t, string(c.Connector.Example), way)
	bad := map[string]string{with(string(c.Connector.Example), "noSuchMember", 1): "config.noSuchMember: "}
	maps.Copy(bad, c.Bad)
	for _, config := range slices.Sorted(maps.Keys(bad)) {
		sink, err := c.Connector.New([]byte(config), way.Way)
		if err == nil {
			t.Errorf("%s is taken; want %q", config, bad[config])
			_ = sink.Close()
			continue
		}
		var invalid *fanfare.InvalidError
		if !errors.As(err, &invalid) || !strings.HasPrefix(invalid.Field, "config") {
			t.Errorf("%s: %v, which is no InvalidError about config", config, err)
		}
		if !strings.Contains(err.Error(), bad[config]) {
			t.Errorf("%s: %v; want %q", config, err, bad[config])
		}
		for _, secret := range c.secrets(config) {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error shows a secret: %v", config, err)
			}
		}
	}
}

// hidden sees that what is to be hidden is what there is in a config.
func (c *Case) hidden(t *testing.T) {
	for _, name := range c.Connector.Hidden {
		sink, err := c.Connector.New([]byte(with(c.Config, name, "such-as-this")), c.way(t, nil).Way)
		if err == nil {
			_ = sink.Close()
			continue
		}
		if strings.Contains(err.Error(), "config."+name+": is not known here") {
			t.Errorf("%s is hidden, but no member of a config", name)
		}
	}
}

func (c *Case) sends(t *testing.T) {
	way := c.way(t, nil)
	sink := c.open(t, c.Config, way)
	target := sink.Target()
	if target == "" || strings.Contains(target, "\n") {
		t.Errorf("the target is no line: %q", target)
	}
	reply := c.send(t, sink, c.message(), way.log)
	if !taken(reply) {
		t.Errorf("%s (%d %s); want success: %s", reply.Class, reply.Status, reply.Detail, reply.ResponseBody)
	}
	if now := sink.Target(); now != target {
		t.Errorf("the target was %q and is %q", target, now)
	}
}

// send makes an attempt and looks for secrets in what came of it.
func (c *Case) send(t *testing.T, sink fanfare.Sink, msg *fanfare.Message, log *journal) fanfare.Reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	reply, err := sink.Send(ctx, msg)
	if err != nil {
		t.Fatal(err)
	}
	c.leaks(t, sink, reply, nil, log)
	return reply
}

func taken(reply fanfare.Reply) bool {
	return reply.Class == "" || reply.Class == fanfare.ClassSuccess
}

// repeats sends a message again, as after a crash.
func (c *Case) repeats(t *testing.T) {
	seen := &recorder{handler: c.Fake}
	way := c.way(t, seen)
	sink, msg := c.open(t, c.Config, way), c.message()
	for range 2 {
		own := *msg
		if reply := c.send(t, sink, &own, way.log); !taken(reply) {
			t.Errorf("%s (%d %s); want success both times", reply.Class, reply.Status, reply.Detail)
		}
	}
	if c.Dial != nil || c.Fake == nil {
		return
	}
	half := len(seen.all) / 2
	if half == 0 || len(seen.all) != 2*half {
		t.Fatalf("%d requests were made for a message that was sent twice", len(seen.all))
	}
	same := c.Repeats
	if same == nil {
		same = func(a, b Request) bool { return a.Method == b.Method && a.URL == b.URL && a.Body == b.Body }
	}
	for i := range half {
		if a, b := seen.all[i], seen.all[half+i]; !same(a, b) {
			t.Errorf("sent again it is another:\n%+v\n%+v", a, b)
		}
	}
}

func (c *Case) together(t *testing.T) {
	way := c.way(t, nil)
	sink := c.open(t, c.Config, way)
	var wg sync.WaitGroup
	for range 8 {
		msg := c.message()
		wg.Go(func() {
			reply, err := sink.Send(t.Context(), msg)
			if err != nil || !taken(reply) {
				t.Errorf("of eight at once one ended with %v, %s (%d %s)", err, reply.Class, reply.Status, reply.Detail)
			}
		})
	}
	wg.Wait()
}

// contextEnds has the other side never answer.
func (c *Case) contextEnds(t *testing.T) {
	way := c.way(t, nil)
	way.deafen()
	sink := c.open(t, c.Config, way)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if c.Local {
		cancel() // nobody else can keep it waiting
	}
	begun := time.Now()
	reply, err := sink.Send(ctx, c.message())
	if err == nil {
		t.Errorf("without an answer it ended with %+v", reply)
	}
	if spent := time.Since(begun); spent > 20*time.Second { // it would wait for good
		t.Errorf("it ended %s after its context", spent)
	}
	c.leaks(t, sink, reply, err, way.log)
}

func (c *Case) noWay(t *testing.T) {
	way := c.way(t, nil)
	way.refuse()
	sink := c.open(t, c.Config, way)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	reply, err := sink.Send(ctx, c.message())
	if err == nil {
		t.Errorf("without a connection it ended with %+v", reply)
	}
	c.leaks(t, sink, reply, err, way.log)
}

// putOff has the other side ask for patience, whatever it is asked.
func (c *Case) putOff(t *testing.T) {
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		way := c.way(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			rw.Header().Set("Retry-After", "7")
			rw.WriteHeader(status)
		}))
		o := Outcome{Class: fanfare.ClassStatus, Status: status, RetryAfter: "7"}
		o.check(t, c, c.open(t, c.Config, way), c.message(), way.log)
	}
}

func (c *Case) outcome(t *testing.T, o Outcome) {
	way := c.way(t, nil)
	config, msg := c.Config, c.message()
	if o.Config != "" {
		config = o.Config
	}
	if o.Message != nil {
		msg = o.Message
	}
	o.check(t, c, c.open(t, config, way), msg, way.log)
}

func (o *Outcome) check(t *testing.T, c *Case, sink fanfare.Sink, msg *fanfare.Message, log *journal) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	reply, err := sink.Send(ctx, msg)
	c.leaks(t, sink, reply, err, log)
	if o.Err != "" || err != nil {
		if err == nil || o.Err == "" || !strings.Contains(err.Error(), o.Err) {
			t.Errorf("error %v; want %q", err, o.Err)
		}
		return
	}
	if reply.Class != o.Class && !(o.Class == fanfare.ClassSuccess && taken(reply)) {
		t.Errorf("%s (%d %s); want %s", reply.Class, reply.Status, reply.Detail, o.Class)
	}
	if o.Status != 0 && reply.Status != o.Status {
		t.Errorf("status %d; want %d", reply.Status, o.Status)
	}
	if !strings.Contains(reply.Detail, o.Detail) {
		t.Errorf("detail %q; want %q", reply.Detail, o.Detail)
	}
	if !taken(reply) && reply.Detail == "" {
		t.Error("nothing is said of what went wrong")
	}
	if got := valueOf(reply.ResponseHeader, "Retry-After"); o.RetryAfter != "" && got != o.RetryAfter {
		t.Errorf("Retry-After is recorded as %q; want %q", got, o.RetryAfter)
	}
}

func valueOf(header []fanfare.Header, name string) string {
	for _, h := range header {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

// with is a JSON object with one member more, or with another value.
func with(object, name string, value any) string {
	members := make(map[string]any)
	_ = json.Unmarshal([]byte(object), &members)
	members[name] = value
	text, _ := json.Marshal(members)
	return string(text)
}
