package appsscript

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/appsscript"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/fake"
)

const secret = "sixteen or more, ünd more"

// told are the events that scripts are told when a message is sent through the connector
// with each of some members more in its config.
func told(t *testing.T, msg *fanfare.Message, more ...string) (events []string) {
	service := fake.AppsScript()
	way, _ := connecttest.Way(t, service)
	for _, members := range more {
		sink, err := appsscript.Connector().New([]byte(`{"url":"https://script.google.com/macros/s/x/exec","secret":"`+secret+`"`+members+`}`), way)
		if err != nil {
			t.Fatal(err)
		}
		if reply, err := sink.Send(t.Context(), msg); err != nil || reply.Class != fanfare.ClassSuccess {
			t.Fatalf("%+v, %v", reply, err)
		}
	}
	list := httptest.NewRecorder()
	service.ServeHTTP(list, httptest.NewRequest(http.MethodGet, "/fake/taken", nil))
	var all []json.RawMessage
	if err := json.Unmarshal(list.Body.Bytes(), &all); err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		events = append(events, string(e))
	}
	return events
}

// run is what the script makes of events, each an answer.
func run(t *testing.T, secret string, events ...string) (answers []string, rows [][]string) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("there is no node on this machine")
	}
	for _, name := range []string{"Code.gs", "stand-in.mjs"} { // so that go test knows what it tests
		if _, err := os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), node, "stand-in.mjs")
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+secret)
	cmd.Stdin = strings.NewReader("[" + strings.Join(events, ",") + "]")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var said struct {
		Answers []string
		Rows    [][]string
	}
	if err := json.Unmarshal(out, &said); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return said.Answers, said.Rows
}

// TestScript has the script told what the connector sends, and what somebody has changed
// on the way.
func TestScript(t *testing.T) {
	const payload = `{"name":"Bär ☃"}`
	msg := connecttest.Message("record.create", payload)
	events := told(t, msg, "", `,"signature":"body"`, `,"signature":"none"`)
	query, body := events[0], events[1]
	other := told(t, connecttest.Message("a.b", payload), `,"signature":"body"`)[0]
	const ok = `{"ok":true}`
	for name, c := range map[string]struct {
		event, want string
	}{
		"in the query":                  {query, ok},
		"in the body":                   {body, ok},
		"not at all":                    {events[2], `{"ok":false,"error":"it is not signed"}`},
		"in the query, a bit changed":   {strings.Replace(query, "Bär", "Bãr", 1), `{"ok":false,"error":"the signature is not by this secret"}`},
		"in the body, a bit changed":    {strings.Replace(body, "Bär", "Bãr", 1), `{"ok":false,"error":"the signature is not by this secret"}`},
		"in the query, of another time": {strings.Replace(query, `"whts":"1`, `"whts":"0`, 1), `{"ok":false,"error":"it was signed too long ago"}`},
		"of another message":            {strings.Replace(other, `msg_`, `msg_1`, 1), `{"ok":false,"error":"the signature is not by this secret"}`},
	} {
		answers, rows := run(t, secret, c.event)
		if answers[0] != c.want || (c.want == ok) != (len(rows) == 2) {
			t.Errorf("%s: %q, %q; want %s", name, answers, rows, c.want)
		}
	}
	answers, rows := run(t, secret, query, body, other, body)
	if strings.Join(answers, "") != ok+ok+ok+ok || len(rows) != 3 || rows[1][0] != string(msg.ID) || rows[1][3] != payload || rows[2][2] != "a.b" {
		t.Errorf("%q, %q; want each message once", answers, rows)
	}
	if answers, _ := run(t, "", query); !strings.Contains(answers[0], "set the script property WEBHOOK_SECRET") {
		t.Errorf("without a secret: %q", answers)
	}
	if answers, _ := run(t, secret+"x", query); !strings.Contains(answers[0], "not by this secret") {
		t.Errorf("with another secret: %q", answers)
	}
}
