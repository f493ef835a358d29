package fanfare

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare/webhook"
)

// A Handshake is how a receiver shows that it wants what it is going to be sent,
// and what came of it. While it has not, deliveries are made and wait.
type Handshake struct {
	// Kind is one of Handshakes; "": none is asked for. Of the fields it is the only
	// one to be set by callers.
	Kind       string
	AskedAt    time.Time // when the receiver was last asked; zero: never
	VerifiedAt time.Time // when it answered as it should; zero: it has not
	Problem    string    // why not, in words
	Subject    string    // what the answer holds for: the kind, the URL, the secret
	Token      string    // what the receiver may still show, for x-hook-secret
}

// Handshakes are the names that Handshake.Kind may have.
//
//   - x-hook-secret (resthooks.org): a POST with X-Hook-Secret, which the answer has
//     to repeat. An answer without it puts the receiver's word off until it brings
//     the secret itself. With the signature resthooks it is what signs.
//   - challenge (Slack's url_verification): a signed POST with a challenge, which the
//     answer's body has to be, or to hold as "challenge" in JSON.
//   - dropbox: a GET with ?challenge=…, which the answer's body has to be.
//   - websub (W3C WebSub §5.3): a GET with hub.mode=subscribe and hub.challenge,
//     which the answer's body has to be.
//   - cloudevents (CloudEvents HTTP webhooks §4): OPTIONS with
//     WebHook-Request-Origin, which WebHook-Allowed-Origin has to allow.
var Handshakes = []string{"x-hook-secret", "challenge", "dropbox", "websub", "cloudevents"}

const (
	handshakeTimeout = 10 * time.Second // for all of a handshake
	handshakeEvery   = 10 * time.Second // an endpoint is asked no more often than that
	handshakesAtOnce = 16               // by one Hub
	maxHandshakeBody = 4 << 10          // of the answer that is read
)

func (ep *Endpoint) checkHandshake() error {
	kind := ep.Handshake.Kind
	if kind == "" {
		ep.Handshake = Handshake{}
		return nil
	}
	if !slices.Contains(Handshakes, kind) {
		return &InvalidError{"handshake", oneOf(Handshakes)}
	}
	return nil
}

// subject is what a handshake with ep is about. When that changes, there has to be
// another one.
func (ep *Endpoint) subject() string {
	s := ep.Handshake.Kind + " " + ep.URL
	if ep.tellsSecret() {
		sum := sha256.Sum256([]byte(ep.Secrets[0].Text))
		s += " " + base64.RawURLEncoding.EncodeToString(sum[:12])
	}
	return s
}

// tellsSecret reports whether the receiver learns by the handshake what signs.
func (ep *Endpoint) tellsSecret() bool {
	return ep.Handshake.Kind == "x-hook-secret" && ep.profile() == webhook.RESTHooks && len(ep.Secrets) > 0
}

// Verified reports whether ep may be sent messages: no handshake is asked for, or
// there was one.
func (ep *Endpoint) Verified() bool {
	return ep.Handshake.Kind == "" || !ep.Handshake.VerifiedAt.IsZero() && ep.Handshake.Subject == ep.subject()
}

// Unverified says in a sentence why ep is sent nothing, and what to do; "" when it
// is not for want of a handshake.
func (ep *Endpoint) Unverified() string {
	switch {
	case ep.Verified():
		return ""
	case ep.Handshake.Subject != ep.subject() || ep.Handshake.AskedAt.IsZero():
		return "The receiver has not been asked yet; what is for it waits. Ask it with POST …/verify."
	}
	return "The receiver has not shown that it wants messages: " + ep.Handshake.Problem + ". What is for it waits. Once it is put right, ask again with POST …/verify."
}

// VerifyEndpoint asks the receiver at ep's URL whether it wants what it is going to
// be sent, in the way of ep's handshake, and keeps what came of it in ep. That the
// receiver did not answer as it should is no error.
func (h *Hub) VerifyEndpoint(ctx context.Context, ep *Endpoint) error {
	if ep.Handshake.Kind == "" {
		return &InvalidError{"handshake", fmt.Sprintf("the endpoint has none, and is sent messages without; give it one of %s", commas(Handshakes))}
	}
	if wait := handshakeEvery - h.now().Sub(ep.Handshake.AskedAt); ep.Handshake.Subject == ep.subject() && wait > 0 {
		return &InvalidError{"handshake", fmt.Sprintf("the receiver was asked just now; ask again in %d seconds", int(wait/time.Second)+1)}
	}
	return h.shakeHands(ctx, ep)
}

// ConfirmEndpoint is for a receiver that did not repeat the X-Hook-Secret at once,
// and now brings it. It returns ErrNotFound unless the secret is that of ep's last
// handshake.
func (h *Hub) ConfirmEndpoint(ctx context.Context, ep *Endpoint, secret string) error {
	hs := &ep.Handshake
	if hs.Kind != "x-hook-secret" || hs.Token == "" || hs.Subject != ep.subject() ||
		subtle.ConstantTimeCompare([]byte(hs.Token), []byte(secret)) != 1 {
		return fmt.Errorf("endpoint %s: its hook secret: %w", ep.ID, ErrNotFound)
	}
	hs.VerifiedAt, hs.Problem, hs.Token = h.now(), "", ""
	return h.keepHandshake(ctx, ep)
}

// handshakeDue reports whether the receiver is to be asked without being told to:
// it was not, about what ep now is.
func (ep *Endpoint) handshakeDue() bool {
	return ep.Handshake.Kind != "" && !ep.Disabled && ep.Handshake.Subject != ep.subject()
}

// shakeHands asks the receiver and keeps what came of it.
func (h *Hub) shakeHands(ctx context.Context, ep *Endpoint) error {
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	ep.Handshake = Handshake{Kind: ep.Handshake.Kind, Subject: ep.subject(), AskedAt: h.now()}
	hs := &ep.Handshake
	select {
	case h.handshakes <- struct{}{}:
		hs.Problem = plain(h.askReceiver(ctx, ep))
		<-h.handshakes
	case <-ctx.Done():
		hs.Problem = "too many receivers were being asked at the same time"
	}
	if hs.Problem == "" {
		hs.VerifiedAt, hs.Token = h.now(), ""
	}
	return h.keepHandshake(context.WithoutCancel(ctx), ep)
}

// keepHandshake stores ep's handshake, and nothing else of ep, which may have been
// changed meanwhile.
func (h *Hub) keepHandshake(ctx context.Context, ep *Endpoint) error {
	alone := false
	now, err := h.amend(ctx, ep.Application, ep.ID, func(now *Endpoint) error {
		if now.subject() != ep.Handshake.Subject {
			return errMoot // it is about what ep no longer is
		}
		alone = now.Revision == ep.Revision
		now.Handshake = ep.Handshake
		return nil
	})
	if errors.Is(err, errMoot) {
		return nil
	}
	if err != nil {
		return err
	}
	if alone {
		ep.Revision = now.Revision
	}
	return h.reconfigure(ctx, now)
}

// A reply is what a receiver answered to a handshake.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// askReceiver makes the request of ep's handshake and returns why the answer is not
// the one that was asked for; "" when it is.
func (h *Hub) askReceiver(ctx context.Context, ep *Endpoint) string {
	secret := rand.Text() + rand.Text()
	if ep.tellsSecret() {
		secret = ep.Secrets[0].Text
	}
	t, req, err := h.handshakeRequest(ctx, ep, secret)
	if err != nil {
		return "the request could not be made: " + err.Error()
	}
	got, hidden, err := h.once(t, req)
	if err != nil {
		return conceal(hidden, unanswered(err))
	}
	return conceal(hidden, h.judgeReply(ep, got, secret))
}

// unanswered says why there is no answer, in words that go on a sentence.
func unanswered(err error) string {
	a := Attempt{Class: classify(err), Duration: handshakeTimeout}
	what, _ := a.Explain()
	what = strings.TrimSuffix(strings.ToLower(what[:1])+what[1:], ".")
	if a.Class == ClassToken || a.Class == ClassTLS || a.Class == ClassDenied {
		what += " (" + detail(err) + ")"
	}
	return what
}

func (h *Hub) judgeReply(ep *Endpoint, got *reply, secret string) string {
	if got.status < 200 || got.status > 299 {
		return fmt.Sprintf("it answered %s to the handshake", statusText(got.status))
	}
	switch ep.Handshake.Kind {
	case "x-hook-secret":
		return ep.judgeHookSecret(got, secret)
	case "cloudevents":
		return ep.judgeOrigin(got, h.opt.Origin)
	}
	return judgeEcho(got, secret)
}

// handshakeRequest is the request of ep's handshake, and the target that it goes
// to. It carries what every attempt to ep does.
func (h *Hub) handshakeRequest(ctx context.Context, ep *Endpoint, secret string) (*target, *http.Request, error) {
	app, err := h.store.Application(ctx, string(ep.Application))
	if err != nil {
		return nil, nil, err
	}
	t, err := h.target(app, ep, h.now())
	if err != nil {
		return nil, nil, err
	}
	method, to, body := http.MethodPost, ep.URL, ""
	header := append(slices.Clip(t.constant), t.credentials(h.now())...)
	switch ep.Handshake.Kind {
	case "x-hook-secret":
		where, _ := json.Marshal(map[string]string{"confirm": fmt.Sprintf("/api/v1/app/%s/hook-secret/%s", ep.Application, ep.ID)})
		body = string(where)
		header = append(header, Header{"Content-Type", "application/json"}, Header{"X-Hook-Secret", secret})
	case "challenge":
		text, _ := json.Marshal(map[string]string{"type": "url_verification", "challenge": secret})
		signed, query := h.signHandshake(t, text)
		body, header, to = string(text), signed, webhook.AddQuery(ep.URL, query)
	case "dropbox":
		method, to = http.MethodGet, webhook.AddQuery(ep.URL, "challenge="+secret)
	case "websub":
		method = http.MethodGet
		to = webhook.AddQuery(ep.URL, url.Values{
			"hub.mode": {"subscribe"}, "hub.topic": {"urn:fanfare:" + string(ep.ID)},
			"hub.challenge": {secret}, "hub.lease_seconds": {strconv.Itoa(10 * 365 * 24 * 60 * 60)},
		}.Encode())
	case "cloudevents":
		method = http.MethodOptions
		header = append(header, Header{"WebHook-Request-Origin", h.opt.Origin})
		if ep.RateLimit > 0 {
			header = append(header, Header{"WebHook-Request-Rate", strconv.Itoa(60 * ep.RateLimit)})
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, to, strings.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	for _, line := range header {
		req.Header.Add(line.Name, line.Value)
	}
	return t, req, nil
}

// credentials are what the signature basic sends: they open the receiver's door and
// sign nothing, so that they belong to requests without a message as well.
func (t *target) credentials(at time.Time) (header []Header) {
	if t.profile() != webhook.Basic {
		return nil
	}
	signed, err := webhook.Basic.Sign(&webhook.Message{ID: "msg_", Time: at}, t.signer(at).texts...)
	if err != nil {
		panic(err) // newTextSigner has tried
	}
	for _, f := range signed.Header {
		header = append(header, Header(f))
	}
	return header
}

// signHandshake is the header that a message with that body would have.
func (h *Hub) signHandshake(t *target, body []byte) (header []Header, query string) {
	now := h.now()
	msg := &Message{ID: MessageID(h.ids.next(now, "msg_")), Application: t.Application, EventType: "url_verification", Payload: body}
	out := formatted{contentType: "application/json", body: body}
	if t.signers[0].Signer != nil {
		return t.requestHeader(msg, out, now), ""
	}
	return t.profileHeader(msg, &out, now)
}

// once makes a request as attempts to t are made: through the guard, with t's
// certificates and with an access token if t needs one, but on a connection of its
// own. Redirects are not followed. No text about it may show what is hidden.
func (h *Hub) once(t *target, req *http.Request) (got *reply, hidden []string, err error) {
	token := ""
	if req.URL.Scheme == "http" && h.client.RefusePlain != nil {
		return nil, nil, h.client.RefusePlain
	}
	if t.grant != nil {
		deadline, _ := req.Context().Deadline()
		if token, err = t.grant.accessToken(req.Context(), &h.client, deadline); err != nil {
			return nil, nil, err
		}
		line := bearerHeader(token)
		req.Header.Set(line.Name, line.Value)
	}
	hidden = hide(recordHeader(req.Header))
	transport := &http.Transport{
		DialContext:            h.client.Dial,
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: 16 << 10,
		TLSHandshakeTimeout:    handshakeTimeout / 2,
		TLSClientConfig:        orDefault(t.tls, h.client.TLS).Clone(),
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		return nil, hidden, err
	}
	defer res.Body.Close()
	if token != "" && res.StatusCode == http.StatusUnauthorized {
		t.grant.forget(token)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxHandshakeBody))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, hidden, err
	}
	return &reply{res.StatusCode, res.Header, body}, hidden, nil
}

func (ep *Endpoint) judgeHookSecret(got *reply, secret string) string {
	switch shown := got.header.Get("X-Hook-Secret"); {
	case subtle.ConstantTimeCompare([]byte(shown), []byte(secret)) == 1:
		return ""
	case shown != "":
		return "its answer has another X-Hook-Secret than the request"
	}
	ep.Handshake.Token = secret
	return "its answer does not repeat the X-Hook-Secret; it may still bring it to the address in the request"
}

func judgeEcho(got *reply, challenge string) string {
	var object struct{ Challenge string }
	text := bytes.TrimSpace(got.body)
	if string(text) == challenge || json.Unmarshal(text, &object) == nil && object.Challenge == challenge {
		return ""
	}
	return "the body of its answer is not the challenge of the request"
}

// judgeOrigin also holds ep to the rate that the receiver allows.
func (ep *Endpoint) judgeOrigin(got *reply, origin string) string {
	allowed := got.header.Get("WebHook-Allowed-Origin")
	if allowed != "*" && !strings.EqualFold(allowed, origin) {
		return fmt.Sprintf("its WebHook-Allowed-Origin is %q, and must be %q or *", bound(allowed, 64), origin)
	}
	rate := got.header.Get("WebHook-Allowed-Rate")
	perMinute, err := strconv.Atoi(rate)
	if rate == "" || rate == "*" {
		return ""
	}
	if want := 60 * ep.RateLimit; err != nil || want == 0 || want > perMinute {
		return fmt.Sprintf("it allows %q requests a minute; give the endpoint a rate limit, a second, that keeps to it", bound(rate, 16))
	}
	return ""
}
