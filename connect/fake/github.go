package fake

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" // for the older of its two signatures
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// GitHub is the part of the API that is about a repository's webhooks
// (https://docs.github.com/en/rest/repos/webhooks), and sends them: a ping when one is
// made or asked for, a push at /tests, and whatever POST /fake/push tells it to, as
//
//	{"repository": "octo/bears", "event": "issues", "payload": {…}}
//
// to the hooks of a repository, or with "url" and "secret" in place of "repository" to
// anywhere; the answer tells what came of each. It waits ten seconds for an answer,
// follows no redirect and tries nothing again by itself; a redelivery has the same
// X-GitHub-Delivery. Every token is good but none and "unknown", and owner "nowhere"
// has no repositories. It sends by client; nil: to this machine alone.
func GitHub(client *http.Client) http.Handler {
	g := &gitHub{courier: courierWith(client, 10*time.Second)}
	mux := http.NewServeMux()
	const hooks = "/repos/{owner}/{repo}/hooks"
	mux.HandleFunc("POST "+hooks, g.create)
	mux.HandleFunc("GET "+hooks, g.list)
	mux.HandleFunc("GET "+hooks+"/{hook}", g.of(func(rw http.ResponseWriter, _ *http.Request, h *gitHook) { answer(rw, 200, g.shown(h)) }))
	mux.HandleFunc("DELETE "+hooks+"/{hook}", g.of(func(rw http.ResponseWriter, _ *http.Request, h *gitHook) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.hooks = slices.DeleteFunc(g.hooks, func(one *gitHook) bool { return one == h })
		rw.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("POST "+hooks+"/{hook}/pings", g.of(func(rw http.ResponseWriter, r *http.Request, h *gitHook) {
		g.ping(r.Context(), h)
		rw.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("POST "+hooks+"/{hook}/tests", g.of(func(rw http.ResponseWriter, r *http.Request, h *gitHook) {
		if h.wants("push") {
			g.deliver(r.Context(), h, "push", map[string]any{"ref": "refs/heads/main", "before": randomHex(20), "after": randomHex(20), "repository": repository(h.Repository)}, "")
		}
		rw.WriteHeader(http.StatusNoContent)
	}))
	mux.HandleFunc("GET "+hooks+"/{hook}/deliveries", g.of(g.deliveries))
	mux.HandleFunc("GET "+hooks+"/{hook}/deliveries/{delivery}", g.of(g.delivery))
	mux.HandleFunc("POST "+hooks+"/{hook}/deliveries/{delivery}/attempts", g.of(g.redeliver))
	mux.HandleFunc("POST /fake/push", g.push)
	mux.HandleFunc("/", func(rw http.ResponseWriter, _ *http.Request) { gitRefuses(rw, 404, "Not Found", "") })
	return g.taken.shownBy(mux)
}

type gitHub struct {
	courier
	taken   taken // what was sent
	serials serial

	mu    sync.Mutex
	hooks []*gitHook
}

// A gitHook is a webhook, as the API has it.
type gitHook struct {
	Type         string        `json:"type"`
	ID           int64         `json:"id"`
	Name         string        `json:"name"`
	Active       bool          `json:"active"`
	Events       []string      `json:"events"`
	Config       gitHookConfig `json:"config"`
	UpdatedAt    time.Time     `json:"updated_at"`
	CreatedAt    time.Time     `json:"created_at"`
	LastResponse struct {
		Code    *int    `json:"code"`
		Status  string  `json:"status"`
		Message *string `json:"message"`
	} `json:"last_response"`
	Repository string `json:"-"`

	sent []*gitDelivery // newest last, at most maxTaken
}

type gitHookConfig struct {
	URL         string `json:"url"`
	ContentType string `json:"content_type"`
	InsecureSSL string `json:"insecure_ssl"`
	Secret      string `json:"secret,omitempty"`
}

// A gitDelivery is one sending of an event to a hook.
type gitDelivery struct {
	ID          int64      `json:"id"`
	GUID        string     `json:"guid"`
	DeliveredAt time.Time  `json:"delivered_at"`
	Redelivery  bool       `json:"redelivery"`
	Duration    float64    `json:"duration"`
	Status      string     `json:"status"`
	StatusCode  int        `json:"status_code"`
	Event       string     `json:"event"`
	Action      *string    `json:"action"`
	ThrottledAt *time.Time `json:"throttled_at"`
	URL         string     `json:"url,omitempty"`
	Request     *gitSide   `json:"request,omitempty"`
	Response    *gitSide   `json:"response,omitempty"`
}

type gitSide struct {
	Headers map[string]string `json:"headers"`
	Payload any               `json:"payload"`
}

func (h *gitHook) wants(event string) bool {
	return h.Active && (slices.Contains(h.Events, "*") || slices.Contains(h.Events, event))
}

// maxHooks is how many hooks of a repository may want the same event.
const maxHooks = 20

func (g *gitHub) create(rw http.ResponseWriter, r *http.Request) {
	if !gitKnows(rw, r) {
		return
	}
	h := &gitHook{Type: "Repository", Name: "web", Active: true, Events: []string{"push"}, Repository: r.PathValue("owner") + "/" + r.PathValue("repo")}
	text, err := body(r)
	if err != nil || json.Unmarshal(text, h) != nil {
		gitRefuses(rw, 400, "Problems parsing JSON", "")
		return
	}
	u, err := url.Parse(h.Config.URL)
	switch {
	case h.Name != "web":
		gitRefuses(rw, 422, "Validation Failed", "name")
		return
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		gitRefuses(rw, 422, "Validation Failed", "url")
		return
	}
	if h.Config.ContentType != "json" {
		h.Config.ContentType = "form"
	}
	if h.Config.InsecureSSL == "" {
		h.Config.InsecureSSL = "0"
	}
	h.ID, h.CreatedAt = g.serials.next(), time.Now().UTC()
	h.UpdatedAt, h.LastResponse.Status = h.CreatedAt, "unused"
	if !g.keep(h) {
		gitRefuses(rw, 422, "The maximum number of webhooks for an event is 20", "events")
		return
	}
	g.ping(r.Context(), h)
	answer(rw, http.StatusCreated, g.shown(h))
}

// keep takes a hook in, unless there are as many for one of its events as may be.
func (g *gitHub) keep(h *gitHook) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, event := range h.Events {
		n := 0
		for _, other := range g.hooks {
			if other.Repository == h.Repository && slices.Contains(other.Events, event) {
				n++
			}
		}
		if n >= maxHooks {
			return false
		}
	}
	if len(g.hooks) >= maxTaken {
		return false
	}
	g.hooks = append(g.hooks, h)
	return true
}

// shown is a hook without its secret.
func (g *gitHub) shown(h *gitHook) gitHook {
	g.mu.Lock()
	defer g.mu.Unlock()
	shown := *h
	if shown.Config.Secret != "" {
		shown.Config.Secret = "********"
	}
	return shown
}

// gitKnows reports whether a request is by somebody and about something.
func gitKnows(rw http.ResponseWriter, r *http.Request) bool {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case token == "" || token == "unknown":
		gitRefuses(rw, 401, "Bad credentials", "")
	case r.PathValue("owner") == "nowhere":
		gitRefuses(rw, 404, "Not Found", "")
	default:
		return true
	}
	return false
}

func (g *gitHub) list(rw http.ResponseWriter, r *http.Request) {
	if !gitKnows(rw, r) {
		return
	}
	all := []gitHook{}
	g.mu.Lock()
	hooks := slices.Clone(g.hooks)
	g.mu.Unlock()
	for _, h := range hooks {
		if h.Repository == r.PathValue("owner")+"/"+r.PathValue("repo") {
			all = append(all, g.shown(h))
		}
	}
	answer(rw, http.StatusOK, all)
}

// of is a handler for what is about one hook.
func (g *gitHub) of(handle func(http.ResponseWriter, *http.Request, *gitHook)) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		if !gitKnows(rw, r) {
			return
		}
		g.mu.Lock()
		at := slices.IndexFunc(g.hooks, func(h *gitHook) bool {
			return strconv.FormatInt(h.ID, 10) == r.PathValue("hook") && h.Repository == r.PathValue("owner")+"/"+r.PathValue("repo")
		})
		var h *gitHook
		if at >= 0 {
			h = g.hooks[at]
		}
		g.mu.Unlock()
		if h == nil {
			gitRefuses(rw, 404, "Not Found", "")
			return
		}
		handle(rw, r, h)
	}
}

func gitRefuses(rw http.ResponseWriter, status int, message, field string) {
	said := map[string]any{"message": message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(status)}
	if field != "" {
		said["errors"] = []map[string]string{{"resource": "Hook", "field": field, "code": "custom"}}
	}
	answer(rw, status, said)
}

// signGitHub are the fields by which a body is known to be of who knows the secret.
func signGitHub(header http.Header, secret string, body []byte) {
	if secret == "" {
		return
	}
	old, mac := hmac.New(sha1.New, []byte(secret)), hmac.New(sha256.New, []byte(secret))
	old.Write(body)
	mac.Write(body)
	header.Set("X-Hub-Signature", "sha1="+hex.EncodeToString(old.Sum(nil)))
	header.Set("X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
}

func (g *gitHub) ping(ctx context.Context, h *gitHook) {
	g.deliver(ctx, h, "ping", map[string]any{"zen": "Keep it logically awesome.", "hook_id": h.ID, "hook": g.shown(h), "repository": repository(h.Repository)}, "")
}

func repository(name string) map[string]any {
	owner, repo, _ := strings.Cut(name, "/")
	return map[string]any{"id": 1, "name": repo, "full_name": name, "owner": map[string]any{"login": owner, "type": "User"}, "html_url": "https://github.com/" + name}
}
