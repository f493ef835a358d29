package fake

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// An ntfyError is an error as ntfy has it.
type ntfyError struct {
	Code   int    `json:"code"`
	Status int    `json:"http"`
	Error  string `json:"error"`
	Link   string `json:"link,omitempty"`
}

const (
	ntfyAuth   = "https://ntfy.sh/docs/publish/#authentication"
	ntfyLimits = "https://ntfy.sh/docs/publish/#limitations"
)

// ntfyTopics are the topics that are answered with an error.
var ntfyTopics = map[string]ntfyError{
	"unauthorized": {40101, 401, "unauthorized", ntfyAuth},
	"forbidden":    {40301, 403, "forbidden", ntfyAuth},
	"docs":         {40010, 400, "invalid request: topic name is disallowed", ""},
	"bandwidth":    {41301, 413, "attachment too large, or bandwidth limit reached", ntfyLimits},
	"limited":      {42901, 429, "limit reached: too many requests, please be nice", ntfyLimits},
	"daily":        {42908, 429, "limit reached: too many messages", ntfyLimits},
	"broken":       {50001, 500, "internal server error", ""},
}

var ntfyTopic = regexp.MustCompile(`^[-_A-Za-z0-9]{1,64}$`)

// An ntfyMessage is one that was published, as ntfy has it.
type ntfyMessage struct {
	ID       string   `json:"id"`
	Sequence string   `json:"sequence_id,omitempty"`
	Time     int64    `json:"time"`
	Expires  int64    `json:"expires"`
	Event    string   `json:"event"`
	Topic    string   `json:"topic"`
	Title    string   `json:"title,omitempty"`
	Message  string   `json:"message"`
	Priority int      `json:"priority,omitempty"`
	Tags     []string `json:"tags,omitempty"`
	Click    string   `json:"click,omitempty"`
	Type     string   `json:"content_type,omitempty"`
}

// Ntfy takes what is published as JSON (https://docs.ntfy.sh/publish/#publish-as-json).
// The topics unauthorized, forbidden, docs, bandwidth, limited, daily and broken are
// answered with ntfy's errors; it takes no attachments, and has no other access control.
func Ntfy() http.Handler {
	t := &taken{}
	mux := http.NewServeMux()
	publish := func(rw http.ResponseWriter, r *http.Request) {
		m, refused := ntfyPublishes(r)
		if refused != nil {
			answer(rw, refused.Status, refused)
			return
		}
		t.add(m)
		answer(rw, http.StatusOK, m)
	}
	mux.HandleFunc("POST /{$}", publish)
	mux.HandleFunc("PUT /{$}", publish)
	mux.HandleFunc("/", func(rw http.ResponseWriter, _ *http.Request) {
		answer(rw, http.StatusNotFound, ntfyError{40401, 404, "page not found", ""})
	})
	return t.shownBy(mux)
}

func ntfyPublishes(r *http.Request) (*ntfyMessage, *ntfyError) {
	var asked struct {
		Topic, Title, Message, Click string
		Priority                     int
		Tags                         []string
		Markdown                     bool
		Sequence                     string `json:"sequence_id"`
	}
	text, err := body(r)
	if err != nil {
		return nil, &ntfyError{41303, 413, "JSON body too large", ""}
	}
	if json.Unmarshal(text, &asked) != nil {
		return nil, &ntfyError{40024, 400, "invalid request: request body must be valid JSON", ""}
	}
	if refused, ok := ntfyTopics[asked.Topic]; ok {
		return nil, &refused
	}
	switch {
	case !ntfyTopic.MatchString(asked.Topic):
		return nil, &ntfyError{40009, 400, "invalid request: topic invalid", ""}
	case asked.Priority < 0 || asked.Priority > 5:
		return nil, &ntfyError{40007, 400, "invalid priority parameter", "https://ntfy.sh/docs/publish/#message-priority"}
	case len(asked.Message) > 4096:
		return nil, &ntfyError{40014, 400, "invalid request: attachments not allowed", "https://ntfy.sh/docs/config/#attachments"}
	}
	if strings.TrimSpace(asked.Message) == "" {
		asked.Message = "triggered"
	}
	now := time.Now()
	m := &ntfyMessage{
		ID: randomHex(6), Sequence: asked.Sequence, Time: now.Unix(), Expires: now.Add(12 * time.Hour).Unix(), Event: "message",
		Topic: asked.Topic, Title: asked.Title, Message: asked.Message, Priority: asked.Priority, Tags: asked.Tags, Click: asked.Click,
	}
	if asked.Markdown {
		m.Type = "text/markdown"
	}
	return m, nil
}
