package fanfare

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare/internal/post"
	"github.com/fanfarehq/fanfare/webhook"
)

// What Success.Redirects may be.
const (
	// A redirect is a failure. So is "" understood, but for the preset
	// "apps-script", which then is as with RedirectsAcceptGAS.
	RedirectsNone = "none"
	// A redirect to where Google Apps Script keeps what a script returned is a
	// success, as the script has run by then; any other is a failure.
	RedirectsAcceptGAS = "accept_gas"
	// One redirect by 301, 302 or 303 is followed with a GET, whose answer decides.
	// The payload does not go there: it is for receivers that have taken it before
	// they answer.
	RedirectsFollowGETOnce = "follow_get_once"
	// Redirects by 307 and 308 are followed with the same POST, and what answers last
	// decides. One that wants a GET is a failure, since the payload would be lost.
	RedirectsFollow307308 = "follow_307_308"
	// A redirect is as good as a 200, and is not followed.
	RedirectsSuccess = "success"

	// Older names: of RedirectsNone, and of RedirectsFollow307308 or, with the preset
	// "apps-script", RedirectsFollowGETOnce.
	RedirectsRefuse = "refuse"
	RedirectsFollow = "follow"
)

// Redirects are all of them.
var Redirects = []string{
	RedirectsNone, RedirectsAcceptGAS, RedirectsFollowGETOnce, RedirectsFollow307308, RedirectsSuccess,
	RedirectsRefuse, RedirectsFollow,
}

// redirects is what becomes of redirects, by one of the first five names.
func (s Success) redirects() string {
	script := s.Preset == "apps-script"
	switch {
	case s.Redirects == "" && script:
		return RedirectsAcceptGAS
	case s.Redirects == RedirectsFollow && script:
		return RedirectsFollowGETOnce
	case s.Redirects == RedirectsFollow:
		return RedirectsFollow307308
	case s.Redirects == "", s.Redirects == RedirectsRefuse:
		return RedirectsNone
	}
	return s.Redirects
}

// followsRedirects reports whether an attempt may take more than one request.
func (s Success) followsRedirects() bool {
	policy := s.redirects()
	return policy == RedirectsFollowGETOnce || policy == RedirectsFollow307308
}

// maxRedirects is how many are followed in one attempt.
const maxRedirects = 5

// An errand is an attempt that takes more than one request and a note of the
// answer: an access token may have to be fetched first, redirects may have to be
// followed, and what opens doors is kept out of the record.
type errand struct {
	*target
	hub      *Hub
	a        *Attempt
	out      formatted
	to       *post.Target
	lines    []byte // that to does not have
	begun    time.Time
	deadline time.Time

	token  string   // the access token, if one was needed
	proof  []byte   // of lines, those that open doors
	hidden []string // what must not be recorded

	codes   []string // of the redirects that were followed
	stopped string   // in words, why the last one was not
	denied  bool     // because of where it leads
}

// newErrand makes an errand of an attempt whose request is ready, and takes what
// opens doors out of its header. It is too large to be inlined, which keeps errands
// off the stack of all other attempts.
func newErrand(h *Hub, t *target, a *Attempt, out formatted) *errand {
	e := &errand{target: t, hub: h, a: a, out: out}
	for _, h := range a.RequestHeader[len(t.constant):] {
		if SensitiveHeader(h.Name) {
			e.proof = appendLines(e.proof, []Header{h})
		}
	}
	e.hidden = hide(a.RequestHeader)
	if p := t.profile(); p == webhook.Basic || p == webhook.BodyToken {
		for _, text := range t.signer(a.StartedAt).texts {
			if len(text) >= minHidden {
				e.hidden = append(e.hidden, text)
			}
		}
	}
	return e
}

// run makes the attempt.
func (e *errand) run(ctx context.Context) (*post.Response, error) {
	if e.grant != nil {
		if err := e.authorize(ctx); err != nil {
			return nil, err
		}
	}
	if e.bins != nil {
		return e.toBin(ctx)
	}
	res, err := e.post(ctx, e.to, e.lines)
	if err == nil && e.Success.followsRedirects() {
		res, err = e.follow(ctx, res)
	}
	return res, err
}

// authorize adds an access token to what is sent.
func (e *errand) authorize(ctx context.Context) (err error) {
	if e.token, err = e.grant.accessToken(ctx, &e.hub.client, e.deadline); err != nil {
		return err
	}
	h := []Header{bearerHeader(e.token)}
	e.lines, e.proof = appendLines(e.lines, h), appendLines(e.proof, h)
	e.hidden = append(e.hidden, hide(h)...)
	e.a.RequestHeader = append(e.a.RequestHeader, h...)
	return nil
}

func (e *errand) post(ctx context.Context, to *post.Target, lines []byte) (*post.Response, error) {
	waited := time.Since(e.begun)
	res, err := e.hub.client.Post(ctx, e.deadline, to, lines, e.out.body)
	if err == nil {
		res.HeaderAfter += waited
	}
	return res, err
}

// follow goes where redirects lead, and returns the answer of the last place. One
// that is not followed is an answer itself. The attempt's URL is of who answered.
func (e *errand) follow(ctx context.Context, res *post.Response) (*post.Response, error) {
	at, err := url.Parse(e.a.URL)
	if err != nil {
		return nil, err
	}
	policy, home := e.Success.redirects(), true
	get := policy == RedirectsFollowGETOnce
	for {
		location := res.Header.Get("Location")
		if !leadsOn(res.Status) || location == "" {
			return res, nil
		}
		if e.stopped = e.staysFor(policy, res.Status); e.stopped != "" {
			return res, nil
		}
		next, err := e.next(at, location)
		if err != nil {
			e.stopped = err.Error()
			return res, nil
		}
		home = home && next.Scheme == at.Scheme && next.Host == at.Host
		if !home && !get && e.profile() == webhook.BodyToken {
			e.stopped = "the body holds the endpoint's secret, which no other host is sent"
			return res, nil
		}
		e.codes = append(e.codes, fmt.Sprint(res.Status))
		at, e.a.URL = next, next.String()
		to, lines := e.toward(next, get, home)
		if res, err = e.post(ctx, to, lines); err != nil {
			e.a.URL = conceal(e.hidden, e.a.URL)
			return nil, fmt.Errorf("%s: %w", e.trail(), err)
		}
	}
}

// staysFor says why a redirect of that status is not followed under a policy; "" if
// it is. A POST never becomes a GET but where the owner of the endpoint has said so.
func (e *errand) staysFor(policy string, status int) string {
	wantsGet := status < http.StatusTemporaryRedirect
	switch {
	case policy == RedirectsFollow307308 && wantsGet:
		return fmt.Sprintf("a %d would be followed by a GET, which loses the message", status)
	case policy == RedirectsFollowGETOnce && len(e.codes) > 0:
		return "one redirect was followed already"
	case policy == RedirectsFollowGETOnce && !wantsGet:
		return fmt.Sprintf("a %d wants the POST repeated, and the endpoint follows by a GET only", status)
	}
	return ""
}

// leadsOn reports whether a response of that status has one place where the
// request is to go.
func leadsOn(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// next judges where a redirect leads as if an endpoint were to be there.
func (e *errand) next(at *url.URL, location string) (*url.URL, error) {
	if len(e.codes) == maxRedirects {
		return nil, fmt.Errorf("after %d others", maxRedirects)
	}
	to, err := at.Parse(location)
	if err != nil {
		return nil, errors.New("its Location is not a URL")
	}
	to.Fragment, to.RawFragment = "", "" // for readers only
	to, err = e.hub.guard.CheckURL(to.String())
	if err == nil {
		err = e.hub.checkOwn(to)
	}
	switch {
	case err != nil:
		e.denied = true
		return nil, fmt.Errorf("it leads to %s: %w", bound(location, 100), err)
	case at.Scheme == "https" && to.Scheme == "http":
		return nil, errors.New("it leads from https to http, where anyone could read along")
	case secureHost(to.String()) == googleLogin:
		return nil, errors.New("it leads to a login")
	}
	return to, nil
}

// toward is the request to where a redirect leads: a GET without a body, or the
// same request. Once
// it has left the endpoint's host, nothing that proves who we are goes with it.
func (e *errand) toward(u *url.URL, get, home bool) (to *post.Target, lines []byte) {
	switch {
	case home && get:
		return post.NewGet(u, appendLines(nil, e.constant)).Over(e.tls), e.proof
	case home:
		return e.reach(u), e.lines
	}
	named := []string{"User-Agent", HeaderHops}
	if get {
		return post.NewGet(u, appendLines(nil, e.only(named))), nil
	}
	named = append(named, "Content-Type", webhook.HeaderID, webhook.HeaderEventType)
	return post.NewTarget(u, appendLines(nil, e.only(named))), appendLines(nil, e.out.header)
}

// only are those of the attempt's headers that have one of the names.
func (e *errand) only(names []string) []Header {
	return slices.DeleteFunc(slices.Clone(e.a.RequestHeader), func(h Header) bool { return !slices.Contains(names, h.Name) })
}

// end completes the verdict on an answer, and takes out of both what is hidden.
func (e *errand) end(res *post.Response, class Class, why string) (Class, string) {
	if e.denied && class == ClassRedirect {
		class = ClassDenied
	}
	notes := []string{why, e.stopped, e.trail()}
	if e.token != "" && res.Status == http.StatusUnauthorized {
		e.grant.forget(e.token)
		notes = append(notes, "the access token was refused; the next attempt fetches a new one")
	}
	concealAnswer(e.hidden, res)
	e.a.URL = conceal(e.hidden, e.a.URL)
	notes = slices.DeleteFunc(notes, func(note string) bool { return note == "" })
	return class, conceal(e.hidden, strings.Join(notes, "; "))
}

// trail says how the attempt came to where its answer is from; "" if it is the
// endpoint's own.
func (e *errand) trail() string {
	if len(e.codes) == 0 {
		return ""
	}
	return fmt.Sprintf("redirected from %s by %s", bound(e.URL, 100), strings.Join(e.codes, ", "))
}
