package fake

import (
	"encoding/json"
	"net/http"
)

// teamsErrors are answers of a workflow's trigger, by the ids of workflows that give
// them.
var teamsErrors = map[string]struct {
	status     int
	code, text string
}{
	"unauthorized": {401, "DirectApiAuthorizationRequired", "The request must be authenticated only by Shared Access scheme."},
	"not-found":    {404, "WorkflowNotFound", "The workflow 'not-found' could not be found."},
	"turned-off":   {400, "WorkflowTriggerIsNotEnabled", "Could not execute workflow trigger 'manual' because the workflow's state is 'Disabled'."},
	"throttled":    {429, "TooManyRequests", "Rate limit is exceeded. Try again in 10 seconds."},
	"no-response":  {502, "NoResponse", "The server did not receive a response from an upstream server."},
}

// Teams is workflows that begin with "When a Teams webhook request is received", under
// /workflows/, an id and /triggers/manual/paths/invoke. An id that is the name of an
// error, such as turned-off, is answered with it, and the id connector as the connectors
// that came before workflows did when they failed.
func Teams() http.Handler {
	t := &taken{}
	mux := http.NewServeMux()
	refuse := func(rw http.ResponseWriter, status int, code, text string) {
		answer(rw, status, map[string]any{"error": map[string]string{"code": code, "message": text}})
	}
	mux.HandleFunc("POST /workflows/{id}/triggers/manual/paths/invoke", func(rw http.ResponseWriter, r *http.Request) {
		text, err := body(r)
		e, fails := teamsErrors[r.PathValue("id")]
		switch {
		case fails:
			if e.status == http.StatusTooManyRequests {
				rw.Header().Set("Retry-After", "10")
			}
			refuse(rw, e.status, e.code, e.text)
		case r.PathValue("id") == "connector":
			_, _ = rw.Write([]byte("Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with ContextId tcid=0."))
		case r.URL.Query().Get("sig") == "":
			e = teamsErrors["unauthorized"]
			refuse(rw, e.status, e.code, e.text)
		case err != nil || len(text) > 28<<10:
			refuse(rw, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The request content is larger than what can be posted.")
		case !isCardPost(text):
			refuse(rw, http.StatusBadRequest, "TriggerInputSchemaMismatch", "The input body for trigger 'manual' of type 'Request' did not match its schema definition.")
		default:
			t.add(json.RawMessage(text))
			rw.WriteHeader(http.StatusAccepted)
		}
	})
	mux.HandleFunc("/", func(rw http.ResponseWriter, _ *http.Request) {
		refuse(rw, http.StatusNotFound, "ResourceNotFound", "The requested resource does not exist.")
	})
	return t.shownBy(mux)
}

// isCardPost reports whether text is a message with Adaptive Cards in it.
func isCardPost(text []byte) bool {
	var post struct {
		Type        string
		Attachments []struct {
			ContentType string
			Content     struct {
				Type    string
				Version string
				Body    []json.RawMessage
			}
		}
	}
	if json.Unmarshal(text, &post) != nil || post.Type != "message" || len(post.Attachments) == 0 {
		return false
	}
	for _, a := range post.Attachments {
		if a.ContentType != "application/vnd.microsoft.card.adaptive" || a.Content.Type != "AdaptiveCard" || a.Content.Version == "" || len(a.Content.Body) == 0 {
			return false
		}
	}
	return true
}
