package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fanfarehq/fanfare/internal/verdict"
	"github.com/fanfarehq/fanfare/webhook"
)

// maxArrival bounds the body that a listener reads, in bytes.
const maxArrival = 1 << 20

// A listener is a small receiver of webhooks: it reports each request and echoes
// its body.
type listener struct {
	status   sequence
	delay    time.Duration
	secrets  []*webhook.Secret // of the standard signature
	profile  webhook.Profile   // that signatures must be of; "": standard
	verifier *webhook.Verifier // of a profile other than the standard's
	forward  string            // URL to pass requests on to; "": none
	public   string            // URL at which senders reach it; "": what each request says
	report   func(*arrival)

	answered atomic.Int64
	mu       sync.Mutex // held while reporting, so that reports do not mix
}

// An arrival is a request that came in, and what was made of it.
type arrival struct {
	at        time.Time
	method    string
	target    string // path and query
	header    http.Header
	body      []byte
	tooLong   bool // the body was, and body is its beginning
	signature verdict.Verdict
	status    int    // of the answer
	problem   string // why it could not be passed on; ""
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, POST, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "*")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		h.Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(w, "fanfare listen is up and running. POST webhooks here.\n")
	case http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
	default:
		l.receive(w, r)
	}
}

// receive reports a request, and answers it after the delay.
func (l *listener) receive(w http.ResponseWriter, r *http.Request) {
	a := &arrival{at: time.Now(), method: r.Method, target: r.URL.RequestURI(), header: r.Header.Clone()}
	a.header.Set("Host", r.Host)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxArrival))
	var long *http.MaxBytesError
	if err != nil && !errors.As(err, &long) {
		return // the sender has gone, and with it what it wanted to say
	}
	a.body, a.tooLong = body, long != nil
	a.signature = l.judge(r, body, a.at)
	answer := l.answer(r.Context(), a)
	l.mu.Lock()
	l.report(a)
	l.mu.Unlock()
	select {
	case <-time.After(l.delay):
	case <-r.Context().Done():
		return
	}
	if answer.contentType != "" {
		w.Header().Set("Content-Type", answer.contentType)
	}
	// What is echoed is the sender's, and must not run in a browser as ours.
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "sandbox")
	w.WriteHeader(a.status)
	if a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		w.Write(answer.body)
	}
}

// An answer is what the sender is told beside the status.
type answer struct {
	contentType string
	body        []byte
}

func plain(text string) answer {
	return answer{"text/plain; charset=utf-8", []byte(text + "\n")}
}

// answer decides what to answer a, and sets its status.
func (l *listener) answer(ctx context.Context, a *arrival) answer {
	switch {
	case a.tooLong:
		a.status = http.StatusRequestEntityTooLarge
		return plain("fanfare listen takes bodies of at most 1 MiB.")
	case l.forward != "":
		passed, err := l.pass(ctx, a)
		if err != nil {
			a.status, a.problem = http.StatusBadGateway, err.Error()
			return plain("fanfare listen could not pass the request on: " + err.Error())
		}
		return passed
	}
	a.status = l.status.at(l.answered.Add(1) - 1)
	return answer{a.header.Get("Content-Type"), a.body}
}

// forwarder passes requests on. It does not follow redirects: they are the
// answer.
var forwarder = &http.Client{
	Timeout:       30 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// pass sends a on to l.forward, with the same body and headers, and returns what
// came back.
func (l *listener) pass(ctx context.Context, a *arrival) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, a.method, l.forward, bytes.NewReader(a.body))
	if err != nil {
		return answer{}, err
	}
	req.Header = a.header.Clone()
	for _, name := range []string{"Host", "Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade"} {
		req.Header.Del(name)
	}
	resp, err := forwarder.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxArrival))
	if err != nil {
		return answer{}, err
	}
	a.status = resp.StatusCode
	return answer{resp.Header.Get("Content-Type"), body}, nil
}

// A sequence is the statuses to answer one after the other; the last one stays.
type sequence []int

func (s sequence) at(n int64) int { return s[min(n, int64(len(s)-1))] }

// Set implements pflag.Value.
func (s *sequence) Set(text string) error {
	var statuses sequence
	for part := range strings.SplitSeq(text, ",") {
		status, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || status < 200 || status > 599 {
			return fmt.Errorf("%q is not a status from 200 to 599", part)
		}
		statuses = append(statuses, status)
	}
	*s = statuses
	return nil
}

func (s *sequence) String() string {
	texts := make([]string, len(*s))
	for i, status := range *s {
		texts[i] = strconv.Itoa(status)
	}
	return strings.Join(texts, ",")
}

// Type implements pflag.Value.
func (s *sequence) Type() string { return "status" }

// seconds is a duration that may be written as a plain number of seconds.
type seconds time.Duration

// Set implements pflag.Value.
func (s *seconds) Set(text string) error {
	d, err := time.ParseDuration(text)
	if n, notNumber := strconv.ParseFloat(text, 64); notNumber == nil && n >= 0 && n <= 3600 {
		d, err = time.Duration(n*float64(time.Second)), nil
	}
	if err != nil || d < 0 || d > time.Hour {
		return fmt.Errorf("%q is not a time up to an hour, such as 2.5 or 300ms", text)
	}
	*s = seconds(d)
	return nil
}

func (s *seconds) String() string { return time.Duration(*s).String() }

// Type implements pflag.Value.
func (s *seconds) Type() string { return "seconds" }
