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
	status, delay, kind, body := strconv.Itoa(b.Answer.Status), "", b.Answer.ContentType, b.Answer.Body
	if b.Answer.Delay > 0 {
		delay = b.Answer.Delay.String()
	}
	if v.r.Method == http.MethodPost && v.said("status") != "" {
		status, delay, kind, body = v.said("status"), v.said("delay"), v.said("contentType"), v.r.PostFormValue("body")
	}
	return []field{
		{Name: "status", Label: "Status", Kind: "number", Required: true, Value: status},
		{Name: "delay", Label: "Delay", Kind: "text", Value: delay, Placeholder: "2.5", Hint: "Seconds, or such as 300ms; 30 s at most."},
		{Name: "contentType", Label: "Content type", Kind: "text", Code: true, Value: kind, Placeholder: "text/plain; charset=utf-8"},
		{Name: "body", Label: "Body", Kind: "textarea", Rows: 4, Code: true, Value: body},
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
		{Name: "secret", Label: "Secret", Kind: "password", Code: true, Hint: "It is kept in memory while the bin is there, and not shown again. Empty: it is forgotten."},
	}
}

// changed goes back to a bin that was changed, or says why it was not.
func (v *visit) changed(err error, done string) error {
	switch {
	case errors.Is(err, inspect.ErrInvalid):
		return v.showBin(http.StatusUnprocessableEntity, strings.TrimPrefix(err.Error(), inspect.ErrInvalid.Error()+": "))
	case err != nil:
		return notThere(err)
	}
	return v.to("/inspector/"+v.r.PathValue("bin"), done)
}

func setAnswer(v *visit) error {
	status, err := strconv.Atoi(v.said("status"))
	if err != nil {
		status = 0 // which is refused
	}
	a := inspect.Answer{Status: status, ContentType: v.said("contentType"), Body: v.r.PostFormValue("body")}
	if text := v.said("delay"); text != "" {
		if a.Delay, err = time.ParseDuration(text); err != nil {
			seconds, err := strconv.ParseFloat(text, 64)
			if a.Delay = -1; err == nil && seconds >= 0 && seconds <= inspect.MaxDelay.Seconds() {
				a.Delay = time.Duration(seconds * float64(time.Second))
			}
		}
	}
	return v.changed(v.bins.SetAnswer(operators, v.r.PathValue("bin"), a), "binsaved")
}

func setSecret(v *visit) error {
	return v.changed(v.bins.SetSecret(operators, v.r.PathValue("bin"), webhook.Profile(v.said("profile")), v.said("secret")), "binsecret")
}

// actOnBin does at once what a button says.
func actOnBin(v *visit) error {
	id := v.r.PathValue("bin")
	switch v.r.PathValue("act") {
	case "share":
		return v.changed(v.bins.SetShare(operators, id, true), "binshared")
	case "unshare":
		return v.changed(v.bins.SetShare(operators, id, false), "binunshared")
	case "empty":
		return v.changed(v.bins.Empty(operators, id), "binempty")
	case "delete":
		v.bins.Delete(id)
		return v.to("/inspector", "bingone")
	}
	return noPage(v)
}
