package fanfare

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// A DryRun says what would become of a message at an endpoint, without anything being
// sent.
type DryRun struct {
	Wanted      bool         // by the endpoint's event types, channels and filter
	Transformed *Transformed // what its script makes of the message; nil: it has none, or that failed
	Previews    []Preview    // what would be sent
	Note        string       // in words: why it is not wanted, what went wrong, or what cannot be shown
}

// A Preview is something that would be sent, without secrets.
type Preview struct {
	To     string // where and how, in a line, such as "POST https://hooks.slack.com/***"
	Header []Header
	Body   []byte // the beginning of it
}

// A Previewer is a Sink that can say what it would send, though it has not reached for
// anything. An error says why the message will never be sent.
type Previewer interface {
	Preview(msg *Message) ([]Preview, error)
}

// Bounds of a dry run.
const (
	dryRunTime  = 5 * time.Second
	maxPreview  = 64 << 10 // bytes of a body
	maxPreviews = 10
)

// DryRun looks what would become of msg at ep; neither need be stored. It returns what is
// wrong with ep, as CreateEndpoint does.
func (h *Hub) DryRun(ctx context.Context, app *Application, ep *Endpoint, msg *Message) (*DryRun, error) {
	if err := h.checkEndpoint(ctx, ep); err != nil {
		return nil, err
	}
	d := &DryRun{}
	if d.Note = h.unwanted(ep, msg); d.Note != "" {
		return d, nil
	}
	d.Wanted = true
	if ep.Transformation != "" {
		out, err := h.Transform(ctx, ep.Transformation, msg)
		if err != nil {
			d.Note = "the transformation failed: " + detail(err)
			return d, ctx.Err()
		}
		if d.Transformed = out; out.Cancel {
			d.Note = notToBeSent
			return d, nil
		}
		own := *msg
		own.Payload, own.ContentType = out.Payload, ""
		msg = &own
	}
	c, ok := h.opt.Connectors[ep.Kind]
	switch {
	case ok:
		h.preview(ctx, d, ep, c, msg)
	case ep.Kind == "":
		return d, h.previewWebhook(d, app, ep, msg)
	default:
		d.Note = "an endpoint of kind " + ep.Kind + " is sent nothing"
	}
	return d, ctx.Err()
}

// CheckSource says what is wrong with src, as CreateSource does, and keeps nothing.
func (h *Hub) CheckSource(src *Source) error { return h.checkSource(src) }

// unwanted says why ep does not want msg; "" if it does.
func (h *Hub) unwanted(ep *Endpoint, msg *Message) string {
	switch {
	case !ep.Wants(msg.EventType, ep.Channels):
		return fmt.Sprintf("it wants %s, and this is %s", strings.Join(ep.EventTypes, ", "), msg.EventType)
	case !ep.Wants(msg.EventType, msg.Channels):
		return "it wants the channels " + strings.Join(ep.Channels, ", ")
	}
	f, err := h.filters.of(ep.Filter)
	if f == nil || err != nil {
		return ""
	}
	matches, why := f.Match(inputOf(msg))
	switch {
	case matches:
		return ""
	case why != "":
		return "the filter does not match: " + why
	}
	return "the filter does not match"
}

// previewWebhook shows a plain webhook, but for its signature.
func (h *Hub) previewWebhook(d *DryRun, app *Application, ep *Endpoint, msg *Message) error {
	own := *ep
	if len(own.Secrets) == 0 {
		own.Secrets = []Secret{{Text: own.profile().GenerateSecret()}}
	}
	t, err := newTarget(app, &own, h.now())
	if err != nil {
		return err
	}
	out := t.format(msg, t.owner)
	p := Preview{To: http.MethodPost + " " + MaskURL(ep.URL), Body: out.body[:min(len(out.body), maxPreview)]}
	p.Header = append(p.Header, Header{"Content-Type", out.contentType})
	for name := range ep.Headers {
		p.Header = append(p.Header, Header{name, Masked})
	}
	slices.SortFunc(p.Header, func(a, b Header) int { return strings.Compare(a.Name, b.Name) })
	p.Header = append(p.Header, out.header...)
	d.Previews, d.Note = []Preview{p}, "it is signed when it is sent"
	return nil
}

// preview asks c's sink what it would send, or has it send to where nothing leaves.
func (h *Hub) preview(ctx context.Context, d *DryRun, ep *Endpoint, c Connector, msg *Message) {
	ctx, cancel := context.WithTimeout(ctx, dryRunTime)
	defer cancel()
	way := &dryWay{hidden: hiddenIn(ep.Config, c.Hidden)}
	sink, err := c.New(ep.Config, Way{Dial: nowhere, HTTP: way.client(), Logger: h.opt.Logger})
	if err != nil {
		d.Note = detail(err)
		return
	}
	defer func() {
		if cause := recover(); cause != nil {
			h.opt.Logger.ErrorContext(ctx, "a connector panicked in a dry run", "kind", ep.Kind, "cause", fmt.Sprint(cause))
			d.Note = "the connector failed on this message"
		}
		_ = sink.Close() // it has nothing open
	}()
	own := *msg
	if p, ok := sink.(Previewer); ok {
		if d.Previews, err = p.Preview(&own); err != nil {
			d.Note = way.mask(detail(err))
		}
		return
	}
	if !c.ByHTTP {
		d.Note = "what goes to " + ep.Kind + ":" + sink.Target() + " cannot be shown without connecting to it"
		return
	}
	reply, err := sink.Send(ctx, &own)
	d.Previews = way.taken()
	switch {
	case len(d.Previews) > 0:
		d.Note = way.note()
	case err != nil:
		d.Note = way.mask(detail(err))
	default:
		d.Note = way.mask(plain(reply.Detail))
	}
}

var errDryRun = errors.New("this is a dry run")

func nowhere(context.Context, string, string) (net.Conn, error) { return nil, errDryRun }

// A dryWay takes down the requests of a sink and sends none.
type dryWay struct {
	hidden []string

	mu     sync.Mutex
	all    []Preview
	tokens string // where a token would be fetched
}

func (w *dryWay) client() *http.Client {
	return &http.Client{Transport: w, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// RoundTrip is http.RoundTripper's. Who asks for an access token is given one that is
// good for nothing, so that the request behind it can be seen.
func (w *dryWay) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(io.LimitReader(req.Body, maxPreview))
		_ = req.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if form, err := url.ParseQuery(string(body)); err == nil && form.Has("grant_type") && w.tokens == "" {
		w.tokens = req.URL.Host
		const token = `{"access_token":"dry-run","token_type":"Bearer","expires_in":3600}`
		return &http.Response{
			Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
			Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(token)), ContentLength: int64(len(token)),
		}, nil
	}
	if len(w.all) < maxPreviews {
		w.all = append(w.all, w.preview(req, body))
	}
	return nil, errDryRun
}

// preview is the request without what is hidden.
func (w *dryWay) preview(req *http.Request, body []byte) Preview {
	shown := req.URL.String()
	if masked := w.mask(shown); masked != shown && !strings.HasPrefix(masked, req.URL.Scheme+"://"+req.URL.Host) {
		shown = req.URL.Scheme + "://" + req.URL.Host + "/" + Masked
	} else {
		shown = MaskURL(masked)
	}
	p := Preview{To: req.Method + " " + shown, Body: []byte(w.mask(string(body)))}
	for name, values := range req.Header {
		for _, value := range values {
			if name == "Authorization" || name == "Cookie" {
				value = Masked
			}
			p.Header = append(p.Header, Header{name, w.mask(value)})
		}
	}
	slices.SortStableFunc(p.Header, func(a, b Header) int { return strings.Compare(a.Name, b.Name) })
	return p
}

func (w *dryWay) taken() []Preview {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all
}

// note says what of the requests is not shown.
func (w *dryWay) note() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tokens == "" {
		return ""
	}
	return "an access token is fetched from " + w.tokens + " before"
}

// mask is text without what is hidden, however it may stand there.
func (w *dryWay) mask(text string) string {
	for _, secret := range w.hidden {
		quoted, _ := json.Marshal(secret) // of a string it always can
		for _, form := range []string{
			secret, url.QueryEscape(secret), url.PathEscape(secret), string(bytes.Trim(quoted, `"`)), base64.StdEncoding.EncodeToString([]byte(secret)),
		} {
			text = strings.ReplaceAll(text, form, Masked)
		}
	}
	return text
}

// hiddenIn are all texts in the named members of a config, the longest first.
func hiddenIn(config json.RawMessage, members []string) []string {
	var object map[string]any
	_ = json.Unmarshal(config, &object) // it was checked before
	var all []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if v != "" {
				all = append(all, v)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		case map[string]any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	for _, name := range members {
		walk(object[name])
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return all
}
