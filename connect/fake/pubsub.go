package fake

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	maxPubsubRequest = 10 << 20
	pubsubAudience   = "https://pubsub.googleapis.com/"
)

// A googleError is one as Google's APIs have them.
type googleError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Status  string `json:"status"`
}

// pubsubTopics are the topics that answer with an error.
var pubsubTopics = map[string]googleError{
	"unknown": {404, "Resource not found (resource=unknown).", "NOT_FOUND"},
	"denied":  {403, "User not authorized to perform this action.", "PERMISSION_DENIED"},
	"limited": {429, "Quota exceeded for quota metric 'Regional publisher throughput'.", "RESOURCE_EXHAUSTED"},
	"broken":  {500, "Internal error encountered.", "INTERNAL"},
	"busy":    {503, "The service was unable to fulfill your request. Please try again.", "UNAVAILABLE"},
}

// A pubsubMessage is one that was published.
type pubsubMessage struct {
	MessageID   string            `json:"messageId"`
	Topic       string            `json:"topic"`
	Data        []byte            `json:"data"`
	Attributes  map[string]string `json:"attributes"`
	OrderingKey string            `json:"orderingKey,omitempty"`
}

// Pubsub takes what is published to topics as Google Cloud Pub/Sub does
// (https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.topics/publish), with
// tokens of the service account that has that key; nil: as the emulator does, without. The
// topics unknown, denied, limited, broken and busy are answered with Pub/Sub's errors.
func Pubsub(account *rsa.PublicKey) http.Handler {
	t := &taken{}
	var last atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/projects/{project}/topics/{action}", func(rw http.ResponseWriter, r *http.Request) {
		all, refused := pubsubPublishes(r, account)
		if refused != nil {
			answer(rw, refused.Code, map[string]*googleError{"error": refused})
			return
		}
		ids := make([]string, len(all))
		for i, m := range all {
			ids[i] = strconv.FormatInt(last.Add(1), 10)
			m.MessageID = ids[i]
			t.add(m)
		}
		answer(rw, http.StatusOK, map[string][]string{"messageIds": ids})
	})
	return t.shownBy(mux)
}

func pubsubPublishes(r *http.Request, account *rsa.PublicKey) ([]*pubsubMessage, *googleError) {
	topic, ok := strings.CutSuffix(r.PathValue("action"), ":publish")
	if !ok {
		return nil, &googleError{404, "Not found.", "NOT_FOUND"}
	}
	if account != nil && !googleToken(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), account) {
		return nil, &googleError{401, "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.", "UNAUTHENTICATED"}
	}
	if refused, ok := pubsubTopics[topic]; ok {
		return nil, &refused
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxPubsubRequest))
	if err != nil {
		return nil, &googleError{400, "Request payload size exceeds the limit: 10485760 bytes.", "INVALID_ARGUMENT"}
	}
	var asked struct{ Messages []*pubsubMessage }
	if json.Unmarshal(body, &asked) != nil {
		return nil, &googleError{400, "Invalid JSON payload received.", "INVALID_ARGUMENT"}
	}
	if len(asked.Messages) == 0 {
		return nil, &googleError{400, "The value for message_count is too small. You passed 0 in the request, but the minimum value is 1.", "INVALID_ARGUMENT"}
	}
	for _, m := range asked.Messages {
		m.Topic = "projects/" + r.PathValue("project") + "/topics/" + topic
		if len(m.Data) == 0 && len(m.Attributes) == 0 {
			return nil, &googleError{400, "One or more messages in the publish request is empty.", "INVALID_ARGUMENT"}
		}
		for name, value := range m.Attributes {
			if name == "" || len(name) > 256 || len(value) > 1024 || strings.HasPrefix(name, "goog") {
				return nil, &googleError{400, "A message attribute is invalid.", "INVALID_ARGUMENT"}
			}
		}
	}
	return asked.Messages, nil
}

// googleToken reports whether a service account has signed a token, for this service and
// this moment (https://google.aip.dev/auth/4111).
func googleToken(token string, account *rsa.PublicKey) bool {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	claims, errClaims := base64.RawURLEncoding.DecodeString(parts[1])
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err != nil || errClaims != nil || rsa.VerifyPKCS1v15(account, crypto.SHA256, sum[:], signature) != nil {
		return false
	}
	var said struct {
		Aud, Iss, Sub string
		Iat, Exp      int64
	}
	now := time.Now().Unix()
	return json.Unmarshal(claims, &said) == nil && said.Aud == pubsubAudience && said.Iss != "" && said.Iss == said.Sub && said.Iat <= now+60 && said.Exp > now
}
