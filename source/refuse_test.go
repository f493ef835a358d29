package source_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/source"
	"github.com/fanfarehq/fanfare/storetest"
	"github.com/fanfarehq/fanfare/webhook"
)

// secrets suit each profile that signs.
var secrets = map[string]string{
	"standard": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "github": "a secret of github", "stripe": "whsec_of_stripe", "slack": "a secret of slack",
	"mandrill": "a secret of mandrill", "twilio": "a secret of twilio", "shopify": "a secret of shopify", "dropbox": "a secret of dropbox",
	"resthooks": "a secret of resthooks", "intercom": "a secret of intercom", "basic": "name:a password",
}

// signatures are the headers in which they stand.
var signatures = map[string]string{
	"standard": "webhook-signature", "github": "X-Hub-Signature-256", "stripe": "Stripe-Signature", "slack": "X-Slack-Signature",
	"mandrill": "X-Mandrill-Signature", "twilio": "X-Twilio-Signature", "shopify": "X-Shopify-Hmac-Sha256", "dropbox": "X-Dropbox-Signature",
	"resthooks": "X-Hook-Signature", "intercom": "X-Hub-Signature", "basic": "Authorization",
}

// TestForgeries sends each profile what it must not take, in every shape that a header can
// have. Nothing of it is kept, and all of it can be seen.
func TestForgeries(t *testing.T) {
	for profile, secret := range secrets {
		t.Run(profile, func(t *testing.T) {
			at(t, now, func(w *world) {
				src := w.source(profile, secret)
				body := "mandrill_events=%5B%7B%22event%22%3A%22open%22%7D%5D"
				good := w.signed(src, body, formType, "msg_1")
				name := signatures[profile]
				at := slices.IndexFunc(good, func(line string) bool { return strings.HasPrefix(line, name+": ") })
				value := strings.TrimPrefix(good[at], name+": ")
				with := func(values ...string) []string {
					lines := slices.Delete(slices.Clone(good), at, at+1)
					for _, v := range values {
						lines = append(lines, name+": "+v)
					}
					return lines
				}
				mac := value[strings.LastIndexAny(value[:len(value)-1], "=, ")+1:]
				others := strings.Repeat("v1,"+strings.Repeat("A", 43)+"= ", 10_000)
				for what, lines := range map[string][]string{
					"none": with(), "empty": with(""), "twice": with(value, value), "spaces": with("   "), "comma": with(","), "equals": with("="),
					"no prefix": with(strings.TrimPrefix(strings.TrimPrefix(value, "sha256="), "v0=") + "x"), "the digest alone, and more": with("x" + mac),
					"odd": with(value[:len(value)-1]), "cut": with(value[:len(value)/2]), "twice as long": with(value + value), "not hex": with(strings.Repeat("z", len(value))),
					"one signature of many thousands": with(others + value), "control": with("\x01\x02"), "not UTF-8": with("\xff\xfe"),
					"another's": with("sha1=" + strings.Repeat("0", 40)), "zeroes": with(strings.Repeat("0", 64)), "url base64": with(strings.NewReplacer("+", "-", "/", "_").Replace(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\xfb\xff", 16))))),
					"upper case of another": with(strings.ToUpper(hex.EncodeToString([]byte(strings.Repeat("\xab", 32))))),
				} {
					if profile == "basic" && what == "no prefix" {
						continue // what decodes to it is it
					}
					a := w.post(src, body, lines...)
					if a.status != 401 || !strings.Contains(a.body, `"authentication_failed"`) || strings.Contains(a.body, secret) {
						t.Errorf("%s: %d %s", what, a.status, a.body)
					}
				}
				if profile != "basic" {
					for bit := range 8 * len(body) {
						changed := []byte(body)
						changed[bit/8] ^= 1 << (bit % 8)
						if f, err := url.ParseQuery(string(changed)); err == nil && f.Encode() == body && (profile == "mandrill" || profile == "twilio") {
							continue // spelt otherwise, and decoded it is the same, which is what is signed
						}
						if a := w.post(src, string(changed), good...); a.status != 401 {
							t.Fatalf("bit %d changed: %d %s", bit, a.status, a.body)
						}
					}
				}
				w.none()
				activity := w.hub.SourceActivity(src.ID)
				if len(activity.Refusals) != int(min(activity.Refused, 20)) || activity.Refused < 18 || activity.Accepted != 0 {
					t.Errorf("%d are refused and %d shown", activity.Refused, len(activity.Refusals))
				}
				for _, r := range activity.Refusals {
					if r.Status != 401 || r.Reason == "" || strings.Contains(r.Reason, secret) || r.Address != "192.0.2.1" || r.Method != "POST" {
						t.Errorf("a refusal is told as %+v", r)
					}
				}
				w.post(src, body, good...).want(map[bool]int{true: 200, false: 202}[slices.Contains([]string{"slack", "mandrill", "twilio", "shopify", "dropbox", "intercom"}, profile)], "")
				w.one()
			})
		})
	}
}

// TestOldAndFuture sends what was signed ten minutes ago, and what will be.
func TestOldAndFuture(t *testing.T) {
	for _, profile := range []string{"standard", "slack", "stripe", "query"} {
		at(t, now, func(w *world) {
			src := w.source(profile, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
			for _, off := range []time.Duration{-10 * time.Minute, 10 * time.Minute, -301 * time.Second, 0} {
				s, err := webhook.Profile(profile).Sign(&webhook.Message{ID: "m", Time: time.Now().Add(off), Body: []byte("{}")}, src.Secrets[0].Text)
				w.ok(err)
				var lines []string
				for _, f := range s.Header {
					lines = append(lines, f.Name+": "+f.Value)
				}
				want := 401
				if off == 0 || off > 0 && profile == "stripe" { // which refuses only what is too old
					want = 202
				}
				if profile == "slack" && want == 202 {
					want = 200
				}
				if a := w.sendTo("POST", "/in/"+src.Token+"?"+s.Query, "{}", lines...); a.status != want {
					w.Errorf("%s, %v off: %d %s; want %d", profile, off, a.status, a.body, want)
				}
			}
		})
	}
}

func TestNothingToVerifyByTakesNothing(t *testing.T) {
	w := newWorld(t)
	for _, profile := range []string{"nobody knows it", "", "standard", "hmac", "slack-outgoing", "github"} {
		src := w.source("none", "")
		src.Profile, src.Secrets = profile, nil // as a newer program, or a damaged file, may leave it
		w.ok(w.store.UpdateSource(w.Context(), src))
		w.post(src, "{}", "X-Hub-Signature-256: sha256=00").want(401, "authentication_failed")
	}
	src := w.source("github", "12345678", func(src *fanfare.Source) { src.Secrets[0].ExpiresAt = time.Time{} })
	src.Secrets[0].ExpiresAt = time.Now().Add(-time.Second)
	w.ok(w.store.UpdateSource(w.Context(), src))
	w.post(src, "{}", w.signed(src, "{}", "application/json", "1")...).want(401, "authentication_failed")
	w.none()
}

func TestAddressesThatAreNone(t *testing.T) {
	at(t, now, func(w *world) {
		src := w.source("none", "")
		first := src.Token
		w.ok(w.hub.RotateSourceToken(w.Context(), src, time.Hour))
		w.sendTo("POST", "/in/"+first, "{}").want(202, "")
		w.post(src, "{}").want(202, "")
		time.Sleep(time.Hour)
		gone := w.source("none", "")
		w.ok(w.hub.DeleteSource(w.Context(), w.app.ID, gone.ID))
		at := w.source("none", "")
		w.ok(w.hub.RotateSourceToken(w.Context(), at, time.Hour))
		old := at.OldToken.Text
		w.ok(w.hub.RotateSourceToken(w.Context(), at, 0))
		want := w.sendTo("POST", "/in/nobody", "{}").want(404, `"not_found"`)
		for _, token := range []string{first, gone.Token, old, "", "/", strings.Repeat("a", 5000), src.Token + "x", src.Token + "/", strings.ToUpper(src.Token), src.Token[1:], "%00", "..%2f"} {
			a := w.sendTo("POST", "/in/"+token, "{}")
			if a.status != 404 || a.body != want.body || fmt.Sprint(a.header) != fmt.Sprint(want.header) {
				t.Errorf("%q: %d %v %s; want the same as for any other", token, a.status, a.header, a.body)
			}
		}
		if n := len(w.kept()); n != 2 {
			t.Errorf("%d messages are kept; want 2", n)
		}
	})
}

func TestBounds(t *testing.T) {
	w := newWorld(t)
	src := w.source("none", "")
	zip := func(body string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write([]byte(body))
		z.Close()
		return b.String()
	}
	large := strings.Repeat("x", maxBody)
	w.post(src, large+"x").want(413, "payload_too_large")
	w.post(src, zip(large+"x"), "Content-Encoding: gzip").want(413, "payload_too_large")
	w.post(src, "not gzip", "Content-Encoding: gzip").want(400, "bad_request")
	w.post(src, zip("{}")[:20], "Content-Encoding: gzip").want(400, "bad_request")
	w.post(src, "{}", "Content-Encoding: br").want(415, "gzip")
	w.post(src, "{}", "Content-Encoding: gzip", "Content-Encoding: gzip").want(415, "gzip")
	r := httptest.NewRequest("POST", "/in/"+src.Token, strings.NewReader(large+"x"))
	r.ContentLength = -1
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	if rec.Code != 413 {
		t.Errorf("without a length: %d", rec.Code)
	}
	w.none()
	w.post(src, zip(large), "Content-Encoding: gzip").want(202, "")
	if msg := w.one(); string(msg.Payload) != large {
		t.Errorf("%d bytes are kept", len(msg.Payload))
	}
}

func TestDisabledAndLimited(t *testing.T) {
	at(t, now, func(w *world) {
		off := w.source("none", "", func(src *fanfare.Source) { src.Disabled = true })
		w.post(off, "{}").want(410, `"gone"`)
		w.send("HEAD", off, "").want(410, "")
		src := w.source("none", "", func(src *fanfare.Source) { src.RateLimit = 2 })
		for range 2 {
			w.post(src, "{}").want(202, "")
		}
		if a := w.post(src, "{}").want(429, `"rate_limit"`); a.header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
		}
		time.Sleep(500 * time.Millisecond)
		w.post(src, "{}").want(202, "")
		w.post(src, "{}").want(429, "")
		time.Sleep(time.Hour)
		for range 2 {
			w.post(src, "{}").want(202, "")
		}
		w.post(src, "{}").want(429, "")
	})
}

// A brokenStore is a store that is away.
type brokenStore struct {
	*storetest.Model
	finding, accepting error
}

func (s *brokenStore) SourceOf(ctx context.Context, hash [32]byte) (*fanfare.Source, error) {
	if s.finding != nil {
		return nil, s.finding
	}
	return s.Model.SourceOf(ctx, hash)
}

func (s *brokenStore) Accept(ctx context.Context, app fanfare.ApplicationID, in []*fanfare.Intake, key *fanfare.Idempotency) ([]fanfare.MessageID, error) {
	if s.accepting != nil {
		return nil, s.accepting
	}
	return s.Model.Accept(ctx, app, in, key)
}

func TestStoreAway(t *testing.T) {
	s := &brokenStore{Model: storetest.NewModel()}
	w := worldOn(t, s)
	src := w.source("none", "")
	for _, err := range []error{fanfare.ErrAway, fanfare.ErrFull, fanfare.ErrBroken, errors.New("anything")} {
		s.finding, s.accepting = err, nil
		w.post(src, "{}").want(503, "send the same again")
		s.finding, s.accepting = nil, err
		if a := w.post(src, "{}").want(503, "send the same again"); a.header.Get("Retry-After") != "1" {
			t.Errorf("Retry-After is %q", a.header.Get("Retry-After"))
		}
	}
	s.accepting = nil
	w.none()
	w.post(src, "{}").want(202, "")
}

// TestSendersThatGoAway is no fault of the server's, and not logged as one.
func TestSendersThatGoAway(t *testing.T) {
	s := &brokenStore{Model: storetest.NewModel()}
	w := worldOn(t, s)
	src := w.source("none", "")
	var log strings.Builder
	w.handler = source.NewHandler(w.hub, &source.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	for _, err := range []error{context.Canceled, fanfare.ErrFull} {
		s.finding, s.accepting = err, nil
		w.post(src, "{}").want(503, "send the same again")
		s.finding, s.accepting = nil, err
		w.post(src, "{}").want(503, "send the same again")
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 2 || strings.Contains(log.String(), "canceled") {
		t.Errorf("logged are %d faults, not the 2 of the disk:\n%s", n, log.String())
	}
}

func TestASchemaRefuses(t *testing.T) {
	w := newWorld(t)
	w.ok(w.hub.CreateEventType(t.Context(), &fanfare.EventType{Name: "open", Validation: fanfare.ValidationReject, Schemas: []byte(`{"1":{"type":"object","required":["email"]}}`)}))
	src := w.source("mandrill", secrets["mandrill"])
	send := func(events string) *answer {
		body := "mandrill_events=" + events
		return w.post(src, body, w.signed(src, body, formType, "")...)
	}
	send(`[{"event":"click"},{"event":"open"}]`).want(422, "It makes no message")
	w.none() // all or none
	send(`[{"event":"click"},{"event":"open","email":"a"}]`).want(200, `"accepted":2`)
}
