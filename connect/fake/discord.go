package fake

import (
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"
)

// discordErrors are answers of Discord, by the names of tokens that are given them
// (https://docs.discord.com/developers/topics/opcodes-and-status-codes).
var discordErrors = map[string]struct {
	status int
	body   map[string]any
}{
	"unknown-webhook":  {404, map[string]any{"message": "Unknown Webhook", "code": 10015}},
	"invalid-token":    {401, map[string]any{"message": "Invalid Webhook Token", "code": 50027}},
	"missing-access":   {403, map[string]any{"message": "Missing Access", "code": 50001}},
	"unknown-channel":  {404, map[string]any{"message": "Unknown Channel", "code": 10003}},
	"rate-limited":     {429, map[string]any{"message": "You are being rate limited.", "retry_after": 1.337, "global": false}},
	"server-error":     {500, map[string]any{"message": "500: Internal Server Error", "code": 0}},
	"thread-is-closed": {400, map[string]any{"message": "Thread is archived", "code": 50083}},
}

// Discord is the webhooks of Discord, under /api/webhooks/ with an id and a token
// (https://docs.discord.com/developers/resources/webhook#execute-webhook). A token that is
// the name of an error, such as unknown-webhook, is answered with it.
func Discord() http.Handler {
	t := &taken{}
	mux := http.NewServeMux()
	post := func(rw http.ResponseWriter, r *http.Request) {
		if e, ok := discordErrors[r.PathValue("token")]; ok {
			answer(rw, e.status, e.body)
			return
		}
		status, said, post := discordPost(r)
		switch {
		case post == nil:
			answer(rw, status, said)
		case r.URL.Query().Get("wait") == "true":
			t.add(post)
			answer(rw, http.StatusOK, post)
		default:
			t.add(post)
			rw.WriteHeader(http.StatusNoContent)
		}
	}
	mux.HandleFunc("POST /api/webhooks/{id}/{token}", post)
	mux.HandleFunc("POST /api/{version}/webhooks/{id}/{token}", post)
	mux.HandleFunc("/", func(rw http.ResponseWriter, _ *http.Request) {
		answer(rw, http.StatusNotFound, map[string]any{"message": "404: Not Found", "code": 0})
	})
	return t.shownBy(mux)
}

// discordPost is what a request posts, or else what Discord says to it.
func discordPost(r *http.Request) (status int, said any, post map[string]json.RawMessage) {
	text, err := body(r)
	if err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return http.StatusBadRequest, map[string]any{"message": "Expected \"Content-Type\" header to be one of {'application/json'}.", "code": 50035}, nil
	}
	var known struct {
		Content  string            `json:"content"`
		Username string            `json:"username"`
		Embeds   []json.RawMessage `json:"embeds"`
	}
	if json.Unmarshal(text, &post) != nil || post == nil || json.Unmarshal(text, &known) != nil {
		return http.StatusBadRequest, map[string]any{"message": "The request body contains invalid JSON.", "code": 50109}, nil
	}
	switch {
	case utf8.RuneCountInString(known.Content) > 2000:
		return http.StatusBadRequest, map[string]any{"content": []string{"Must be 2000 or fewer in length."}}, nil
	case utf8.RuneCountInString(known.Username) > 80:
		return http.StatusBadRequest, map[string]any{"username": []string{"Must be between 1 and 80 in length."}}, nil
	case len(known.Embeds) > 10:
		return http.StatusBadRequest, map[string]any{"embeds": []string{"Must be 10 or fewer in length."}}, nil
	case strings.TrimSpace(known.Content) == "" && len(known.Embeds) == 0:
		return http.StatusBadRequest, map[string]any{"message": "Cannot send an empty message", "code": 50006}, nil
	}
	return 0, nil, post
}
