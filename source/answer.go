package source

import (
	"encoding/json"
	"encoding/xml"
	"net/http"
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/expression"
	"github.com/fanfarehq/fanfare/webhook"
)

// An answer is one to a request that was taken.
type answer struct {
	status      int
	contentType string
	body        string
}

func plain(text string) *answer {
	return &answer{http.StatusOK, "text/plain; charset=utf-8", text}
}

// guard keeps browsers from making anything of an answer, as it may say back what came
// in.
func guard(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "no-store")
}

func (out *answer) write(w http.ResponseWriter) {
	guard(w.Header())
	if out.contentType != "" {
		w.Header().Set("Content-Type", out.contentType)
	}
	w.WriteHeader(out.status)
	if out.body != "" {
		w.Write([]byte(out.body)) // the sender may be gone, which is its own affair
	}
}

func (r *refusal) write(w http.ResponseWriter, req *http.Request) {
	h := w.Header()
	guard(h)
	h.Set("Content-Type", jsonType)
	if r.status == http.StatusTooManyRequests || r.status == http.StatusServiceUnavailable {
		h.Set("Retry-After", "1")
	}
	text, _ := json.Marshal(map[string]string{"code": r.code, "detail": r.reason}) // strings always can be
	w.WriteHeader(r.status)
	if req.Method != http.MethodHead {
		w.Write(text)
	}
}

// challenge is what Slack wants said back when an address is entered there.
func (a *arrival) challenge() (text string, ok bool) {
	if webhook.Profile(a.src.Profile) != webhook.Slack || member(a.body, "type") != "url_verification" {
		return "", false
	}
	text = member(a.body, "challenge")
	return text, len(text) <= maxChallenge
}

// wants200 are the services that take nothing but 200 for an answer, or read the body.
var wants200 = map[string]bool{
	string(webhook.Slack): true, fanfare.ProfileSlackOutgoing: true, string(webhook.Twilio): true, string(webhook.Mandrill): true,
	string(webhook.Shopify): true, string(webhook.Dropbox): true, string(webhook.Intercom): true,
}

// speaks are those of them that would do something with a body that is not empty.
var speaks = map[string]bool{string(webhook.Slack): true, fanfare.ProfileSlackOutgoing: true, string(webhook.Twilio): true}

// answer is what the sender is told of messages that were taken.
func (a *arrival) answer(msgs []*fanfare.Message, outcomes []fanfare.ReceivedOutcome) *answer {
	out := &answer{status: a.src.Response.Status}
	if out.status == 0 {
		if out.status = http.StatusAccepted; wants200[a.src.Profile] {
			out.status = http.StatusOK
		}
	}
	switch {
	case out.status == http.StatusNoContent || out.status == http.StatusResetContent:
	case a.src.Response.Body != "" && len(msgs) > 0:
		a.fill(out, msgs[0])
	case !speaks[a.src.Profile]:
		out.contentType, out.body = jsonType, summary(msgs, outcomes)
	}
	return out
}

// fill fills in the source's own answer. One that cannot be, for this message, stays
// empty: the message is kept all the same.
func (a *arrival) fill(out *answer, msg *fanfare.Message) {
	contentType, escape := "text/plain; charset=utf-8", func(text string) string { return text }
	switch trimmed := strings.TrimSpace(a.src.Response.Body); {
	case strings.HasPrefix(trimmed, "{") && !strings.HasPrefix(trimmed, "{{"), strings.HasPrefix(trimmed, "["):
		contentType, escape = jsonType, inJSON
	case strings.HasPrefix(trimmed, "<"):
		contentType, escape = "text/xml; charset=utf-8", inXML
	}
	t, err := expression.ParseTemplate(a.src.Response.Body)
	if err != nil {
		return // a newer program made it
	}
	if text, err := t.Text(inputOf(msg), escape); err == nil {
		out.contentType, out.body = contentType, text
	}
}

// inJSON is text as it stands within the quotes of a JSON string.
func inJSON(text string) string {
	quoted, _ := json.Marshal(text) // a string always can be
	return string(quoted[1 : len(quoted)-1])
}

func inXML(text string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(text)) // a Builder does not fail
	return b.String()
}

// summary says what became of a request: the id of its message, the first if there are
// several, null if none was kept, and how many there are of each outcome.
func summary(msgs []*fanfare.Message, outcomes []fanfare.ReceivedOutcome) string {
	var s struct {
		ID       *fanfare.MessageID `json:"id"`
		Accepted int                `json:"accepted"`
		Repeated int                `json:"repeated"`
		Filtered int                `json:"filtered"`
	}
	for i, outcome := range outcomes {
		switch outcome {
		case fanfare.ReceivedAccepted:
			if s.Accepted++; s.ID == nil {
				s.ID = &msgs[i].ID
			}
		case fanfare.ReceivedRepeated:
			s.Repeated++
		case fanfare.ReceivedFiltered:
			s.Filtered++
		}
	}
	text, _ := json.Marshal(s) // nothing in it can fail
	return string(text)
}
