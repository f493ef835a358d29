package api

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

const aBin = "https://hooks.example.com/bin/abcdefghijklmnopqrstuvwxyz"

// byHand is a world whose server has bins, which take down what they get.
func byHand(t *testing.T) (w *world, got func() (*http.Request, string)) {
	var last *http.Request
	var body string
	take := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		last, body = r, string(text)
	})
	w = newWorld(t)
	w.hub = fanfare.New(w.store, &fanfare.Options{AllowLoopback: true, Bins: &fanfare.Bins{At: "https://hooks.example.com/bin/", Serve: take}})
	w.api = New(w.hub, w.store, &Options{KeyHash: HashKey(testKey)})
	w.app("acme")
	w.endpoint("acme", "ep")
	return w, func() (*http.Request, string) { return last, body }
}

func TestMessagesAreRehearsed(t *testing.T) {
	w, got := byHand(t)
	msg := w.do("POST", "/api/v1/app/acme/msg", `{"eventType":"a.b","payload":{"n": 1.0}}`).want(202).id()
	at := "/api/v1/app/acme/msg/" + msg + "/endpoint/ep/rehearse"
	secret := webhook.GenerateSecret().Reveal()
	ask := func(more string) *answer {
		t.Helper()
		return w.do("POST", at, `{"url":"`+aBin+`","secret":"`+secret+`"`+more+`}`)
	}
	for more, want := range map[string]string{
		"": `{"n": 1.0}`, `,"payload":{ "n": 2.0 }`: `{ "n": 2.0 }`, `,"rawPayload":"no JSON","contentType":"text/plain"`: "no JSON", `,"rawPayload":""`: "",
	} {
		a := ask(more).want(200)
		a.has(map[string]any{"url": aBin, "status": 200.0, "errorClass": nil})
		if _, body := got(); body != want {
			t.Errorf("with %s the bin got %s", more, body)
		}
	}
	if a := ask(`,"headers":{"X-Mine":"1"}`).want(200); !strings.Contains(string(a.body), `["X-Mine","1"]`) {
		t.Errorf("what was sent is %s", a.body)
	}
	ask(`,"payload":1,"rawPayload":"1"`).want(422)
	ask(`,"payloads":1`).want(422)
	w.do("POST", at, `{"url":"https://example.com/","secret":"`+secret+`"}`).want(422)
	w.do("POST", strings.Replace(at, msg, "nothing", 1), `{"url":"`+aBin+`","secret":"`+secret+`"}`).want(404)
	w.do("DELETE", "/api/v1/app/acme/msg/"+msg+"/content", "").want(204)
	ask("").want(422)
	ask(`,"payload":1`).want(200)
}

func TestOneEndpointIsSentAMessage(t *testing.T) {
	w, _ := byHand(t)
	w.endpoint("acme", "other")
	a := w.do("POST", "/api/v1/app/acme/endpoint/ep/msg", `{"eventType":"a.b","payload":{"n": 1.0}}`).want(202)
	var list struct{ Data []struct{ UID string } }
	w.do("GET", "/api/v1/app/acme/msg/"+a.id()+"/endpoint", "").want(200).decode(&list)
	if len(list.Data) != 1 || list.Data[0].UID != "ep" || !strings.Contains(string(a.body), `"payload":{"n": 1.0}`) {
		t.Errorf("it is for %v: %s", list.Data, a.body)
	}
	w.do("POST", "/api/v1/app/acme/endpoint/ep/msg", `{"eventType":"a.b"}`).want(422)
	w.do("POST", "/api/v1/app/acme/endpoint/ep/msg", `{"eventType":"a.b","rawPayload":"x","contentType":"text/plain"}`).want(202)
}

func TestRequestsAreMadeByHand(t *testing.T) {
	w, got := byHand(t)
	rcv := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		rw.WriteHeader(http.StatusConflict)
		io.WriteString(rw, r.Method+" "+r.Header.Get("X-A")+" "+base64.StdEncoding.EncodeToString(body))
	}))
	defer rcv.Close()
	send := func(in map[string]any) *answer {
		text, _ := json.Marshal(in)
		return w.do("POST", "/api/v1/url/send", string(text))
	}
	send(map[string]any{"method": "PUT", "url": rcv.URL, "headers": [][2]string{{"X-A", "1"}}, "bodyBase64": "AP8="}).want(200).
		has(map[string]any{"status": 409.0, "errorClass": "status", "response": "PUT 1 AP8="})
	send(map[string]any{"url": aBin, "body": "text"}).want(200)
	if r, body := got(); r.Method != "POST" || body != "text" {
		t.Errorf("the bin got %s %s", r.Method, body)
	}
	for _, bad := range []map[string]any{{"url": "http://10.0.0.1/"}, {"url": rcv.URL, "method": "BREW"}, {"url": rcv.URL, "bodyBase64": "%"}, {"url": rcv.URL, "bodyBase64": "AA==", "body": "x"}, {"url": rcv.URL, "headers": [][2]string{{"Host", "x"}}}} {
		send(bad).want(422)
	}
}

// TestWhoTriesOutTooMuchIsToComeAgain holds as many rehearsals open as an application may have.
func TestWhoTriesOutTooMuchIsToComeAgain(t *testing.T) {
	w, _ := byHand(t)
	came, hold := make(chan bool), make(chan bool)
	w.hub = fanfare.New(w.store, &fanfare.Options{AllowLoopback: true, Bins: &fanfare.Bins{At: "https://hooks.example.com/bin/", Serve: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		came <- true
		<-hold
	})}})
	w.api = New(w.hub, w.store, &Options{KeyHash: HashKey(testKey)})
	msg := w.do("POST", "/api/v1/app/acme/msg", `{"eventType":"a.b","payload":1}`).want(202).id()
	rehearse := func() *answer {
		return w.do("POST", "/api/v1/app/acme/msg/"+msg+"/endpoint/ep/rehearse", `{"url":"`+aBin+`","secret":"`+webhook.GenerateSecret().Reveal()+`"}`)
	}
	var held sync.WaitGroup
	for range 4 {
		held.Go(func() {
			if a := rehearse(); a.status != 200 {
				t.Errorf("one within its bounds is answered %d", a.status)
			}
		})
		<-came
	}
	a := rehearse().want(429)
	if a.header.Get("Retry-After") != "1" || !strings.Contains(string(a.body), "in a moment") {
		t.Errorf("one more is answered %v %s", a.header, a.body)
	}
	close(hold)
	held.Wait()
}
