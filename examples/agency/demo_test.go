package agency

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/examples/stage"
)

func TestDemo(t *testing.T) {
	var out bytes.Buffer
	if err := Demo().Perform(t.Context(), &stage.Options{Once: true}, &out, false); err != nil {
		t.Fatal(err)
	}
	want := `4 webhooks came: record.create, record.update, record.update, record.delete
A mail came to manager@agency.example: A report needs immediate attention
A push came to north@rangers.example: A bear took a picnic basket.
The table had the report: assigned, Ranger North. Now it has 0.
`
	if out.String() != want {
		t.Errorf("it prints %q, want %q", out.String(), want)
	}
}

// A demonstration is the demo as people play it.
type demonstration struct {
	t     *testing.T
	words *lines
	at    string // of the agency
	came  string // of the page with what came of it
	token string
	api   string // Fanfare's
}

// lines are what a demo says.
type lines struct{ came chan string }

func (l *lines) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		l.came <- strings.TrimSpace(line)
	}
	return len(p), nil
}

// says waits until the demo says something.
func (d *demonstration) says(pattern string) []string {
	d.t.Helper()
	re := regexp.MustCompile(pattern)
	for {
		select {
		case line := <-d.words.came:
			if found := re.FindStringSubmatch(line); found != nil {
				return found
			}
		case <-time.After(time.Minute):
			d.t.Fatalf("it does not say %s", pattern)
		}
	}
}

func played(t *testing.T) *demonstration {
	t.Helper()
	d := &demonstration{t: t, words: &lines{make(chan string, 1000)}}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Demo().Perform(ctx, &stage.Options{Words: d.words}, io.Discard, false) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	d.at = d.says(`^The agency is at   (http://127\.0\.0\.1:\d+)/$`)[1]
	d.came = d.says(`^What came of it    (http://127\.0\.0\.1:\d+)/$`)[1]
	d.token = d.says(`X-ApiToken: ([-0-9a-f]+)\)$`)[1]
	d.api = d.says(`^Fanfare's API is   (http://\S+)`)[1]
	return d
}

// page asks for something, and wants it to be there.
func (d *demonstration) page(address, key string) (string, http.Header) {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, address, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := client.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		d.t.Errorf("%s is answered %s %s (%v)", address, resp.Status, text, err)
	}
	return string(text), resp.Header
}

func (d *demonstration) file(method, path string, record any) {
	d.t.Helper()
	resp, err := Ask(d.t.Context(), method, d.at+path, d.token, map[string]any{"record": record})
	if err != nil {
		d.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode >= 300 {
		d.t.Errorf("%s %s is answered %s", method, path, resp.Status)
	}
}

// Each change is told where it goes, as it comes, and shown on a page.
func TestWhatComesOfAReport(t *testing.T) {
	d := played(t)
	const id = "bea20000-0000-4000-8000-0000000000aa"
	d.file("POST", "/api/v2/records.json", map[string]any{"id": id, "form_id": BearAttackForm, "form_values": map[string]any{KeyWhat: "A <bear> took a tent."}})
	d.says(`^→ the table: success  upsert reports id=` + id + `$`)
	d.file("PATCH", "/api/v2/records/"+id, map[string]any{"status": StatusUrgent})
	d.says(`^→ the manager's mailbox: success`)
	d.file("PATCH", "/api/v2/records/"+id, map[string]any{"assigned_to_id": Rangers[2].ID})
	d.says(`^→ a ranger's telephone: success`)
	// What has been urgent and assigned before is not told again.
	d.file("PATCH", "/api/v2/records/"+id, map[string]any{"latitude": 1, "longitude": 2})
	d.says(`^record.update .*"version":4`)
	d.says(`^→ the table: success  upsert`)
	text, _ := d.page(d.came+"/", "")
	for what, n := range map[string]int{"<td>" + ManagerAddress + "</td>": 1, "<td>east@rangers.example</td><td>Dispatch</td><td>A &lt;bear&gt; took a tent.</td>": 1, "<td>" + id + "</td>": 1, d.at + "/records/" + id: 1} {
		if got := strings.Count(text, what); got != n {
			t.Errorf("the page has %s %d times, want %d: %s", what, got, n, text)
		}
	}
	d.file("DELETE", "/api/v2/records/"+id, nil)
	d.says(`^→ the table: success  delete reports id=` + id + `$`)
}

// The link on the agency's page opens a page of the customer's own, and its key the part
// of the API that is the customer's.
func TestThePortalIsWhereItsLinkLeads(t *testing.T) {
	d := played(t)
	if home, _ := d.page(d.at+"/", ""); !strings.Contains(home, `<form method="post" action="/portal">`) {
		t.Errorf("the page has no link to the portal: %s", home)
	}
	noFollow := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := noFollow.Post(d.at+"/portal", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	link, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || resp.StatusCode != http.StatusSeeOther {
		t.Fatalf("it is answered %s, %v", resp.Status, err)
	}
	key, _ := strings.CutPrefix(link.Fragment, "key=")
	link.Fragment = ""
	d.page(link.String(), "")
	// What the page reads.
	var endpoints struct {
		Data []struct{ ID, Description, URL string }
	}
	text, _ := d.page(d.api+"/app/"+DefaultOwner+"/endpoint?limit=50", key)
	if err := json.Unmarshal([]byte(text), &endpoints); err != nil || len(endpoints.Data) != 4 {
		t.Fatalf("it shows %s, %v", text, err)
	}
	for _, e := range endpoints.Data {
		d.page(d.api+"/app/"+DefaultOwner+"/attempt/endpoint/"+e.ID+"?limit=20", key)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.api+"/app", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err = client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("the customer's key lists all customers: %s", resp.Status)
	}
}
