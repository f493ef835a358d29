package inspect

import (
	"cmp"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/http/httpguts"

	"github.com/fanfarehq/fanfare/internal/verdict"
	"github.com/fanfarehq/fanfare/webhook"
)

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// SetAnswer makes a bin answer so from now on.
func (s *Bins) SetAnswer(owner, id string, a Answer) error {
	switch {
	case a.Status < 200 || a.Status > 599:
		return invalid("the status is a number from 200 to 599")
	case len(a.Body) > MaxAnswer || !utf8.ValidString(a.Body):
		return invalid("the body is text of at most 64 KiB")
	case a.Times < 0 || a.Times > MaxTimes:
		return invalid("it can be of the next 1 to %d requests, or of all", MaxTimes)
	case a.Delay < 0 || a.Delay > MaxDelay:
		return invalid("the delay is at most %d seconds", int(MaxDelay.Seconds()))
	}
	if a.ContentType != "" {
		kind, params, err := mime.ParseMediaType(a.ContentType)
		if err != nil || len(a.ContentType) > 100 || mime.FormatMediaType(kind, params) == "" || !strings.Contains(kind, "/") {
			return invalid("the content type is one such as application/json")
		}
		a.ContentType = mime.FormatMediaType(kind, params)
	}
	if err := checkHeaders(a.Headers); err != nil {
		return err
	}
	return s.change(owner, id, func(b *bin) error {
		if a.Times > 0 {
			b.Next = &a
		} else {
			b.Answer, b.Next = a, nil
		}
		return nil
	})
}

// AnswerHeaders are what an answer may have in its header beside the content type: what
// senders act on. What browsers and proxies act on would be of the whole server, and is not
// among it; Location is left out where a browser would follow it.
var AnswerHeaders = []string{"Location", "Retry-After", "Webhook-Delivery", "Webhook-Allowed-Origin", "Webhook-Allowed-Rate", "X-Hook-Secret", "X-Request-Id"}

func checkHeaders(lines [][2]string) error {
	if len(lines) > len(AnswerHeaders) {
		return invalid("there are at most %d headers", len(AnswerHeaders))
	}
	for _, line := range lines {
		if !slices.Contains(AnswerHeaders, http.CanonicalHeaderKey(line[0])) {
			return invalid("the headers are among %s", strings.Join(AnswerHeaders, ", "))
		}
		if len(line[1]) > maxHeader || !httpguts.ValidHeaderFieldValue(line[1]) {
			return invalid("the value of %s has characters that no header may have, or more than %d", http.CanonicalHeaderKey(line[0]), maxHeader)
		}
	}
	return nil
}

// Sign returns the secret that a bin verifies signatures of a profile with, and makes one
// if it has none: for those who send to it what is to be signed.
func (s *Bins) Sign(owner, id string, p webhook.Profile) (text string, err error) {
	err = s.change(owner, id, func(b *bin) error {
		if i := slices.IndexFunc(b.Secrets, func(s Secret) bool { return s.Profile == p }); i >= 0 {
			text = b.Secrets[i].text
		}
		return nil
	})
	if err != nil || text != "" || p == webhook.None {
		return text, err
	}
	text = p.GenerateSecret()
	return text, s.SetSecret(owner, id, p, text)
}

// SetSecret has a bin verify signatures of a profile with a secret; "": no longer. The
// secret is kept in memory, and shown to nobody.
func (s *Bins) SetSecret(owner, id string, p webhook.Profile, text string) error {
	if !p.Known() || p == webhook.None {
		return invalid("%q is no signature profile", p)
	}
	if len(text) > maxSecret {
		return invalid("a secret has at most %d bytes", maxSecret)
	}
	j := verdict.Judge{Profile: p}
	if text != "" {
		var err error
		if p == webhook.Standard {
			var secret *webhook.Secret
			secret, err = webhook.ParseSecret(text)
			j.Secrets = []*webhook.Secret{secret}
		} else {
			j.Verifier, err = p.Verifier(text)
		}
		if err != nil {
			return invalid("%v", err)
		}
	}
	return s.change(owner, id, func(b *bin) error {
		b.Secrets = slices.DeleteFunc(b.Secrets, func(s Secret) bool { return s.Profile == p })
		if text == "" {
			return nil
		}
		if len(b.Secrets) >= maxSecrets {
			return invalid("a bin has at most %d secrets", maxSecrets)
		}
		b.Secrets = append(b.Secrets, Secret{p, text, j})
		slices.SortFunc(b.Secrets, func(a, b Secret) int { return cmp.Compare(a.Profile, b.Profile) })
		return nil
	})
}

// A Finding is what is known of a request's signature in a profile.
type Finding struct {
	Profile webhook.Profile
	About   string // what requests of it carry
	State   string // valid, invalid, unchecked (for want of a secret) or absent
	Reason  string // of an invalid one, or of one that is absent where the bin has a secret
}

// Findings judges a request in every profile: those that it is signed in, or that the
// bin has a secret of, come first.
func (b *Bin) Findings(req *Request) (all []Finding) {
	for _, p := range webhook.Profiles() {
		if p != webhook.None {
			all = append(all, b.finding(p, req))
		}
	}
	slices.SortStableFunc(all, func(a, b Finding) int {
		return cmp.Compare(slices.Index(states, a.State), slices.Index(states, b.State))
	})
	return all
}

var states = []string{"valid", "invalid", "unchecked", "absent"}

func (b *Bin) finding(p webhook.Profile, req *Request) Finding {
	f := Finding{Profile: p, About: p.About(), State: "absent"}
	r := req.request()
	there, of := verdict.Shows(p, r)
	if of > 0 && there == of {
		f.State = "unchecked"
	}
	i := slices.IndexFunc(b.Secrets, func(s Secret) bool { return s.Profile == p })
	if i < 0 {
		return f
	}
	j := b.Secrets[i].judge
	switch {
	case there == 0 && p != webhook.BodyToken:
		f.Reason = "nothing of this signature came with the request"
		return f
	case req.Cut:
		f.State, f.Reason = "invalid", "more was sent than is kept, so that it cannot be verified"
		return f
	case f.State == "absent" && p != webhook.BodyToken:
		f.State, f.Reason = "invalid", "only a part of this signature came with the request"
		return f
	}
	j.URL, _, _ = strings.Cut(req.URL, "?")
	switch v := j.Of(r, req.Body, req.At); v.State {
	case "valid":
		f.State = "valid"
	case "invalid":
		if f.Reason = v.Reason; p != webhook.BodyToken || !v.Missing {
			f.State = "invalid"
		}
	}
	return f
}

// request is the request as it came, for those who verify it.
func (req *Request) request() *http.Request {
	u, err := url.Parse(req.URL)
	if err != nil {
		u = &url.URL{Path: "/"}
	}
	r := &http.Request{Method: req.Method, URL: u, Header: req.Header, Host: u.Host, Proto: req.Proto, ProtoMajor: 1, ProtoMinor: 1}
	return r
}
