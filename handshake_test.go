package fanfare_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// A guest is a receiver that counts the handshakes it was asked for, and answers
// all else 200.
type guest struct {
	*receiver
	asked int
}

// guest makes one whose handshakes are answered by answer; what is no handshake it
// tells by its event type.
func (w *world) guest(answer func(g *guest, rw http.ResponseWriter, r *http.Request)) *guest {
	g := &guest{}
	g.receiver = w.receiver("guest.example", func(_ int, rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Webhook-Event-Type") == "a.b" {
			return
		}
		g.asked++
		answer(g, rw, r)
	})
	return g
}

// delivered is how many messages it was sent.
func (g *guest) delivered() (n int) {
	for _, r := range g.requests() {
		if r.header.Get("Webhook-Event-Type") == "a.b" {
			n++
		}
	}
	return n
}

// answers are how a receiver takes each handshake as it should.
var answers = map[string]func(g *guest, rw http.ResponseWriter, r *http.Request){
	"x-hook-secret": func(_ *guest, rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("X-Hook-Secret", r.Header.Get("X-Hook-Secret"))
	},
	"challenge": func(g *guest, rw http.ResponseWriter, r *http.Request) {
		var in struct{ Type, Challenge string }
		if json.Unmarshal([]byte(g.requests()[len(g.requests())-1].body), &in) == nil && in.Type == "url_verification" {
			json.NewEncoder(rw).Encode(map[string]string{"challenge": in.Challenge})
		}
	},
	"dropbox": func(_ *guest, rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && r.URL.Query().Get("kept") == "1" {
			io.WriteString(rw, r.URL.Query().Get("challenge"))
		}
	},
	"websub": func(_ *guest, rw http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if r.Method == http.MethodGet && q.Get("hub.mode") == "subscribe" && strings.HasPrefix(q.Get("hub.topic"), "urn:fanfare:ep_") && q.Get("hub.lease_seconds") != "" {
			io.WriteString(rw, q.Get("hub.challenge"))
		}
	},
	"cloudevents": func(_ *guest, rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			rw.Header().Set("WebHook-Allowed-Origin", r.Header.Get("WebHook-Request-Origin"))
		}
	},
}

// TestHandshakes lets each be answered as it should be, and not at all, and sees
// what that means for a message.
func TestHandshakes(t *testing.T) {
	if len(answers) != len(fanfare.Handshakes) {
		t.Errorf("%d handshakes are known here, and there are %d", len(answers), len(fanfare.Handshakes))
	}
	for kind, answer := range answers {
		for _, willing := range []bool{true, false} {
			name := kind
			if !willing {
				name += " refused"
			}
			t.Run(name, func(t *testing.T) {
				inBubble(t, &fanfare.Options{Origin: "hooks.example"}, func(t *testing.T, w *world) {
					g := w.guest(func(g *guest, rw http.ResponseWriter, r *http.Request) {
						if willing {
							answer(g, rw, r)
						}
					})
					ep := w.endpoint(fanfare.Endpoint{URL: g.url + "in?kept=1", Handshake: fanfare.Handshake{Kind: kind}, Headers: map[string]string{"X-Own": "yes"}})
					now := w.reload(ep)
					if now.Verified() != willing || (now.Unverified() == "") != willing || g.asked != 1 {
						t.Fatalf("after %d handshakes it is verified: %v, %q", g.asked, now.Verified(), now.Unverified())
					}
					if first := g.requests()[0]; first.header.Get("X-Own") != "yes" {
						t.Errorf("the handshake came without the endpoint's own header: %v", first.header)
					}
					msg := w.send("a.b", 1)
					time.Sleep(100 * time.Hour)
					synctest.Wait()
					want := map[bool]fanfare.State{true: fanfare.Delivered, false: fanfare.Waiting}[willing]
					if d := w.delivery(msg); d.State != want {
						t.Errorf("the delivery is %v", d.State)
					}
					if willing {
						return
					}
					willing = true
					if err := w.hub.VerifyEndpoint(t.Context(), now); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Second)
					synctest.Wait()
					if d := w.delivery(msg); d.State != fanfare.Delivered || g.asked != 2 {
						t.Errorf("after %d handshakes the delivery is %v: %q", g.asked, d.State, w.reload(ep).Unverified())
					}
				})
			})
		}
	}
}

// TestAnswersThatAreNoHandshake each leave a reason in words.
func TestAnswersThatAreNoHandshake(t *testing.T) {
	tests := map[string]struct {
		kind   string
		answer http.HandlerFunc
		says   string
	}{
		"another secret": {"x-hook-secret", func(rw http.ResponseWriter, _ *http.Request) { rw.Header().Set("X-Hook-Secret", "x") }, "another X-Hook-Secret"},
		"an error":       {"dropbox", func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(404) }, "404 Not Found"},
		"a redirect":     {"dropbox", func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, "http://operator.example/", 302) }, "302 Found"},
		"another text":   {"dropbox", func(rw http.ResponseWriter, _ *http.Request) { io.WriteString(rw, "hello") }, "not the challenge"},
		"no end": {"dropbox", func(rw http.ResponseWriter, r *http.Request) {
			io.WriteString(rw, r.URL.Query().Get("challenge"))
			for range 100 {
				io.WriteString(rw, strings.Repeat("x", 1000))
			}
		}, "not the challenge"},
		"another origin": {"cloudevents", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("WebHook-Allowed-Origin", "evil.example")
		}, `"evil.example"`},
		"too fast": {"cloudevents", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("WebHook-Allowed-Origin", "*")
			rw.Header().Set("WebHook-Allowed-Rate", "120")
		}, `allows "120" requests a minute`},
		"nothing for long": {"websub", func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-time.After(time.Minute):
			}
		}, "no answer within 10s"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				g := w.guest(func(_ *guest, rw http.ResponseWriter, r *http.Request) { test.answer(rw, r) })
				ep := w.reload(w.endpoint(fanfare.Endpoint{URL: g.url, Handshake: fanfare.Handshake{Kind: test.kind}}))
				if ep.Verified() || !strings.Contains(ep.Unverified(), test.says) {
					t.Errorf("it is verified: %v; %q", ep.Verified(), ep.Unverified())
				}
				if spent := time.Since(w.start); spent > 10*time.Second {
					t.Errorf("it took %v", spent)
				}
			})
		})
	}
	inBubble(t, nil, func(t *testing.T, w *world) {
		ep := w.endpoint(fanfare.Endpoint{URL: "http://nobody.example/", Handshake: fanfare.Handshake{Kind: "websub"}})
		if got := ep.Handshake.Problem; w.reload(ep).Verified() || got == "" {
			t.Errorf("nobody has answered; the problem is %q", got)
		}
	})
}

// TestARateTheEndpointKeepsToIsAllowed is CloudEvents' WebHook-Allowed-Rate.
func TestARateTheEndpointKeepsToIsAllowed(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		g := w.guest(func(_ *guest, rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("WebHook-Allowed-Origin", "fanfare")
			rw.Header().Set("WebHook-Allowed-Rate", r.Header.Get("WebHook-Request-Rate"))
		})
		ep := w.endpoint(fanfare.Endpoint{URL: g.url, RateLimit: 2, Handshake: fanfare.Handshake{Kind: "cloudevents"}})
		if got := g.requests()[0].header.Get("WebHook-Request-Rate"); got != "120" || !w.reload(ep).Verified() {
			t.Errorf("it asked for %q a minute: %q", got, w.reload(ep).Unverified())
		}
	})
}

// TestAReceiverThatBringsItsSecretLater is the delayed form of X-Hook-Secret. The
// secret is the one that signs where the signature is that of REST hooks.
func TestAReceiverThatBringsItsSecretLater(t *testing.T) {
	for _, signature := range []string{"resthooks", "standard"} {
		t.Run(signature, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				secret, confirm := "", ""
				g := w.guest(func(g *guest, _ http.ResponseWriter, r *http.Request) {
					secret = r.Header.Get("X-Hook-Secret")
					var in struct{ Confirm string }
					json.Unmarshal([]byte(g.requests()[len(g.requests())-1].body), &in)
					confirm = in.Confirm
				})
				ep := w.endpoint(fanfare.Endpoint{URL: g.url, Signature: signature, Handshake: fanfare.Handshake{Kind: "x-hook-secret"}})
				msg := w.send("a.b", 1)
				time.Sleep(time.Hour)
				if confirm != "/api/v1/app/"+string(w.app.ID)+"/hook-secret/"+string(ep.ID) {
					t.Errorf("it was told to bring it to %q", confirm)
				}
				for _, wrong := range []string{"", "x", secret + "x"} {
					if err := w.hub.ConfirmEndpoint(t.Context(), w.reload(ep), wrong); !errors.Is(err, fanfare.ErrNotFound) {
						t.Errorf("the secret %q: %v", wrong, err)
					}
				}
				if w.reload(ep).Verified() {
					t.Fatal("it is verified before the secret came")
				}
				if err := w.hub.ConfirmEndpoint(t.Context(), w.reload(ep), secret); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if d := w.delivery(msg); d.State != fanfare.Delivered || g.delivered() != 1 {
					t.Fatalf("the delivery is %v", d.State)
				}
				if (ep.Secrets[0].Text == secret) != (signature == "resthooks") {
					t.Errorf("the hook secret is what signs: %v", ep.Secrets[0].Text == secret)
				}
				if err := w.hub.ConfirmEndpoint(t.Context(), w.reload(ep), secret); !errors.Is(err, fanfare.ErrNotFound) {
					t.Errorf("a second time: %v", err)
				}
			})
		})
	}
}

// TestAnotherURLIsAnotherHandshake and so is another secret, where the handshake
// tells it; other changes are none.
func TestAnotherURLIsAnotherHandshake(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		willing := true
		g := w.guest(func(g *guest, rw http.ResponseWriter, r *http.Request) {
			if willing {
				answers["x-hook-secret"](g, rw, r)
			}
		})
		ep := w.endpoint(fanfare.Endpoint{URL: g.url, Signature: "resthooks", Handshake: fanfare.Handshake{Kind: "x-hook-secret"}})
		update := func(asked int, verified bool, change func(ep *fanfare.Endpoint)) {
			t.Helper()
			now := w.reload(ep)
			change(now)
			if err := w.hub.UpdateEndpoint(t.Context(), now); err != nil {
				t.Fatal(err)
			}
			if got := w.reload(ep); g.asked != asked || got.Verified() != verified {
				t.Fatalf("it was asked %d times, want %d; verified: %v, want %v (%s)", g.asked, asked, got.Verified(), verified, got.Unverified())
			}
		}
		update(1, true, func(ep *fanfare.Endpoint) { ep.Description = "x" })
		willing = false
		update(2, false, func(ep *fanfare.Endpoint) { ep.URL += "elsewhere" })
		update(2, false, func(ep *fanfare.Endpoint) { ep.Description = "y" })
		msg := w.send("a.b", 1)
		synctest.Wait()
		if n := g.delivered(); n != 0 {
			t.Errorf("it was sent %d messages", n)
		}
		willing = true
		update(3, true, func(ep *fanfare.Endpoint) { ep.URL = g.url + "third" })
		synctest.Wait()
		if d := w.delivery(msg); d.State != fanfare.Delivered {
			t.Errorf("the delivery is %v", d.State)
		}
		now := w.reload(ep)
		if err := w.hub.RotateSecret(t.Context(), now, "", 0); err != nil {
			t.Fatal(err)
		}
		if got := g.requests()[len(g.requests())-1].header.Get("X-Hook-Secret"); g.asked != 4 || got != w.reload(ep).Secrets[0].Text {
			t.Errorf("after %d handshakes the receiver knows %q", g.asked, got)
		}
		update(4, true, func(ep *fanfare.Endpoint) { ep.Handshake.Kind = "" })
		if got := w.reload(ep).Handshake; got != (fanfare.Handshake{}) {
			t.Errorf("without a handshake there is %+v", got)
		}
	})
}

// TestReceiversAreNotAskedTooOften, lest a handshake be used to pester somebody.
func TestReceiversAreNotAskedTooOften(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		g := w.guest(func(_ *guest, rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(500) })
		ep := w.endpoint(fanfare.Endpoint{URL: g.url, Handshake: fanfare.Handshake{Kind: "dropbox"}})
		var invalid *fanfare.InvalidError
		time.Sleep(9 * time.Second)
		if err := w.hub.VerifyEndpoint(t.Context(), w.reload(ep)); !errors.As(err, &invalid) || !strings.Contains(invalid.Reason, "in 2 seconds") {
			t.Errorf("after 9 seconds: %v", err)
		}
		time.Sleep(time.Second)
		if err := w.hub.VerifyEndpoint(t.Context(), w.reload(ep)); err != nil || g.asked != 2 {
			t.Errorf("after 10 seconds: %v, asked %d times", err, g.asked)
		}
		plain := w.endpoint(fanfare.Endpoint{URL: g.url})
		if err := w.hub.VerifyEndpoint(t.Context(), plain); !errors.As(err, &invalid) || invalid.Field != "handshake" {
			t.Errorf("without a handshake: %v", err)
		}
		if err := w.hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: w.app.ID, URL: g.url, Handshake: fanfare.Handshake{Kind: "hello"}}); !errors.As(err, &invalid) || invalid.Field != "handshake" {
			t.Errorf("an unknown one: %v", err)
		}
	})
}

// TestAChallengeIsSigned like any message, so that receivers which verify all they
// are sent can answer it.
func TestAChallengeIsSigned(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		g := w.guest(answers["challenge"])
		ep := w.endpoint(fanfare.Endpoint{URL: g.url, Handshake: fanfare.Handshake{Kind: "challenge"}})
		r := g.requests()[0]
		secret, err := webhook.ParseSecret(ep.Secrets[0].Text)
		if err != nil {
			t.Fatal(err)
		}
		signer, err := webhook.NewSigner(secret)
		if err != nil {
			t.Fatal(err)
		}
		want := signer.Sign(r.header.Get("Webhook-Id"), r.at, []byte(r.body))
		if got := r.header.Get("Webhook-Signature"); got != want || got == "" {
			t.Errorf("it is signed %q, want %q", got, want)
		}
	})
}
