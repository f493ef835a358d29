package fake

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// slackErrors are the statuses of Slack's errors, by their body.
var slackErrors = map[string]int{
	"invalid_payload": 400, "user_not_found": 400, "no_text": 400, "too_many_attachments": 400, "invalid_blocks": 400,
	"action_prohibited": 403, "posting_to_general_channel_denied": 403, "invalid_token": 403,
	"channel_not_found": 404, "no_service": 404, "no_team": 404,
	"channel_is_archived": 410,
	"rate_limited":        429,
	"rollup_error":        500,
}

// Slack is a workspace's incoming webhooks, under /services/T…/B…/ and a token
// (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks). A token
// that is the name of an error, such as no_service, is answered with it.
func Slack() http.Handler {
	t := &taken{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /services/{team}/{service}/{token}", func(rw http.ResponseWriter, r *http.Request) {
		said, post := slackPost(r)
		if said == "ok" {
			t.add(post)
		}
		rw.Header().Set("Content-Type", "text/html")
		if said == "rate_limited" {
			rw.Header().Set("Retry-After", "30")
		}
		if status := slackErrors[said]; status != 0 {
			rw.WriteHeader(status)
		}
		_, _ = rw.Write([]byte(said))
	})
	mux.HandleFunc("/", func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(http.StatusNotFound)
		_, _ = rw.Write([]byte("no_team"))
	})
	return t.shownBy(mux)
}

// slackPost is what Slack says to a request, and what it posts.
func slackPost(r *http.Request) (said string, post map[string]json.RawMessage) {
	if token := r.PathValue("token"); slackErrors[token] != 0 {
		return token, nil
	}
	text, err := body(r)
	if form, ok := strings.CutPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"); err == nil && ok && form == "" {
		values, bad := url.ParseQuery(string(text))
		text, err = []byte(values.Get("payload")), bad
	}
	if err != nil || json.Unmarshal(text, &post) != nil || post == nil {
		return "invalid_payload", nil
	}
	var line string
	if raw := post["text"]; raw != nil && json.Unmarshal(raw, &line) != nil {
		return "invalid_payload", nil
	}
	var attachments, blocks []map[string]json.RawMessage
	if raw := post["attachments"]; raw != nil && json.Unmarshal(raw, &attachments) != nil {
		return "invalid_payload", nil
	}
	if raw := post["blocks"]; raw != nil && json.Unmarshal(raw, &blocks) != nil {
		return "invalid_payload", nil
	}
	switch {
	case len(attachments) > 100:
		return "too_many_attachments", nil
	case len(blocks) > 50 || !allHave(blocks, "type"):
		return "invalid_blocks", nil
	case strings.TrimSpace(line) == "" && len(attachments)+len(blocks) == 0:
		return "no_text", nil
	}
	return "ok", post
}

func allHave(objects []map[string]json.RawMessage, name string) bool {
	for _, o := range objects {
		if o[name] == nil {
			return false
		}
	}
	return true
}
