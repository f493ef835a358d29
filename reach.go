package fanfare

import (
	"context"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"
)

// A Reach says what was found when a URL was called, before it is an endpoint's.
type Reach struct {
	URL      string // as an endpoint would have it
	Class    Class  // ClassSuccess if there was any answer at all
	Detail   string // what the machine said
	Status   int    // of the answer; 0: there was none
	Location string // where a redirect points, as a whole URL; "": nowhere
	Took     time.Duration

	Connected bool      // the name resolves to an address that may be sent to, and something listens there
	Secure    bool      // over TLS, by a certificate that is trusted
	Expires   time.Time // that certificate; zero if it is not Secure, or was not needed
}

// Bounds of looking whether URLs can be reached.
const (
	reachTime   = 6 * time.Second
	reachAtOnce = 16 // by one Hub
	reachEach   = reachAtOnce / 4
)

// reaching counts what is tried out at the same time: URLs that are looked at, and requests
// that are made by hand.
type reaching struct {
	mu  sync.Mutex
	all int
	of  map[ApplicationID]int
}

// begin takes a place until end is called. An application has a quarter of them at most,
// so that none keeps the others from theirs; "" is the operator. ErrBusy: there is none.
func (r *reaching) begin(app ApplicationID) (end func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all >= reachAtOnce || app != "" && r.of[app] >= reachEach {
		return nil, ErrBusy
	}
	if r.of == nil {
		r.of = make(map[ApplicationID]int)
	}
	r.all++
	r.of[app]++
	return func() { r.end(app) }, nil
}

func (r *reaching) end(app ApplicationID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all--
	if r.of[app]--; r.of[app] == 0 {
		delete(r.of, app)
	}
}

// Reach calls a URL for an application, by HEAD, through the guard that every attempt goes
// through, and says what it found. That it cannot be reached is no error. It returns what
// is wrong with the URL, as [Hub.CreateEndpoint] does, or [ErrBusy].
func (h *Hub) Reach(ctx context.Context, app ApplicationID, to string) (*Reach, error) {
	ep := &Endpoint{URL: to}
	if err := h.checkTarget(ep); err != nil {
		return nil, err
	}
	if h.opt.Bins.has(ep.URL) {
		return &Reach{URL: ep.URL, Class: ClassSuccess, Connected: true, Secure: strings.HasPrefix(ep.URL, "https:")}, nil
	}
	end, err := h.reaching.begin(app)
	if err != nil {
		return nil, err
	}
	defer end()
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	r := &Reach{URL: ep.URL}
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { r.Connected = true }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodHead, ep.URL, nil)
	if err != nil {
		return nil, &InvalidError{"url", "cannot be called: " + plain(err.Error())}
	}
	req.Header.Set("User-Agent", userAgent)
	begun := time.Now()
	h.reach(r, req)
	r.Took = time.Since(begun)
	return r, nil
}

// reach makes the request, on a connection of its own. Redirects are not followed.
func (h *Hub) reach(r *Reach, req *http.Request) {
	if req.URL.Scheme == "http" && h.client.RefusePlain != nil {
		r.Class, r.Detail = classify(h.client.RefusePlain), detail(h.client.RefusePlain)
		return
	}
	transport := &http.Transport{
		DialContext: h.client.Dial, DisableKeepAlives: true, MaxResponseHeaderBytes: 16 << 10, TLSClientConfig: h.client.TLS.Clone(),
	}
	res, err := transport.RoundTrip(req)
	if err != nil {
		r.Class, r.Detail = classify(err), detail(err)
		r.Connected = r.Connected || r.Class == ClassTLS
		return
	}
	res.Body.Close()
	r.Class, r.Status = ClassSuccess, res.StatusCode
	if res.TLS != nil && len(res.TLS.PeerCertificates) > 0 {
		r.Secure, r.Expires = true, res.TLS.PeerCertificates[0].NotAfter
	}
	if to, err := res.Location(); err == nil && r.Status >= 300 && r.Status < 400 {
		r.Location = bound(to.String(), 2048)
	}
}

// Explain says in a sentence what was found, and in another what to do about it; fix is
// empty when there is nothing to do.
func (r *Reach) Explain() (what, fix string) {
	if r.Class != ClassSuccess {
		a := Attempt{Class: r.Class, Detail: r.Detail, Duration: reachTime, URL: r.URL}
		return a.Explain()
	}
	a := Attempt{Class: ClassRedirect, Status: r.Status, Duration: r.Took, URL: r.URL, ResponseHeader: []Header{{Name: "Location", Value: r.Location}}}
	switch {
	case r.Status == 0:
		return "It is a bin of this server, which takes whatever is sent to it and shows it.", ""
	case r.Location != "":
		what, fix = a.Explain()
		return strings.Replace(what, "The endpoint answered", "It answered", 1), fix
	case r.Status == http.StatusUnauthorized, r.Status == http.StatusForbidden:
		return "It answered " + statusText(r.Status) + ": it lets in only those who show who they are.", "If messages need a header or a login to be taken, give the endpoint one."
	case r.Status >= 500:
		return "It answered " + statusText(r.Status) + ".", "Something is there, but fails; look whether it does for a message too."
	}
	return "Something answers there. Whether it takes messages a first one shows.", ""
}
