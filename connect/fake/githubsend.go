package fake

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// maxGitPayload is how large a payload is sent; one that is larger is not.
const maxGitPayload = 25 << 20

// deliver sends an event to a hook, and notes what came of it. guid is that of the
// delivery that is made again; "": it is a new one.
func (g *gitHub) deliver(ctx context.Context, h *gitHook, event string, payload any, guid string) *gitDelivery {
	text, err := json.Marshal(payload)
	if err != nil || len(text) > maxGitPayload {
		return &gitDelivery{Event: event, Status: "not sent: the payload is larger than 25 MB"}
	}
	d := &gitDelivery{ID: g.serials.next(), GUID: guid, Redelivery: guid != "", Event: event, URL: h.Config.URL}
	if guid == "" {
		hex := randomHex(16)
		d.GUID = hex[:8] + "-" + hex[8:12] + "-" + hex[12:16] + "-" + hex[16:20] + "-" + hex[20:]
	}
	var said struct{ Action *string }
	if json.Unmarshal(text, &said) == nil {
		d.Action = said.Action
	}
	header, body := gitRequest(h, d, text)
	p := g.send(ctx, h.Config.URL, header, body)
	d.DeliveredAt, d.Duration, d.StatusCode = p.at.UTC(), p.duration.Seconds(), p.status
	switch {
	case p.fault != "":
		d.Status = p.fault
	case p.delivered():
		d.Status = "OK"
	default:
		d.Status = fmt.Sprintf("Invalid HTTP Response: %d", p.status)
	}
	d.Request = &gitSide{Headers: flat(header), Payload: json.RawMessage(text)}
	d.Response = &gitSide{Headers: flat(p.header), Payload: p.body}
	g.note(h, d)
	return d
}

// gitRequest is what is sent: JSON, or a form with the JSON in a field, which is then
// what is signed.
func gitRequest(h *gitHook, d *gitDelivery, text []byte) (http.Header, []byte) {
	header := http.Header{}
	for name, value := range map[string]string{
		"Accept": "*/*", "User-Agent": "GitHub-Hookshot/" + randomHex(4)[:7], "Content-Type": "application/json",
		"X-GitHub-Hook-ID": strconv.FormatInt(h.ID, 10), "X-GitHub-Event": d.Event, "X-GitHub-Delivery": d.GUID,
		"X-GitHub-Hook-Installation-Target-Type": "repository", "X-GitHub-Hook-Installation-Target-ID": "1",
	} {
		header.Set(name, value)
	}
	if h.Config.ContentType == "form" {
		header.Set("Content-Type", "application/x-www-form-urlencoded")
		text = []byte(url.Values{"payload": {string(text)}}.Encode())
	}
	signGitHub(header, h.Config.Secret, text)
	return header, text
}

func flat(header http.Header) map[string]string {
	all := make(map[string]string, len(header))
	for name := range header {
		all[name] = header.Get(name)
	}
	return all
}

func (g *gitHub) note(h *gitHook, d *gitDelivery) {
	g.taken.add(d)
	g.mu.Lock()
	defer g.mu.Unlock()
	h.sent = append(h.sent, d)
	h.sent = h.sent[max(0, len(h.sent)-maxTaken):]
	h.LastResponse.Code, h.LastResponse.Status, h.LastResponse.Message = nil, "active", &d.Status
	if d.StatusCode != 0 {
		h.LastResponse.Code = &d.StatusCode
	}
}

// deliveries lists them, newest first; the cursor of the next page is the id of the
// last delivery of this one.
func (g *gitHub) deliveries(rw http.ResponseWriter, r *http.Request, h *gitHook) {
	most, err := strconv.Atoi(r.URL.Query().Get("per_page"))
	if err != nil || most < 1 || most > 100 {
		most = 30
	}
	behind, _ := strconv.ParseInt(r.URL.Query().Get("cursor"), 10, 64)
	page, more := []gitDelivery{}, false
	g.mu.Lock()
	for _, d := range slices.Backward(h.sent) {
		if behind != 0 && d.ID >= behind {
			continue
		}
		if more = len(page) == most; more {
			break
		}
		brief := *d
		brief.URL, brief.Request, brief.Response = "", nil, nil
		page = append(page, brief)
	}
	g.mu.Unlock()
	if more {
		rw.Header().Set("Link", fmt.Sprintf(`<http://%s%s?per_page=%d&cursor=%d>; rel="next"`, r.Host, r.URL.Path, most, page[most-1].ID))
	}
	answer(rw, http.StatusOK, page)
}

func (g *gitHub) find(h *gitHook, id string) *gitDelivery {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, d := range h.sent {
		if strconv.FormatInt(d.ID, 10) == id {
			return d
		}
	}
	return nil
}

func (g *gitHub) delivery(rw http.ResponseWriter, r *http.Request, h *gitHook) {
	d := g.find(h, r.PathValue("delivery"))
	if d == nil {
		gitRefuses(rw, 404, "Not Found", "")
		return
	}
	answer(rw, http.StatusOK, d)
}

func (g *gitHub) redeliver(rw http.ResponseWriter, r *http.Request, h *gitHook) {
	d := g.find(h, r.PathValue("delivery"))
	if d == nil {
		gitRefuses(rw, 404, "Not Found", "")
		return
	}
	g.deliver(r.Context(), h, d.Event, d.Request.Payload, d.GUID)
	answer(rw, http.StatusAccepted, map[string]any{})
}

// push sends what a test wants sent.
func (g *gitHub) push(rw http.ResponseWriter, r *http.Request) {
	asked := struct {
		Repository, URL, Secret, Event string
		ContentType                    string `json:"content_type"`
		Payload                        json.RawMessage
	}{Event: "push", ContentType: "json", Payload: json.RawMessage("{}")}
	text, err := body(r)
	if err != nil || json.Unmarshal(text, &asked) != nil || (asked.URL == "") == (asked.Repository == "") {
		answer(rw, http.StatusBadRequest, map[string]string{"error": `give {"repository": "octo/bears", "event": "issues", "payload": {}}, or a url and a secret in place of the repository`})
		return
	}
	to := []*gitHook{{ID: g.serials.next(), Config: gitHookConfig{URL: asked.URL, ContentType: asked.ContentType, Secret: asked.Secret}}}
	if asked.URL == "" {
		g.mu.Lock()
		to = slices.DeleteFunc(slices.Clone(g.hooks), func(h *gitHook) bool { return h.Repository != asked.Repository || !h.wants(asked.Event) })
		g.mu.Unlock()
	}
	sent := []*gitDelivery{}
	for _, h := range to {
		sent = append(sent, g.deliver(r.Context(), h, asked.Event, asked.Payload, ""))
	}
	answer(rw, http.StatusOK, sent)
}
