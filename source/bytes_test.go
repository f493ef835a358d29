package source_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/memnet"
	"github.com/fanfarehq/fanfare/source"
	"github.com/fanfarehq/fanfare/sqlite"
	"github.com/fanfarehq/fanfare/storetest"
)

// running is a world whose Hub runs, on a network in memory.
func running(t *testing.T, store fanfare.Store) (*world, *memnet.Network) {
	t.Helper()
	net := memnet.New()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	w := &world{T: t, store: store, hub: fanfare.New(store, &fanfare.Options{Logger: log, Dial: net.DialContext, AllowLoopback: true})}
	w.handler = source.NewHandler(w.hub, &source.Options{Logger: log})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- w.hub.Run(ctx) }()
	t.Cleanup(func() { cancel(); w.ok(<-ended) })
	w.app = &fanfare.Application{Name: "Acme", UID: "acme"}
	w.ok(w.hub.CreateApplication(t.Context(), w.app))
	return w, net
}

// receive serves at that host.
func (w *world) receive(net *memnet.Network, host string, handler http.Handler) {
	w.Helper()
	l, err := net.Listen(host + ":80")
	w.ok(err)
	server := &http.Server{Handler: handler}
	go server.Serve(l)
	w.Cleanup(func() { server.Close() })
}

func (w *world) endpoint(ep *fanfare.Endpoint) *fanfare.Endpoint {
	w.Helper()
	ep.Application = w.app.ID
	w.ok(w.hub.CreateEndpoint(w.Context(), ep))
	return ep
}

// randomBody is text or bytes, JSON or nearly, of any length.
func randomBody(r *rand.Rand, i int) (body []byte, contentType string) {
	types := []string{"application/json", "application/json; charset=utf-8", "text/xml", "text/plain", "application/octet-stream", formType, "", "image/png", `multipart/form-data; boundary="a b"`}
	contentType = types[r.IntN(len(types))]
	body = make([]byte, r.IntN(300))
	if i%100 == 0 {
		body = make([]byte, r.IntN(100_000))
	}
	for j := range body {
		body[j] = byte(r.Uint32())
	}
	switch r.IntN(4) {
	case 0:
		body, _ = json.Marshal(map[string]any{"i": i, "text": string(body), "n": r.Float64()})
	case 1:
		body = fmt.Appendf(nil, " {\"b\":1, \"a\" : %d.0e+1 ,\"a\":\"\\u00e9\\/\" }\r\n", r.Uint64())
	}
	return body, contentType
}

// TestBytesAreSacred sends 10,000 bodies through a source and an endpoint, and compares
// what comes out with what went in.
func TestBytesAreSacred(t *testing.T) {
	if testing.Short() {
		t.Skip("10,000 bodies")
	}
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "fanfare.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	w, net := running(t, store)
	type sent struct {
		sum         [32]byte
		contentType string
	}
	const n = 10_000
	var mu sync.Mutex
	in, out := make(map[string]sent), make(map[string]sent)
	all := make(chan struct{})
	w.receive(net, "out.test", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if out[r.Header.Get("webhook-id")] = (sent{sha256.Sum256(body), r.Header.Get("Content-Type")}); len(out) == n {
			close(all)
		}
	}))
	w.endpoint(&fanfare.Endpoint{URL: "http://out.test/"})
	src := w.source("none", "")
	var senders sync.WaitGroup
	for s := range 8 {
		senders.Go(func() {
			r := rand.New(rand.NewPCG(863, uint64(s)))
			for i := range n / 8 {
				body, contentType := randomBody(r, i)
				lines := []string{"X-Number: " + strconv.Itoa(i)}
				if contentType != "" {
					lines = append(lines, "Content-Type: "+contentType)
				}
				a := w.post(src, string(body), lines...)
				var answer struct{ ID string }
				if a.status != 202 || json.Unmarshal([]byte(a.body), &answer) != nil {
					t.Errorf("%d %s", a.status, a.body)
					return
				}
				if contentType == "" {
					if contentType = "application/octet-stream"; json.Valid(body) {
						contentType = "application/json"
					}
				}
				mu.Lock()
				in[answer.ID] = sent{sha256.Sum256(body), contentType}
				mu.Unlock()
			}
		})
	}
	senders.Wait()
	select {
	case <-all:
	case <-time.After(time.Minute):
	}
	mu.Lock()
	defer mu.Unlock()
	wrong := 0
	for id, want := range in {
		if got, ok := out[id]; !ok || got != want {
			if wrong++; wrong < 10 {
				t.Errorf("%s came out as %+v, and went in as %+v", id, got, want)
			}
		}
	}
	if len(in) != n || len(out) != n {
		t.Errorf("%d went in and %d came out, of %d", len(in), len(out), n)
	}
}

// TestALoopEnds has an endpoint send to the source that its messages came by.
func TestALoopEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, net := running(t, storetest.NewModel())
		secret := secrets["standard"]
		src := w.source("standard", secret)
		w.receive(net, "self.test", w.handler)
		w.endpoint(&fanfare.Endpoint{URL: "http://self.test/in/" + src.Token, Secrets: []fanfare.Secret{{Text: secret}}, Retry: fanfare.Retry{Preset: "none"}})
		w.post(src, "{}", w.signed(src, "{}", "application/json", "first")...).want(202, "")
		time.Sleep(24 * time.Hour)
		if n := len(w.kept()); n != 1+fanfare.MaxHops {
			t.Errorf("it went round %d times; want %d", n-1, fanfare.MaxHops)
		}
		a := w.hub.SourceActivity(src.ID)
		if a.Refused == 0 || a.Refusals[0].Status != 508 {
			t.Errorf("told is %+v", a)
		}
		w.post(src, "{}", append(w.signed(src, "{}", "application/json", "odd"), fanfare.HeaderHops+": many")...).want(400, "must be a number")
	})
}

// TestEndpointsSeeHeaders has an endpoint ask for what a source received.
func TestEndpointsSeeHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, net := running(t, storetest.NewModel())
		var mu sync.Mutex
		var got []string
		w.receive(net, "out.test", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			mu.Lock()
			defer mu.Unlock()
			got = append(got, string(body))
		}))
		w.endpoint(&fanfare.Endpoint{URL: "http://out.test/", Filter: `headers["x-kind"] == "a" || payload.kind == "b"`})
		src := w.source("none", "")
		w.post(src, "1", "X-Kind: a", "Authorization: Bearer x", "Cookie: a=b", "X-Token: y", "X-Forwarded-For: 192.0.2.7", "X-Odd: \xff").want(202, "")
		w.post(src, "2", "X-Kind: b").want(202, "")
		w.post(src, "kind=b", "Content-Type: "+formType, "X-Kind: c").want(202, "")
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		slices.Sort(got)
		if len(got) != 2 || got[0] != "1" || got[1] != "kind=b" {
			t.Errorf("sent is %q", got)
		}
		if h := w.kept()[0].Headers(); len(h) != 1 || h["x-kind"] != "a" {
			t.Errorf("kept are the headers %v", h)
		}
		if msgs, err := w.hub.Messages(t.Context(), w.app.ID, fanfare.MessageFilter{Page: fanfare.Page{Limit: 5}, Tag: "fanfare-header:x-kind: b"}); err != nil || len(msgs) != 1 {
			t.Errorf("%d messages have the header, %v", len(msgs), err)
		}
	})
}

func TestHeadersAreBounded(t *testing.T) {
	w := newWorld(t)
	src := w.source("none", "")
	var lines []string
	for i := range 90 {
		lines = append(lines, fmt.Sprintf("X-%02d: %0*d", i, 150+i*10, i))
	}
	w.post(src, "{}", lines...).want(202, "")
	sum := 0
	h := w.one().Headers()
	for name, value := range h {
		sum += len(name) + len(value)
	}
	if len(h) > 24 || len(h) < 10 || sum > 4096 {
		t.Errorf("%d headers of %d bytes are kept", len(h), sum)
	}
}

func FuzzHandler(f *testing.F) {
	f.Add(byte(0), "POST", "{}", "Content-Type", "application/json", "X-Hub-Signature-256", "sha256=00")
	f.Add(byte(7), "POST", "mandrill_events=[]", "Content-Type", formType, "X-Mandrill-Signature", "7rUa4lNJitlb178MgGOcHO6T4Bg=")
	f.Add(byte(13), "POST", `{"type":"url_verification"}`, "Stripe-Signature", "t=1,v1=00,v1=", "Content-Encoding", "gzip")
	f.Add(byte(10), "HEAD", "", "webhook-signature", "v1,", "Fanfare-Hops", "9")
	store := storetest.NewModel()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	hub := fanfare.New(store, &fanfare.Options{Logger: log})
	app := &fanfare.Application{Name: "Acme"}
	if err := hub.CreateApplication(f.Context(), app); err != nil {
		f.Fatal(err)
	}
	var all []*fanfare.Source
	for _, profile := range fanfare.SourceProfiles() {
		src := &fanfare.Source{Application: app.ID, Name: "n", Profile: profile, EventType: "a.{{payload.type}}.{{headers['x']}}", Filter: `payload.x == 1 || true`}
		if profile != "none" {
			src.Secrets = []fanfare.Secret{{Text: secrets["standard"]}}
		}
		if profile == "hmac" {
			src.HMAC.Header = "X-Hub-Signature"
		}
		if err := hub.CreateSource(f.Context(), src); err != nil {
			f.Fatal(err)
		}
		all = append(all, src)
	}
	handler := source.NewHandler(hub, &source.Options{Logger: log, MaxBody: 10_000})
	f.Fuzz(func(t *testing.T, which byte, method, body, name1, value1, name2, value2 string) {
		src := all[int(which)%len(all)]
		before := hub.SourceActivity(src.ID)
		r, rec := request(method, "/in/"+src.Token, body)
		r.Header[http.CanonicalHeaderKey(name1)] = []string{value1}
		r.Header[http.CanonicalHeaderKey(name2)] = []string{value2}
		handler.ServeHTTP(rec, r)
		after := hub.SourceActivity(src.ID)
		if rec.Code < 200 || rec.Code >= 500 && rec.Code != 508 || rec.Code == 404 {
			t.Errorf("%d %s", rec.Code, rec.Body)
		}
		if rec.Code >= 400 && (after.Refused != before.Refused+1 || after.Accepted != before.Accepted) {
			t.Errorf("%d, and %+v is %+v now", rec.Code, before, after)
		}
		if src.Profile != "none" && src.Profile != "basic" && src.Profile != "body-token" && src.Profile != "slack-outgoing" && after.Accepted != before.Accepted {
			t.Errorf("%s took %q with %s: %q, %s: %q", src.Profile, body, name1, value1, name2, value2)
		}
	})
}
