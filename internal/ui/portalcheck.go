package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A check is what was found about a URL, in steps.
type check struct {
	Steps     []checkStep
	What, Fix string
	Use       string // the URL to take instead; "": none
}

type checkStep struct {
	State badge
	Text  string
}

// check asks what is at a URL.
func (v *visit) check(to string) (*check, error) {
	var out struct {
		URL         string
		Reachable   bool
		Connected   bool
		Secure      bool
		Expires     time.Time `json:"certificateExpires"`
		Status      int
		Location    string
		DurationMs  int64
		ErrorClass  string
		Explanation struct{ What, Fix string }
	}
	if err := v.ask(http.MethodPost, v.of("url", "check"), nil, map[string]string{"url": to}, &out); err != nil {
		return nil, err
	}
	c := &check{What: out.Explanation.What, Fix: out.Explanation.Fix}
	if to, err := url.Parse(out.Location); err == nil && takesMessages(to) {
		c.Use = out.Location
	}
	step := func(ok bool, yes, no string) bool {
		if ok {
			c.Steps = append(c.Steps, checkStep{badge{"ok", "Yes"}, yes})
		} else {
			c.Steps = append(c.Steps, checkStep{badge{"bad", "No"}, no})
		}
		return ok
	}
	if !step(out.ErrorClass != string(fanfare.ClassDNS), "Its name resolves", "Its name does not resolve") || !step(out.Connected, "Something listens there", "Nothing listens there that may be sent to") {
		return c, nil
	}
	if strings.HasPrefix(out.URL, "https:") {
		if !step(out.Secure || out.ErrorClass != string(fanfare.ClassTLS) && !out.Reachable, "The connection is secure", "The connection is not secure") {
			return c, nil
		}
		if left := out.Expires.Sub(v.now); out.Secure && !out.Expires.IsZero() && left < 14*24*time.Hour {
			c.Steps = append(c.Steps, checkStep{badge{"wait", "Soon"}, "Its certificate expires in " + long(left)})
		}
	} else {
		c.Steps = append(c.Steps, checkStep{badge{"wait", "Careful"}, "The connection is not encrypted: anybody on the way can read what is sent"})
	}
	if step(out.Reachable, fmt.Sprintf("It answers, within %d ms", out.DurationMs), "It does not answer") {
		step(out.Location == "", "It does not point elsewhere", "It points elsewhere")
	}
	return c, nil
}
