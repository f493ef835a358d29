package compat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// corpora is what corpora.mjs prints.
type corpora struct {
	JSON    []struct{ Name, Input string }
	Strings []string
}

func readCorpora(t *testing.T) *corpora {
	t.Helper()
	c := new(corpora)
	if err := json.Unmarshal(node(t, nil, "corpora.mjs"), c); err != nil {
		t.Fatal(err)
	}
	if len(c.JSON) < 300 || len(c.Strings) < 400 {
		t.Fatalf("%d texts and %d strings; there were more once", len(c.JSON), len(c.Strings))
	}
	return c
}

// ask makes a request whose answer may be anything but a fault of the server or a
// refusal that does not say why.
func (s *server) ask(t *testing.T, method, path string, body []byte) (status int, answer []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%s %.100q with %.100q: %v", method, path, body, err)
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var refusal struct{ Detail json.RawMessage }
	switch {
	case res.StatusCode >= 500:
		t.Errorf("%s %.100q with %.100q: %d: %s", method, path, body, res.StatusCode, answer)
	case res.StatusCode >= 400 && (json.Unmarshal(answer, &refusal) != nil || len(refusal.Detail) < 5 || len(answer) > 4<<10):
		t.Errorf("%s %.100q with %.100q: %d without a reason: %.300s", method, path, body, res.StatusCode, answer)
	}
	return res.StatusCode, answer
}

// TestJSONCorpus sends each text of a JSON parsing test suite as a payload, and as
// a whole body. Payloads that are JSON are kept byte for byte, whatever they are;
// others are refused.
func TestJSONCorpus(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.call(t, "POST", "/app", `{"uid":"acme","name":"Acme"}`, http.StatusCreated, nil)
	for _, c := range readCorpora(t).JSON {
		// Bytes that were not UTF-8 have been replaced by one character on the way.
		input := strings.ReplaceAll(c.Input, "\ufffd", "\xff")
		want := http.StatusAccepted
		if mustRefuse(c.Name, c.Input) {
			want = http.StatusBadRequest
		}
		body := `{"eventType":"suite.case","payload":` + input + `}`
		status, answer := s.ask(t, "POST", "/app/acme/msg?with_content=false", []byte(body))
		if status != want {
			t.Errorf("%s as a payload: %d, want %d: %s", c.Name, status, want, answer)
			continue
		}
		if status == http.StatusAccepted {
			s.keeps(t, c.Name, answer, strings.TrimSpace(input))
		}
		switch status, answer := s.ask(t, "POST", "/app", []byte(input)); {
		case mustRefuse(c.Name, c.Input) && status != http.StatusBadRequest, status/100 != 4:
			t.Errorf("%s as a body: %d: %s", c.Name, status, answer)
		}
	}
}

// mustRefuse says what is not JSON, or not as it must be: in UTF-8 without a mark,
// and not too deep. What the suite leaves open is accepted otherwise.
func mustRefuse(name, input string) bool {
	return strings.HasPrefix(name, "n_") || name == "i_structure_500_nested_arrays.json" ||
		strings.ContainsAny(input, "\ufffd\ufeff\x00")
}

// keeps sees that the message just answered has that payload.
func (s *server) keeps(t *testing.T, name string, created []byte, payload string) {
	t.Helper()
	var msg struct{ ID string }
	if err := json.Unmarshal(created, &msg); err != nil {
		t.Fatal(err)
	}
	_, answer := s.ask(t, "GET", "/app/acme/msg/"+msg.ID, nil)
	if !strings.Contains(string(answer), `"payload":`+payload+`,`) {
		t.Errorf("%s: kept as %s", name, answer)
	}
}

// TestNaughtyStrings puts each string of a list of those that have caused trouble
// wherever a text may stand. It is refused, or kept as it is.
func TestNaughtyStrings(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.call(t, "POST", "/app", `{"uid":"acme","name":"Acme"}`, http.StatusCreated, nil)
	s.call(t, "POST", "/app/acme/endpoint", `{"uid":"ep","url":"http://localhost:9000/","disabled":true}`, http.StatusCreated, nil)
	for i, text := range readCorpora(t).Strings {
		quoted, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct{ op, body, kept string }{
			{"PUT /app/acme", `{"uid":"acme","name":%s}`, "name"},
			{"PATCH /app/acme", `{"metadata":{"k":%s}}`, ""},
			{"PATCH /app/acme/endpoint/ep", `{"description":%s}`, "description"},
			{"PATCH /app/acme/endpoint/ep", `{"url":%s}`, "url"},
			{"PATCH /app/acme/endpoint/ep", `{"eventTypes":[%s]}`, ""},
			{"PATCH /app/acme/endpoint/ep/headers", `{"headers":{"X-Text":%s}}`, ""},
			{"POST /event-type", `{"name":%s,"description":"d"}`, "name"},
			{"POST /app/acme/msg", fmt.Sprintf(`{"eventType":"a.b","eventId":"e%d","payload":%%s}`, i), "payload"},
			{"POST /app/acme/msg", `{"eventType":"a.b","payload":1,"tags":[%s]}`, ""},
			{"POST /app/acme/msg", `{"eventType":"a.b","payload":1,"orderingKey":%s}`, "orderingKey"},
		} {
			method, path, _ := strings.Cut(c.op, " ")
			status, answer := s.ask(t, method, path, fmt.Appendf(nil, c.body, quoted))
			var out map[string]any
			if status/100 == 2 && c.kept != "" && text != "" && (json.Unmarshal(answer, &out) != nil || out[c.kept] != text) {
				t.Errorf("%s: %q is kept as %v", c.op, text, out[c.kept])
			}
		}
		for _, path := range []string{"/app/" + url.PathEscape(text), "/app/acme/msg?channel=" + url.QueryEscape(text), "/app/acme/msg?iterator=" + url.QueryEscape(text)} {
			s.ask(t, "GET", path, nil)
		}
	}
}
