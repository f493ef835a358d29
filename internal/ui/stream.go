package ui

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// follow passes on the API's stream of attempts, of each what pages need: which message
// and endpoint it is of. What was answered they read when they show it.
func follow(v *visit) error { return v.follow(v.of("events", "stream")) }

func (v *visit) follow(path string) error {
	r, err := v.request(http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	if id := v.r.Header["Last-Event-Id"]; len(id) == 1 {
		r.Header["Last-Event-Id"] = id
	}
	v.api.ServeHTTP(&news{ResponseWriter: v.w}, r)
	return nil
}

// news writes events without the most of their data. The API writes whole events.
type news struct {
	http.ResponseWriter
	refused bool
}

// Unwrap lets http.ResponseController reach the connection.
func (n *news) Unwrap() http.ResponseWriter { return n.ResponseWriter }

func (n *news) WriteHeader(status int) {
	n.refused = status != http.StatusOK
	n.ResponseWriter.WriteHeader(status)
}

func (n *news) Write(text []byte) (int, error) {
	if n.refused {
		return n.ResponseWriter.Write(text)
	}
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		data, ok := bytes.CutPrefix(line, []byte("data: "))
		if !ok {
			out.Write(line)
			continue
		}
		var of struct {
			MsgID      string `json:"msgId"`
			EndpointID string `json:"endpointId"`
		}
		if err := json.Unmarshal(data, &of); err != nil {
			return 0, err
		}
		short, err := json.Marshal(of)
		if err != nil {
			return 0, err
		}
		out.WriteString("data: ")
		out.Write(append(short, '\n'))
	}
	if _, err := n.ResponseWriter.Write(out.Bytes()); err != nil {
		return 0, err
	}
	return len(text), nil
}
