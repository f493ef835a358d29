package fake

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A bulletError is an error as Pushbullet's API has it.
type bulletError struct {
	Type    string `json:"type"`
	Message string `json:"message"`
	Param   string `json:"param,omitempty"`
	Cat     string `json:"cat"`
}

// bulletTokens are the access tokens that are answered with an error.
var bulletTokens = map[string]struct {
	status int
	bulletError
}{
	"":            {401, bulletError{Type: "invalid_request", Message: "Access token is missing or invalid."}},
	"o.unknown":   {401, bulletError{Type: "invalid_access_token", Message: "Access token is missing or invalid."}},
	"o.forbidden": {403, bulletError{Type: "invalid_request", Message: "The access token is not valid for that request."}},
	"o.limited":   {429, bulletError{Type: "ratelimited", Message: "You have been ratelimited."}},
	"o.broken":    {500, bulletError{Type: "server", Message: "Internal server error."}},
	"o.busy":      {503, bulletError{Type: "server", Message: "Service unavailable."}},
}

// A bulletPush is one that was taken, as the API has it.
type bulletPush struct {
	Iden      string  `json:"iden"`
	GUID      string  `json:"guid,omitempty"`
	Active    bool    `json:"active"`
	Dismissed bool    `json:"dismissed"`
	Created   float64 `json:"created"`
	Modified  float64 `json:"modified"`
	Direction string  `json:"direction"`
	Type      string  `json:"type"`
	Title     string  `json:"title,omitempty"`
	Body      string  `json:"body,omitempty"`
	URL       string  `json:"url,omitempty"`
	Email     string  `json:"receiver_email,omitempty"`
	Device    string  `json:"target_device_iden,omitempty"`
	Channel   string  `json:"channel_tag,omitempty"`
}

// Pushbullet takes pushes as the API does (https://docs.pushbullet.com/#create-push):
// one of a GUID once. The access tokens o.unknown, o.forbidden, o.limited, o.broken and
// o.busy are answered with 401, 403, 429, 500 and 503; the device "nowhere" and the
// channel "nowhere" do not exist.
func Pushbullet() http.Handler {
	p := &pushes{byGUID: make(map[string]*bulletPush)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v2/pushes", p.create)
	mux.HandleFunc("/", func(rw http.ResponseWriter, _ *http.Request) {
		bulletRefuses(rw, 404, bulletError{Type: "invalid_request", Message: "The resource could not be found."})
	})
	return p.taken.shownBy(mux)
}

// pushes are those that were taken.
type pushes struct {
	taken taken

	mu     sync.Mutex
	byGUID map[string]*bulletPush // at most maxTaken
}

func (p *pushes) create(rw http.ResponseWriter, r *http.Request) {
	token := r.Header.Get("Access-Token")
	if token == "" {
		token = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	}
	reset := time.Now().Add(time.Minute).Unix()
	rw.Header().Set("X-Ratelimit-Limit", "32768")
	rw.Header().Set("X-Ratelimit-Remaining", "32767")
	rw.Header().Set("X-Ratelimit-Reset", strconv.FormatInt(reset, 10))
	if refused, ok := bulletTokens[token]; ok {
		if refused.status == http.StatusTooManyRequests {
			rw.Header().Set("X-Ratelimit-Remaining", "0")
		}
		bulletRefuses(rw, refused.status, refused.bulletError)
		return
	}
	var asked struct {
		Type, Title, Body, URL, Email, GUID string
		Device                              string `json:"device_iden"`
		Channel                             string `json:"channel_tag"`
	}
	text, err := body(r)
	if err != nil || json.Unmarshal(text, &asked) != nil {
		bulletRefuses(rw, 400, bulletError{Type: "invalid_request", Message: "Failed to parse JSON body."})
		return
	}
	switch {
	case asked.Type != "note" && asked.Type != "link":
		bulletRefuses(rw, 400, bulletError{Type: "invalid_param", Message: "The param 'type' has an invalid value.", Param: "type"})
		return
	case asked.Email != "" && !strings.Contains(asked.Email, "@"):
		bulletRefuses(rw, 400, bulletError{Type: "invalid_param", Message: "The param 'email' has an invalid value.", Param: "email"})
		return
	case asked.Device == "nowhere" || asked.Channel == "nowhere":
		bulletRefuses(rw, 404, bulletError{Type: "invalid_request", Message: "The resource could not be found."})
		return
	}
	now := float64(time.Now().UnixMicro()) / 1e6
	answer(rw, http.StatusOK, p.once(&bulletPush{
		Iden: "uj" + randomHex(8), GUID: asked.GUID, Active: true, Created: now, Modified: now, Direction: "self",
		Type: asked.Type, Title: asked.Title, Body: asked.Body, URL: asked.URL,
		Email: asked.Email, Device: asked.Device, Channel: asked.Channel,
	}))
}

// once takes a push, or finds the one that has its GUID.
func (p *pushes) once(one *bulletPush) *bulletPush {
	p.mu.Lock()
	defer p.mu.Unlock()
	if before := p.byGUID[one.GUID]; before != nil {
		return before
	}
	if len(p.byGUID) >= maxTaken {
		clear(p.byGUID)
	}
	if one.GUID != "" {
		p.byGUID[one.GUID] = one
	}
	p.taken.add(one)
	return one
}

func bulletRefuses(rw http.ResponseWriter, status int, e bulletError) {
	e.Cat = "(=^‥^=)"
	answer(rw, status, map[string]bulletError{"error": e})
}
