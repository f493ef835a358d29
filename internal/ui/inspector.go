package ui

import (
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare/internal/inspect"
	"github.com/fanfarehq/fanfare/webhook"
)

// operators own the bins of the inspector together: whoever is let into the console sees
// them all.
const operators = "console"

// sharePath is where a bin is shown to whoever has its link.
const sharePath = "/inspect/"

// inspectorPages are where webhooks that arrive in bins are looked at.
func inspectorPages() map[string]func(*visit) error {
	return map[string]func(*visit) error{
		"GET /inspector":                 listBins,
		"POST /inspector":                newBin,
		"GET /inspector/{bin}":           readBin,
		"GET /inspector/{bin}/stream":    followBin,
		"POST /inspector/{bin}/answer":   setAnswer,
		"POST /inspector/{bin}/secret":   setSecret,
		"POST /inspector/{bin}/do/{act}": actOnBin,
	}
}

// inspectorRoutes are the addresses of bins, and of links to them.
func (h *Handler) inspectorRoutes() {
	h.mux.Handle(inspect.Path, h.bins)
	h.mux.HandleFunc("GET "+sharePath+"{share}", h.atConsoleDoor(readShared))
	h.mux.HandleFunc("GET "+sharePath+"{share}/stream", h.atConsoleDoor(followShared))
}

type binsBody struct {
	Rows  []binRow
	New   *act
	Empty empty
}

type binRow struct {
	inspect.Bin
	At     when
	Answer string
}

func listBins(v *visit) error {
	body := binsBody{New: v.act("/inspector", "New bin", "main"), Empty: empty{"No bins yet", "A bin is an address that takes whatever is sent to it, shows it here at once, and answers as you say.", nil}}
	for _, b := range v.bins.List(operators, v.now) {
		body.Rows = append(body.Rows, binRow{b, v.when(b.CreatedAt), strconv.Itoa(b.Answer.Status)})
	}
	return v.show("console/bins", "Inspector", body)
}

func newBin(v *visit) error {
	b := v.bins.Create(operators, v.now)
	return v.to("/inspector/"+b.ID, "")
}

// notThere is what somebody is told whose bin is gone.
func notThere(err error) error {
	if errors.Is(err, inspect.ErrNotFound) {
		return &refusal{Status: http.StatusNotFound, Detail: "There is no such bin, or no longer: one that is neither sent anything nor looked at for a day goes, and all do when the server stops."}
	}
	return err
}

type binBody struct {
	inspect.Bin
	At       string // what its addresses begin with
	Mine     bool
	Address  *copyable
	Curl     *copyable
	Share    *copyable // nil: it is not shared
	Acts     []*act
	Rows     []arrivalRow
	Shown    *arrivalBody // nil: none is
	Answer   []field
	Secrets  []string // profiles that there are secrets of
	Secret   []field
	Problem  string
	Receives string // what has come, in words
}

// An arrivalRow is a request in the list of a bin's.
type arrivalRow struct {
	inspect.Request
	URL     string
	Current bool
	When    when
	Verdict badge
	Type    string
}

// An arrivalBody is a request in full.
type arrivalBody struct {
	inspect.Request
	When     when
	Head     [][2]string
	Query    [][2]string
	Form     [][2]string
	Shown    *payload
	Hex      *copyable
	Findings []findingRow
	Curl     *copyable
	Took     string
}

type findingRow struct {
	inspect.Finding
	State badge
}

func readBin(v *visit) error { return v.showBin(http.StatusOK, "") }

func (v *visit) showBin(status int, problem string) error {
	b, err := v.bins.Read(operators, v.r.PathValue("bin"), v.now)
	if err != nil {
		return notThere(err)
	}
	at := v.base + "/inspector/" + b.ID
	v.news = at + "/stream"
	body := v.binBody(&b, at)
	body.Mine, body.Problem = true, problem
	body.Acts = []*act{v.act("/inspector/"+b.ID+"/do/empty", "Empty it", ""), v.act("/inspector/"+b.ID+"/do/delete", "Delete it", "danger")}
	if b.Share != "" {
		body.Share = &copyable{Text: v.site + sharePath + b.Share, Label: "the link"}
		body.Acts = append([]*act{v.act("/inspector/"+b.ID+"/do/unshare", "Take the link back", "")}, body.Acts...)
	} else {
		body.Acts = append([]*act{v.act("/inspector/"+b.ID+"/do/share", "Share a link", "")}, body.Acts...)
	}
	for _, s := range b.Secrets {
		body.Secrets = append(body.Secrets, string(s.Profile))
	}
	body.Answer, body.Secret = v.answerFields(&b), v.secretFields()
	return v.showAs(status, "console/bin", "Bin", body)
}

// readShared shows a bin to whoever has its link: what came, and no more.
func readShared(v *visit) error {
	b, err := v.bins.Shared(v.r.PathValue("share"), v.now)
	if err != nil {
		return notThere(err)
	}
	at := v.base + sharePath + b.Share
	v.news = at + "/stream"
	return v.show("console/bin", "Bin", v.binBody(&b, at))
}

func (v *visit) binBody(b *inspect.Bin, at string) *binBody {
	address := v.site + inspect.Path + b.Token
	body := &binBody{Bin: *b, At: at, Address: &copyable{Text: address, Label: "the address"},
		Curl: &copyable{Block: true, Label: "the command", Text: "curl -i '" + address + "' \\\n  -H 'Content-Type: application/json' \\\n  --data-raw '{\"hello\":\"world\"}'"}}
	chosen, _ := strconv.Atoi(v.asked("request")) // what is no number chooses none
	words := strings.Fields(strings.ToLower(v.asked("search")))
	for i := range b.Requests {
		req := &b.Requests[i]
		findings := b.Findings(req)
		if req.ID == chosen || chosen == 0 && i == 0 {
			body.Shown = v.arrival(b, req, findings)
		}
		row := arrivalRow{Request: *req, URL: at + "?request=" + strconv.Itoa(req.ID), Current: req.ID == chosen, When: v.when(req.At), Type: req.Header.Get(webhook.HeaderEventType)}
		row.Verdict = verdictBadge(findings[0].State)
		if matches(req, words) {
			body.Rows = append(body.Rows, row)
		}
	}
	body.Receives = fmt.Sprintf("%d requests came; the newest %d are here, of at most %d.", b.Received, len(b.Requests), inspect.MaxRequests)
	return body
}

// matches reports whether a request has all of these words.
func matches(req *inspect.Request, words []string) bool {
	if len(words) == 0 {
		return true
	}
	text := strings.ToLower(req.Method + " " + req.Target + " " + strconv.Itoa(req.Answer) + " " + string(req.Body))
	for name, values := range req.Header {
		text += strings.ToLower(" " + name + " " + strings.Join(values, " "))
	}
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

func verdictBadge(state string) badge {
	switch state {
	case "valid":
		return badge{"ok", "Signature good"}
	case "invalid":
		return badge{"bad", "Signature wrong"}
	case "unchecked":
		return badge{"wait", "Signed, not checked"}
	}
	return badge{"idle", "Not signed"}
}

// maxHex bounds what is shown in hexadecimal digits, in bytes.
const maxHex = 4 << 10

func (v *visit) arrival(b *inspect.Bin, req *inspect.Request, findings []inspect.Finding) *arrivalBody {
	a := &arrivalBody{Request: *req, When: v.when(req.At), Took: req.Took.Round(time.Microsecond).String(),
		Shown: newPayload("body", "Body", text(req.Body)), Curl: &copyable{Text: binCurl(req), Label: "the request as curl", Block: true}}
	if req.Cut {
		a.Shown.Note = "This is the beginning of what was sent: more is not kept."
	}
	for _, name := range slices.Sorted(maps.Keys(req.Header)) {
		for _, value := range req.Header[name] {
			a.Head = append(a.Head, [2]string{name, text([]byte(value))})
		}
	}
	if _, query, ok := strings.Cut(req.Target, "?"); ok {
		a.Query = pairs(query)
	}
	if kind, _, err := mime.ParseMediaType(req.Header.Get("Content-Type")); err == nil && kind == "application/x-www-form-urlencoded" && len(req.Body) <= maxShown {
		a.Form = pairs(string(req.Body))
	}
	if len(req.Body) > 0 {
		a.Hex = &copyable{Text: hex.Dump(req.Body[:min(maxHex, len(req.Body))]), Label: "the bytes", Block: true}
	}
	for _, f := range findings {
		a.Findings = append(a.Findings, findingRow{f, verdictBadge(f.State)})
	}
	return a
}

// text is bytes as a page can show them.
func text(b []byte) string { return strings.ToValidUTF8(string(b), "\ufffd") }

// pairs are the names and values of a form, in order of name.
func pairs(form string) (all [][2]string) {
	values, _ := url.ParseQuery(form) // what can be read of it
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[name] {
			all = append(all, [2]string{text([]byte(name)), text([]byte(value))})
		}
	}
	return all
}

// binCurl is a command that makes a request as it came.
func binCurl(req *inspect.Request) string {
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
	var b strings.Builder
	b.WriteString("curl -i -X " + quote(req.Method) + " " + quote(req.URL))
	for _, name := range slices.Sorted(maps.Keys(req.Header)) {
		if name == "Host" || name == "Content-Length" {
			continue
		}
		for _, value := range req.Header[name] {
			b.WriteString(" \\\n  -H " + quote(name+": "+text([]byte(value))))
		}
	}
	if len(req.Body) > 0 {
		b.WriteString(" \\\n  --data-raw " + quote(cut(text(req.Body), maxShown)))
	}
	return b.String()
}

// follow tells a page when a bin has changed, for a minute: then the browser asks again,
// and whether it may is asked again too.
func (v *visit) followChanges(id string, received func() (int, error)) error {
	n, err := received()
	if err != nil {
		return notThere(err)
	}
	if v.watching.Add(1) > maxWatching {
		v.watching.Add(-1)
		return &refusal{Status: http.StatusServiceUnavailable, Detail: "Too many look on at present. Load the page anew in a while."}
	}
	defer v.watching.Add(-1)
	news, end := v.bins.Watch(id)
	defer end()
	v.w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(v.w)
	// Not all writers have deadlines.
	_ = out.SetReadDeadline(time.Time{})
	write := func(text string) error {
		_ = out.SetWriteDeadline(time.Now().Add(30 * time.Second))
		if _, err := fmt.Fprint(v.w, text); err != nil {
			return err
		}
		return out.Flush()
	}
	hello := fmt.Sprintf("retry: 500\nid: %d\n\n", n)
	if last := v.r.Header.Get("Last-Event-Id"); last != "" && last != strconv.Itoa(n) {
		hello += fmt.Sprintf("id: %d\nevent: attempt\ndata: {}\n\n", n)
	}
	if write(hello) != nil {
		return nil // the visitor has gone
	}
	over := time.After(time.Minute)
	for {
		select {
		case <-news:
			if n, err = received(); err != nil {
				return nil // the bin has gone
			}
			if write(fmt.Sprintf("id: %d\nevent: attempt\ndata: {}\n\n", n)) != nil {
				return nil
			}
		case <-over:
			return nil
		case <-v.r.Context().Done():
			return nil
		}
	}
}

// maxWatching bounds the pages that are told of changes in bins.
const maxWatching = 500

func followBin(v *visit) error {
	id := v.r.PathValue("bin")
	return v.followChanges(id, func() (int, error) {
		b, err := v.bins.Read(operators, id, now())
		return b.Received, err
	})
}

func followShared(v *visit) error {
	share := v.r.PathValue("share")
	b, err := v.bins.Shared(share, v.now)
	if err != nil {
		return notThere(err)
	}
	return v.followChanges(b.ID, func() (int, error) {
		b, err := v.bins.Shared(share, now())
		return b.Received, err
	})
}
