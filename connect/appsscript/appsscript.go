// Package appsscript sends messages to web apps of Google Apps Script
// (https://developers.google.com/apps-script/guides/web).
//
// Such an app is told of a request's body and query but not of its header, so that is
// where the signature is. It runs before it answers, and answers with a redirect to what
// it returned.
package appsscript

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
	"github.com/fanfarehq/fanfare/webhook"
)

// Connector has a script run for each message.
func Connector() fanfare.Connector {
	return fanfare.Connector{
		About:    "Has a web app of Google Apps Script run for it.",
		Example:  json.RawMessage(`{"url":"https://script.google.com/macros/s/AKfycb0123456789/exec","secret":"sixteen or more of any text"}`),
		Hidden:   []string{"url", "secret"},
		Where:    []string{"url"},
		ByHTTP:   true,
		New:      open,
		InFlight: 5,           // of the 30 that may run at once for the app's owner
		Timeout:  time.Minute, // scripts are slow
	}
}

// Where a signature may be.
const (
	inQuery = "query"
	inBody  = "body"
)

const minSecret = 16 // bytes

type config struct {
	URL       string          `json:"url"`
	Secret    string          `json:"secret"`
	Signature string          `json:"signature"`
	Body      json.RawMessage `json:"body"`
	Confirm   bool            `json:"confirm"`
}

// A sink is one web app.
type sink struct {
	config
	way   fanfare.Way
	url   *url.URL
	shape *connect.Shape // nil: the payload as it came in
}

func open(text []byte, way fanfare.Way) (fanfare.Sink, error) {
	s := &sink{config: config{Signature: inQuery}, way: way}
	if err := connect.Decode(text, &s.config); err != nil {
		return nil, err
	}
	var errs [2]error
	s.url, errs[0] = connect.URL("url", s.URL, "https://script.google.com/macros/s/…/exec")
	if len(s.Body) > 0 {
		s.shape, errs[1] = connect.ValuesOf("body", s.Body)
	}
	dev := errs[0] == nil && strings.HasSuffix(s.url.Path, "/dev")
	if err := errors.Join(errs[0], errs[1],
		connect.Must(!dev, "url", "is for its developer to try it out, and wants a login; deploy the app and give the URL that ends in /exec"),
		connect.Must(slices.Contains([]string{inQuery, inBody, "none"}, s.Signature), "signature", "must be one of query, body, none"),
		connect.Must(s.Signature == "none" || s.Secret != "", "secret", `is missing; give the text that the script has too, or "signature":"none"`),
		connect.Must(s.Secret == "" || len(s.Secret) >= minSecret && len(s.Secret) <= 1024, "secret", "has 16 to 1024 bytes"),
	); err != nil {
		return nil, err
	}
	return s, nil
}

// Target is the app's host; its path is what lets in.
func (s *sink) Target() string { return s.url.Host }

// Close has nothing to end.
func (s *sink) Close() error { return nil }

// Send has the script run for msg.
func (s *sink) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	body := msg.Payload
	if s.shape != nil {
		var err error
		if body, err = s.shape.Fill(connect.InputOf(msg), nil); err != nil {
			return connect.Unfit("body: %v", err), nil
		}
	}
	to, body, err := s.sign(msg, body, time.Now())
	if err != nil {
		return connect.Unfit("%v", err), nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return fanfare.Reply{}, errors.New("the URL of the app cannot be called")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(fanfare.HeaderHops, strconv.Itoa(msg.Hops()+1))
	a, err := connect.Do(s.way, req)
	if err != nil {
		return fanfare.Reply{}, err
	}
	if output := s.output(a); output != nil {
		if !s.Confirm {
			return s.reply(a, fanfare.ClassSuccess, ""), nil
		}
		return s.confirm(ctx, output)
	}
	class, detail := judge(a)
	if class == fanfare.ClassSuccess && s.Confirm && !confirms(a.Body) {
		class, detail = fanfare.ClassBody, notConfirmed(a)
	}
	return s.reply(a, class, detail), nil
}

// reply is a without where the script's output is, which lets anyone read it: Location
// says so, and the page that comes with it.
func (s *sink) reply(a *connect.Answer, class fanfare.Class, detail string) fanfare.Reply {
	r := a.Reply(class, detail)
	for i, h := range r.ResponseHeader {
		if h.Name == "Location" {
			r.ResponseHeader[i].Value = fanfare.MaskURL(h.Value)
			r.ResponseBody = nil
		}
	}
	return r
}

// sign puts the id, the time and the signature where a script can see them: in the
// query, or around the body as {"headers": {…}, "payload": "…"}. Either is the
// HMAC-SHA256, in hexadecimal digits, of id, time and body with dots between.
func (s *sink) sign(msg *fanfare.Message, body []byte, at time.Time) (to string, signed []byte, err error) {
	if s.Signature == "none" {
		return s.url.String(), body, nil
	}
	signature, err := webhook.Query.Sign(&webhook.Message{
		ID: string(msg.ID), Type: msg.EventType, Time: at, URL: s.url.String(), ContentType: "application/json", Body: body,
	}, s.Secret)
	if err != nil {
		return "", nil, err
	}
	if s.Signature == inQuery {
		return webhook.AddQuery(s.url.String(), signature.Query), body, nil
	}
	q, err := url.ParseQuery(signature.Query)
	if err != nil {
		return "", nil, err
	}
	wrapped, err := json.Marshal(map[string]any{
		"headers": map[string]string{
			webhook.HeaderID: q.Get("whid"), webhook.HeaderTimestamp: q.Get("whts"), webhook.HeaderSignature: q.Get("whsig"), webhook.HeaderEventType: msg.EventType,
		},
		"payload": string(body),
	})
	return s.url.String(), wrapped, err
}

// outputHost is where what a script returned is to be had, once, by who knows the URL.
const outputHost = "script.googleusercontent.com"

// output is where a script that has run left what it returned; nil: a points to no such
// place. What stands in for Google keeps it itself.
func (s *sink) output(a *connect.Answer) *url.URL {
	if a.Status != http.StatusFound {
		return nil
	}
	to, err := s.url.Parse(a.Header.Get("Location"))
	switch {
	case err != nil:
		return nil
	case to.Scheme == "https" && to.Host == outputHost,
		to.Scheme == s.url.Scheme && to.Host == s.url.Host && to.Path == "/macros/echo":
		return to
	}
	return nil
}

// confirm reads what the script returned.
func (s *sink) confirm(ctx context.Context, output *url.URL) (fanfare.Reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, output.String(), nil)
	if err != nil {
		return fanfare.Reply{}, err
	}
	a, err := connect.Do(s.way, req)
	if err != nil {
		return fanfare.Reply{}, err
	}
	class, detail := judge(a)
	if class == fanfare.ClassSuccess && !confirms(a.Body) {
		class, detail = fanfare.ClassBody, notConfirmed(a)
	}
	return s.reply(a, class, detail), nil
}

// confirms reports whether a script says that all is well: by ok, or by JSON whose
// member ok is true.
func confirms(body []byte) bool {
	var said struct {
		OK bool `json:"ok"`
	}
	return string(bytes.TrimSpace(body)) == "ok" || json.Unmarshal(body, &said) == nil && said.OK
}

func notConfirmed(a *connect.Answer) string {
	return `the script ran, but returned neither ok nor {"ok": true}: ` + connect.FirstLine(a.Body)
}

// judge says what an answer means that is not where the output is. What the deployment
// is to blame for is tried again, so that nothing is lost until it is put right.
func judge(a *connect.Answer) (fanfare.Class, string) {
	class, detail := fanfare.Success{Preset: "apps-script"}.Judge(a.Status, a.Header.Get("Location"), a.Body)
	switch {
	case class == fanfare.ClassSuccess:
		return class, ""
	case class == fanfare.ClassRedirect && strings.HasPrefix(a.Header.Get("Location"), "https://accounts.google.com/"):
		return class, "the script did not run; deploy it with access for Anyone, so that Google asks nobody to log in"
	case class == fanfare.ClassRedirect:
		return class, "the script did not run: it is not at this URL any more"
	case class == fanfare.ClassBody:
		return class, detail
	case a.Status == http.StatusNotFound:
		return class, "there is no such deployment; give the URL of one that is active"
	}
	if text := connect.FirstLine(a.Body); text != "" && !strings.HasPrefix(text, "<") {
		return class, strconv.Itoa(a.Status) + ": " + text
	}
	return class, strconv.Itoa(a.Status) + " " + http.StatusText(a.Status)
}
