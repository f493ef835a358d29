package fanfare_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A post is a made-up connector: it puts letters into boxes.
type post struct {
	mu     sync.Mutex
	boxes  map[string][]string
	opened []string
	closed []string
	answer func(box string, n int) (fanfare.Reply, error) // nil: taken
}

type letterbox struct {
	*post
	Box string `json:"box"`
	Key string `json:"key"`
}

func (p *post) connector() fanfare.Connector {
	return fanfare.Connector{
		About: "Puts it into a box.", Example: json.RawMessage(`{"box":"red"}`), Hidden: []string{"key"}, Where: []string{"box"},
		New: func(config []byte, way fanfare.Way) (fanfare.Sink, error) {
			l := &letterbox{post: p}
			if err := json.Unmarshal(config, l); err != nil || l.Box == "" {
				return nil, &fanfare.InvalidError{Field: "config.box", Reason: "name a box"}
			}
			if way.Dial == nil || way.HTTP == nil || way.Logger == nil {
				return nil, errors.New("there is no way out")
			}
			p.mu.Lock()
			defer p.mu.Unlock()
			p.opened = append(p.opened, l.Box+l.Key)
			return l, nil
		},
	}
}

func (l *letterbox) Target() string { return l.Box }

func (l *letterbox) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.boxes == nil {
		l.boxes = make(map[string][]string)
	}
	l.boxes[l.Box+l.Key] = append(l.boxes[l.Box+l.Key], string(msg.Payload))
	if l.answer != nil {
		return l.answer(l.Box, len(l.boxes[l.Box+l.Key]))
	}
	return fanfare.Reply{Status: 201, ResponseBody: []byte("thanks")}, nil
}

func (l *letterbox) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = append(l.closed, l.Box+l.Key)
	return nil
}

func (p *post) in(box string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.boxes[box])
}

func newPost(t *testing.T, p *post) *world {
	return newWorld(t, &fanfare.Options{Connectors: map[string]fanfare.Connector{"post": p.connector()}})
}

func (w *world) connected(config string) *fanfare.Endpoint {
	w.t.Helper()
	ep := &fanfare.Endpoint{Application: w.app.ID, Kind: "post", Config: json.RawMessage(config)}
	if err := w.hub.CreateEndpoint(w.t.Context(), ep); err != nil {
		w.t.Fatal(err)
	}
	return ep
}

func TestConnector(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{}
		w := newPost(t, p)
		defer w.close()
		ep := w.connected(` {"box": "red", "key": "k1"} `)
		if ep.URL != "post:red" || string(ep.Config) != `{"box":"red","key":"k1"}` {
			t.Errorf("stored as %s with %s", ep.URL, ep.Config)
		}
		if shown := string(w.hub.ShownConfig(ep)); shown != `{"box":"red","key":"********"}` {
			t.Errorf("shown as %s", shown)
		}
		msg := w.send("record.created", json.RawMessage(`{"a":1}`))
		synctest.Wait()
		if got := p.in("redk1"); !slices.Equal(got, []string{`{"a":1}`}) {
			t.Errorf("in the box: %q", got)
		}
		a := w.attempts(msg)[0]
		if a.Class != fanfare.ClassSuccess || a.Status != 201 || string(a.ResponseBody) != "thanks" || a.URL != "post:red" || a.State != fanfare.Delivered {
			t.Errorf("recorded: %+v", a)
		}
	})
}

func TestConnectorFails(t *testing.T) {
	for name, c := range map[string]struct {
		reply fanfare.Reply
		err   error
		class fanfare.Class
		state fanfare.State
	}{
		"refused for good":  {fanfare.Reply{Class: fanfare.ClassRejected, Status: 400, Detail: "no_text"}, nil, fanfare.ClassRejected, fanfare.GivenUp},
		"later":             {fanfare.Reply{Class: fanfare.ClassStatus, Status: 500}, nil, fanfare.ClassStatus, fanfare.Waiting},
		"gone":              {fanfare.Reply{Class: fanfare.ClassGone}, nil, fanfare.ClassGone, fanfare.GivenUp},
		"one thing is gone": {fanfare.Reply{Class: fanfare.ClassRejected, Status: 410}, nil, fanfare.ClassRejected, fanfare.GivenUp},
		"410, and not gone": {fanfare.Reply{Class: fanfare.ClassStatus, Status: 410, Detail: "not known yet"}, nil, fanfare.ClassStatus, fanfare.Waiting},
		"no network":        {fanfare.Reply{}, errors.New("no carrier"), fanfare.ClassConnector, fanfare.Waiting},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &post{answer: func(string, int) (fanfare.Reply, error) { return c.reply, c.err }}
				w := newPost(t, p)
				defer w.close()
				ep := w.connected(`{"box":"red"}`)
				msg := w.send("record.created", 1)
				synctest.Wait()
				a := w.attempts(msg)[0]
				if a.Class != c.class || a.State != c.state {
					t.Errorf("%s, %s; want %s, %s", a.Class, a.State, c.class, c.state)
				}
				if what, fix := a.Explain(); what == "" || strings.Contains(what, "function") || strings.Contains(fix, "disabled;") && a.Class != fanfare.ClassGone {
					t.Errorf("explained as %q, %q", what, fix)
				}
				now, err := w.hub.Endpoint(t.Context(), w.app.ID, string(ep.ID))
				if err != nil || now.Disabled != (c.class == fanfare.ClassGone) {
					t.Errorf("disabled: %v, %v", now.Disabled, err)
				}
			})
		})
	}
}

func TestConnectorIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{}
		w := newPost(t, p)
		ep := w.connected(`{"box":"red","key":"k1"}`)
		w.send("a.b", 1)
		synctest.Wait()
		ep.Config = json.RawMessage(`{"box":"green","key":"` + fanfare.Masked + `"}`)
		if err := w.hub.UpdateEndpoint(t.Context(), ep); err == nil || err.Error() != "config.key: is masked; give the secret itself" {
			t.Errorf("another box was shown the key: %v", err)
		}
		ep.Config = json.RawMessage(`{"box":"red","key":"` + fanfare.Masked + `","stamp":"1"}`)
		if err := w.hub.UpdateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		w.send("a.b", 2)
		w.send("a.b", 3)
		synctest.Wait()
		if got := p.in("redk1"); !slices.Equal(slices.Sorted(slices.Values(got)), []string{"1", "2", "3"}) {
			t.Errorf("in the red box: %q", got)
		}
		w.close()
		// Each check opens one, and closes it; each sink in use is closed in the end.
		slices.Sort(p.opened)
		slices.Sort(p.closed)
		if !slices.Equal(p.opened, p.closed) || len(p.opened) != 4 {
			t.Errorf("opened %q and closed %q", p.opened, p.closed)
		}
	})
}

func TestConnectorRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{}
		w := newPost(t, p)
		defer w.close()
		closed := func() int {
			p.mu.Lock()
			defer p.mu.Unlock()
			return len(p.closed) - 1 // of the check
		}
		w.connected(`{"box":"red"}`)
		for range 3 {
			w.send("a.b", 1)
			time.Sleep(4 * time.Minute)
			if n := closed(); n != 0 {
				t.Errorf("%d are closed four minutes after it was used", n)
			}
		}
		time.Sleep(2 * time.Minute)
		if n := closed(); n != 1 {
			t.Errorf("%d are closed when nobody has used it for six minutes, want 1", n)
		}
		w.send("a.b", 2)
		synctest.Wait()
		if got := p.in("red"); !slices.Equal(got, []string{"1", "1", "1", "2"}) {
			t.Errorf("in the box: %q", got)
		}
	})
}

func TestConnectorThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{}
		c := p.connector()
		made, opens := 0, c.New
		c.New = func(config []byte, way fanfare.Way) (fanfare.Sink, error) {
			if made++; made > 1 {
				panic("out of boxes")
			}
			return opens(config, way)
		}
		w := newWorld(t, &fanfare.Options{Connectors: map[string]fanfare.Connector{"post": c}})
		defer w.close()
		w.connected(`{"box":"red"}`)
		msg := w.send("a.b", 1)
		synctest.Wait()
		if a := w.attempts(msg)[0]; a.Class != fanfare.ClassConnector || a.State != fanfare.Waiting {
			t.Errorf("%s, %s", a.Class, a.State)
		}
	})
}

func TestConnectorOfAnotherProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &post{}
		w := newPost(t, p)
		w.connected(`{"box":"red"}`)
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		w.run(nil) // it has no such connector
		w.send("a.b", 1)
		time.Sleep(time.Minute)
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		w.run(&fanfare.Options{Connectors: map[string]fanfare.Connector{"post": p.connector()}})
		defer w.close()
		time.Sleep(time.Second)
		if got := p.in("red"); !slices.Equal(got, []string{"1"}) {
			t.Errorf("in the box: %q", got)
		}
	})
}

func TestConnectorRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPost(t, &post{})
		defer w.close()
		for _, c := range []struct {
			ep   fanfare.Endpoint
			want string
		}{
			{fanfare.Endpoint{Kind: "pigeon"}, "kind: one of webhook, poller, post"},
			{fanfare.Endpoint{Kind: "post"}, "config.box: name a box"},
			{fanfare.Endpoint{Kind: "post", Config: json.RawMessage(`[]`)}, `config: give an object, such as {"box":"red"}`},
			{fanfare.Endpoint{Kind: "post", Config: json.RawMessage(`{"box":`)}, `config: give an object, such as {"box":"red"}`},
			{fanfare.Endpoint{Kind: "post", Config: json.RawMessage(`{"box":"red","key":"********"}`)}, "config.key: is masked; give the secret itself"},
			{fanfare.Endpoint{Kind: "post", Config: json.RawMessage(`{"box":"` + strings.Repeat("x", 1<<16) + `"}`)}, "config: 65546 bytes; at most 65536 are allowed"},
			{fanfare.Endpoint{Kind: "post", Config: json.RawMessage(`{"box":"red"}`), Format: "form"}, "format: of kind post it is told in config what is sent"},
			{fanfare.Endpoint{URL: "http://a.test/", Config: json.RawMessage(`{}`)}, "config: is for endpoints of other kinds; say which in kind"},
		} {
			c.ep.Application = w.app.ID
			if err := w.hub.CreateEndpoint(t.Context(), &c.ep); err == nil || err.Error() != c.want {
				t.Errorf("%+v: %v; want %s", c.ep.Config, err, c.want)
			}
		}
	})
}

// TestConnectorUsesTheWay has a connector make its request by the way it is given.
func TestConnectorUsesTheWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := fanfare.Connector{New: func(_ []byte, way fanfare.Way) (fanfare.Sink, error) { return caller{way}, nil }}
		w := newWorld(t, &fanfare.Options{Connectors: map[string]fanfare.Connector{"call": way}})
		defer w.close()
		rcv := w.receiver("a.test", func(_ int, rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "/elsewhere", http.StatusFound)
		})
		ep := &fanfare.Endpoint{Application: w.app.ID, Kind: "call"}
		if err := w.hub.CreateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		w.send("a.b", 1)
		synctest.Wait()
		if n := len(rcv.requests()); n != 1 {
			t.Errorf("%d requests; the redirect was followed", n)
		}
	})
}

func TestConnectorByHTTPSOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		way := fanfare.Connector{New: func(_ []byte, way fanfare.Way) (fanfare.Sink, error) { return caller{way}, nil }}
		w := newWorld(t, &fanfare.Options{HTTPSOnly: true, Connectors: map[string]fanfare.Connector{"call": way}})
		defer w.close()
		rcv := w.receiver("a.test", nil)
		ep := &fanfare.Endpoint{Application: w.app.ID, Kind: "call"}
		if err := w.hub.CreateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		msg := w.send("a.b", 1)
		synctest.Wait()
		if a := w.attempts(msg)[0]; a.Class != fanfare.ClassDenied || len(rcv.requests()) != 0 {
			t.Errorf("%s: %s, and %d requests", a.Class, a.Detail, len(rcv.requests()))
		}
	})
}

type caller struct{ way fanfare.Way }

func (c caller) Target() string { return "a.test" }
func (c caller) Close() error   { return nil }
func (c caller) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://a.test/", strings.NewReader(string(msg.Payload)))
	if err != nil {
		return fanfare.Reply{}, err
	}
	res, err := c.way.HTTP.Do(req)
	if err != nil {
		return fanfare.Reply{}, err
	}
	defer res.Body.Close()
	return fanfare.Reply{Status: res.StatusCode}, nil
}
