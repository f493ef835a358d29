package ui

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare/internal/inspect"
	"github.com/fanfarehq/fanfare/webhook"
)

// answerFields are what a bin answers, as a form.
func (v *visit) answerFields(b *inspect.Bin) []field {
	a := b.Answer
	status, delay, kind, body, times, head := strconv.Itoa(a.Status), "", a.ContentType, a.Body, "", ""
	for _, line := range a.Headers {
		head += line[0] + ": " + line[1] + "\n"
	}
	if a.Delay > 0 {
		delay = a.Delay.String()
	}
	if v.r.Method == http.MethodPost && v.said("status") != "" {
		status, delay, kind, body, times, head = v.said("status"), v.said("delay"), v.said("contentType"), v.r.PostFormValue("body"), v.said("times"), v.r.PostFormValue("headers")
	}
	return []field{
		{Name: "status", Label: "Status", Kind: "number", Required: true, Value: status},
		{Name: "delay", Label: "Delay", Kind: "text", Value: delay, Placeholder: "2.5", Hint: "Seconds, or such as 300ms; 30 s at most."},
		{Name: "contentType", Label: "Content type", Kind: "text", Code: true, Value: kind, Placeholder: "text/plain; charset=utf-8"},
		{Name: "headers", Label: "Headers", Kind: "textarea", Rows: 2, Code: true, Value: head, Placeholder: "Retry-After: 30", Hint: "One a line, of those that senders act on: " + strings.Join(inspect.AnswerHeaders, ", ") + "."},
		{Name: "body", Label: "Body", Kind: "textarea", Rows: 4, Code: true, Value: body},
		{Name: "times", Label: "Only to the next so many requests", Kind: "number", Value: times, Hint: "Then it answers as before. Empty: to all from now on."},
	}
}

func (v *visit) secretFields() []field {
	profiles := []option{}
	for _, p := range webhook.Profiles() {
		if p != webhook.None {
			profiles = append(profiles, option{string(p), string(p), v.said("profile") == string(p) || v.said("profile") == "" && p == webhook.Standard})
		}
	}
	return []field{
		{Name: "profile", Label: "Signature", Kind: "select", Options: profiles},
		{Name: "secret", Label: "Secret", Kind: "password", Code: true, Hint: "It is kept in memory while the " + v.binWord() + " is there, and not shown again. Empty: it is forgotten."},
	}
}

// changed goes back to a bin that was changed, to a request of it if it is still there, or
// says why it was not.
func (v *visit) changed(s *shelf, err error, done string) error {
	switch {
	case errors.Is(err, inspect.ErrInvalid):
		return v.showBin(http.StatusUnprocessableEntity, strings.Replace(inspectSays(err), "A bin ", "A "+v.binWord()+" ", 1))
	case err != nil:
		return v.notThere(err)
	}
	path := s.at + "/" + v.r.PathValue("bin")
	if n := v.r.PathValue("n"); n != "" && done != "requestgone" && done != "requestagain" {
		path += "?request=" + n
	}
	return v.to(path, done)
}

// inspectSays is why bins refuse something, in a sentence.
func inspectSays(err error) string {
	text := strings.TrimPrefix(err.Error(), inspect.ErrInvalid.Error()+": ")
	return capital(text) + "."
}

func setAnswer(v *visit) error {
	s, err := v.mine()
	if err != nil {
		return err
	}
	status, err := strconv.Atoi(v.said("status"))
	if err != nil {
		status = 0 // which is refused
	}
	a := inspect.Answer{Status: status, ContentType: v.said("contentType"), Body: v.r.PostFormValue("body")}
	var told *refusal
	if a.Headers, told = headerLines(v.r.PostFormValue("headers")); told != nil {
		return v.showBin(told.Status, "Of the headers, "+told.Detail+".")
	}
	if text := v.said("times"); text != "" {
		if a.Times, err = strconv.Atoi(text); err != nil || a.Times < 1 {
			a.Times = -1 // which is refused
		}
	}
	if text := v.said("delay"); text != "" {
		if a.Delay, err = time.ParseDuration(text); err != nil {
			seconds, err := strconv.ParseFloat(text, 64)
			if a.Delay = -1; err == nil && seconds >= 0 && seconds <= inspect.MaxDelay.Seconds() {
				a.Delay = time.Duration(seconds * float64(time.Second))
			}
		}
	}
	return v.changed(s, v.bins.SetAnswer(s.owner, v.r.PathValue("bin"), a), "binsaved")
}

func setSecret(v *visit) error {
	s, err := v.mine()
	if err != nil {
		return err
	}
	return v.changed(s, v.bins.SetSecret(s.owner, v.r.PathValue("bin"), webhook.Profile(v.said("profile")), v.said("secret")), "binsecret")
}

// confirmBin asks before something goes that nobody can bring back.
func confirmBin(v *visit) error {
	s, err := v.mine()
	if err != nil {
		return err
	}
	b, err := v.bin()
	if err != nil {
		return err
	}
	what := v.r.PathValue("act")
	q := confirmation{Back: b.at, Heading: "Empty this " + v.binWord() + "?", Text: count(len(b.Requests), "request goes, pinned or not.", "requests go, pinned or not.") + " The address stays as it is. This cannot be undone."}
	button := "Empty it"
	switch what {
	case "empty":
	case "delete":
		button, q.Heading = "Delete it", "Delete this "+v.binWord()+"?"
		q.Text = "Its address takes nothing any more: an endpoint that has it for its URL fails from then on. " + count(len(b.Requests), "request goes", "requests go") + " with it. This cannot be undone."
	default:
		return noPage(v)
	}
	q.Do = v.act(s.at+"/"+b.ID+"/do/"+what, button, "danger")
	q.Do.Here = b.at
	return v.show("ask", q.Heading, q)
}

// actOnBin does at once what a button says.
func actOnBin(v *visit) error {
	s, err := v.mine()
	if err != nil {
		return err
	}
	id := v.r.PathValue("bin")
	switch v.r.PathValue("act") {
	case "share":
		return v.changed(s, v.bins.SetShare(s.owner, id, true), "binshared")
	case "unshare":
		return v.changed(s, v.bins.SetShare(s.owner, id, false), "binunshared")
	case "sample":
		b, err := v.bin()
		if err == nil {
			err = v.intoBin(b, handmade{Method: http.MethodPost, Header: [][2]string{{"Content-Type", "application/json"}}, Body: []byte(`{"hello":"world"}`)})
		}
		return v.changed(s, err, "requestagain")
	case "empty":
		return v.changed(s, v.bins.Empty(s.owner, id), "binempty")
	case "delete":
		if err := v.bins.Delete(s.owner, id); err != nil {
			return v.notThere(err)
		}
		return v.to(s.at, "bingone")
	}
	return noPage(v)
}

// actOnRequest does at once what a button says, with one request.
func actOnRequest(v *visit) error {
	s, err := v.mine()
	if err != nil {
		return err
	}
	b, req, err := v.arrived()
	if err != nil {
		return err
	}
	switch v.r.PathValue("act") {
	case "pin":
		return v.changed(s, v.bins.SetPinned(s.owner, b.ID, req.ID, true), "requestpinned")
	case "unpin":
		return v.changed(s, v.bins.SetPinned(s.owner, b.ID, req.ID, false), "requestunpinned")
	case "delete":
		return v.changed(s, v.bins.Remove(s.owner, b.ID, req.ID), "requestgone")
	case "again":
		err := v.intoBin(b, handmade{Method: req.Method, Below: belowBin(req), Header: req.Lines(), Body: req.Body})
		return v.changed(s, err, "requestagain")
	}
	return noPage(v)
}

func noteRequest(v *visit) error {
	s, err := v.mine()
	if err != nil {
		return err
	}
	b, req, err := v.arrived()
	if err != nil {
		return err
	}
	return v.changed(s, v.bins.SetNote(s.owner, b.ID, req.ID, v.said("note")), "requestnoted")
}
