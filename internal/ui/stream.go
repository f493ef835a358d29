package ui

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// attempts is the API's path of the stream of attempts that the visit's pages are about.
func (v *visit) attempts() string {
	if v.app == "" {
		return "/events/stream"
	}
	return v.of("events", "stream")
}

// mark notes how far the stream has come before a page is read. The page goes on from there,
// so that it misses nothing that comes while it is read and shown.
func (v *visit) mark() {
	if !v.stream || v.r.Method != http.MethodGet || strings.HasSuffix(v.r.URL.Path, "/stream") {
		return
	}
	r, err := v.request(http.MethodHead, v.attempts(), nil, nil)
	if err != nil {
		return
	}
	if header, err := v.answered(r, nil); err == nil {
		v.place = header.Get("Last-Event-Id")
	}
}

// lastEvent is the parameter by which a page says where it goes on.
const lastEvent = "last_event_id"

// follow passes on the API's stream of attempts, of each what pages need: which message
// and endpoint it is of. What was answered they read when they show it.
func follow(v *visit) error {
	query := url.Values{}
	if at := v.asked(lastEvent); at != "" {
		query.Set(lastEvent, at)
	}
	r, err := v.request(http.MethodGet, v.attempts(), query, nil)
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
