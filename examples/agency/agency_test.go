package agency_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/examples/agency"
	"github.com/fanfarehq/fanfare/fanfaretest"
)

// A world is an agency, and a Hub that its events go through.
type world struct {
	t   *testing.T
	a   *agency.Agency
	hub *fanfaretest.Hub
	dir string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, hub: fanfaretest.New(t, nil), dir: t.TempDir()}
	var err error
	w.a, err = agency.New(t.Context(), agency.Options{Dir: w.dir, Hub: w.hub.Hub, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- w.a.Run(t.Context()) }()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := w.a.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// receiver is sent what an endpoint wants.
func (w *world) receiver(ep *fanfare.Endpoint) *fanfaretest.Receiver {
	w.t.Helper()
	return w.hub.NewReceiver(agency.DefaultOwner, ep)
}

// api asks the API, wants the status, and decodes the answer.
func (w *world) api(status int, method, path string, body any, header ...string) map[string]any {
	w.t.Helper()
	text, ok := body.(string)
	if !ok && body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			w.t.Fatal(err)
		}
		text = string(b)
	}
	r := httptest.NewRequest(method, path, strings.NewReader(text))
	r.Header.Set("X-ApiToken", w.a.Token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.a.ServeHTTP(rec, r)
	if rec.Code != status {
		w.t.Errorf("%s %s %s: answered %d %s, want %d", method, path, text, rec.Code, rec.Body, status)
	}
	var answer map[string]any
	json.Unmarshal(rec.Body.Bytes(), &answer) // 204 has none
	return answer
}

const form = "bea20000-0000-4000-8000-0000000000f0"

// form makes a form with a text, and two statuses.
func (w *world) form() {
	w.t.Helper()
	w.api(201, "POST", "/api/v2/forms.json", map[string]any{"form": map[string]any{
		"id": form, "name": "Beers", "elements": []any{
			map[string]any{"type": "TextField", "key": "a001", "label": "Name", "data_name": "name", "required": true},
			map[string]any{"type": "TextField", "key": "a002", "label": "ABV", "data_name": "abv", "numeric": true},
			map[string]any{"type": "YesNoField", "key": "a003", "label": "Good", "data_name": "good"},
			map[string]any{"type": "ChoiceField", "key": "a004", "label": "Type", "data_name": "type", "choices": []any{map[string]string{"label": "Ale", "value": "ale"}}},
			map[string]any{"type": "PhotoField", "key": "a005", "label": "Photo", "data_name": "photo"},
		}, "status_field": map[string]any{"choices": []any{map[string]string{"label": "New", "value": "new"}, map[string]string{"label": "Done", "value": "done"}}},
	}})
}

func (w *world) record(values map[string]any, more ...any) string {
	w.t.Helper()
	r := map[string]any{"form_id": form, "form_values": values}
	for i := 0; i < len(more); i += 2 {
		r[more[i].(string)] = more[i+1]
	}
	made := w.api(201, "POST", "/api/v2/records.json", map[string]any{"record": r})
	id, _ := made["record"].(map[string]any)["id"].(string)
	return id
}

type event struct {
	ID       string
	Type     string
	OwnerID  string `json:"owner_id"`
	Origin   string
	Data     map[string]any
	Previous map[string]any
}

func events(t *testing.T, got []fanfaretest.Request) []event {
	t.Helper()
	all := make([]event, len(got))
	for i, r := range got {
		if err := json.Unmarshal(r.Body, &all[i]); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestEveryChangeIsAnnounced(t *testing.T) {
	w := newWorld(t)
	rcv := w.receiver(&fanfare.Endpoint{Ordered: true})
	w.form()
	id := w.record(map[string]any{"a001": "Stout"}, "latitude", 27.77, "longitude", -82.64)
	w.api(200, "PUT", "/api/v2/records/"+id+".json", map[string]any{"record": map[string]any{"form_values": map[string]any{"a001": "Stout", "a002": "5.5"}}}, agency.HeaderOrigin, "abv")
	w.api(200, "PATCH", "/api/v2/records/"+id, `{"record":{"status":"done","assigned_to_id":"`+agency.Rangers[1].ID+`"}}`)
	w.api(200, "PATCH", "/api/v2/records/"+id, `{"record":{"status":"done"}}`) // which changes nothing
	list := w.api(201, "POST", "/api/v2/choice_lists.json", `{"choice_list":{"name":"L","choices":[{"label":"A","value":"a"}]}}`)["choice_list"].(map[string]any)["id"].(string)
	w.api(200, "PUT", "/api/v2/choice_lists/"+list+".json", `{"choice_list":{"name":"M","choices":[{"label":"A","value":"a"}]}}`)
	w.api(204, "DELETE", "/api/v2/choice_lists/"+list+".json", nil)
	set := w.api(201, "POST", "/api/v2/classification_sets.json", `{"classification_set":{"name":"S","items":[{"label":"A","value":"a"}]}}`)["classification_set"].(map[string]any)["id"].(string)
	w.api(200, "PATCH", "/api/v2/classification_sets/"+set, `{"classification_set":{"name":"T"}}`)
	w.api(204, "DELETE", "/api/v2/classification_sets/"+set, nil)
	w.api(200, "PATCH", "/api/v2/forms/"+form, `{"form":{"name":"Better beers"}}`)
	w.api(204, "DELETE", "/api/v2/forms/"+form+".json", nil)

	// The order is kept for each of them, not from one to the other.
	want := map[string][]string{
		"form":               {"create", "update", "delete"},
		"record":             {"create", "update", "update", "delete"},
		"choice_list":        {"create", "update", "delete"},
		"classification_set": {"create", "update", "delete"},
	}
	requests := rcv.WaitFor(13)
	heard, records := map[string][]string{}, []event{}
	for i, e := range events(t, requests) {
		kind, verb, _ := strings.Cut(e.Type, ".")
		heard[kind] = append(heard[kind], verb)
		if kind == "record" {
			records = append(records, e)
		}
		if requests[i].Type != e.Type || e.OwnerID != "bear-attacks" || e.ID == "" || e.Data["id"] == nil {
			t.Errorf("%s (%s) is of %s, id %q, with %v", e.Type, requests[i].Type, e.OwnerID, e.ID, e.Data)
		}
		if (e.Previous != nil) != (verb == "update") {
			t.Errorf("%s has previous %v", e.Type, e.Previous)
		}
	}
	if !maps.EqualFunc(heard, want, slices.Equal) {
		t.Fatalf("heard was %v, want %v", heard, want)
	}
	created, filled, assigned := records[0], records[1], records[2]
	if created.Data["status"] != "new" || created.Data["latitude"] != 27.77 || created.Data["created_by"] != "The office" || created.Data["version"] != 1.0 {
		t.Errorf("the record begins as %v", created.Data)
	}
	if filled.Origin != "abv" || filled.Data["version"] != 2.0 || fmt.Sprint(filled.Data["form_values"]) != "map[a001:Stout a002:5.5]" || fmt.Sprint(filled.Previous["form_values"]) != "map[a001:Stout]" {
		t.Errorf("the update is %+v", filled)
	}
	if assigned.Data["assigned_to"] != "Ranger South" || assigned.Data["assigned_to_email"] != "south@rangers.example" || assigned.Data["status"] != "done" || assigned.Previous["status"] != "new" || assigned.Previous["assigned_to_id"] != nil {
		t.Errorf("the assignment is %+v", assigned)
	}
}

func TestWhatChangedCanBeAskedFor(t *testing.T) {
	w := newWorld(t)
	w.form()
	urgent := w.receiver(&fanfare.Endpoint{EventTypes: []string{"record.*"}, Filter: `changed("status") && payload.data.status == "done"`})
	notAbv := w.receiver(&fanfare.Endpoint{EventTypes: []string{"record.update"}, Filter: `payload.origin != "abv"`, Ordered: true})
	id := w.record(map[string]any{"a001": "Stout"})
	w.api(200, "PATCH", "/api/v2/records/"+id, `{"record":{"status":"done"}}`)
	w.api(200, "PATCH", "/api/v2/records/"+id, `{"record":{"form_values":{"a002":"5"}}}`, agency.HeaderOrigin, "abv")
	w.api(200, "PATCH", "/api/v2/records/"+id, `{"record":{"form_values":{"a003":"yes"}}}`)
	if got := events(t, urgent.WaitFor(1)); got[0].Data["status"] != "done" {
		t.Errorf("the endpoint that asks for a change of status was sent %+v", got[0])
	}
	got := events(t, notAbv.WaitFor(2))
	if got[0].Origin != "" || got[1].Origin != "" {
		t.Errorf("what the program did itself came back: %+v", got)
	}
}

func TestTheEventExistsIfAndOnlyIfTheChangeDoes(t *testing.T) {
	w := newWorld(t)
	w.form()
	rcv := w.receiver(&fanfare.Endpoint{EventTypes: []string{"record.*"}})
	w.api(422, "POST", "/api/v2/records.json", `{"record":{"form_id":"`+form+`","form_values":{}}}`)
	w.hub.Settle()
	rcv.WantNone()

	// Without a place to put the event there must be no record either.
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.dir, "agency.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`CREATE TRIGGER full BEFORE INSERT ON fanfare_outbox BEGIN SELECT RAISE(ABORT, 'full'); END`); err != nil {
		t.Fatal(err)
	}
	w.api(500, "POST", "/api/v2/records.json", `{"record":{"form_id":"`+form+`","form_values":{"a001":"Lost"}}}`)
	if got := w.api(200, "GET", "/api/v2/records.json", nil); got["total_count"] != 0.0 {
		t.Errorf("there is a record that nobody hears of: %v", got)
	}
	if _, err := db.Exec(`DROP TRIGGER full`); err != nil {
		t.Fatal(err)
	}
	w.record(map[string]any{"a001": "Kept"})
	if got := events(t, rcv.WaitFor(1)); fmt.Sprint(got[0].Data["form_values"]) != "map[a001:Kept]" {
		t.Errorf("announced was %+v", got[0])
	}
}

func TestWhatTheAPIRefuses(t *testing.T) {
	w := newWorld(t)
	w.form()
	id := w.record(map[string]any{"a001": "Stout"})
	one := "/api/v2/records/" + id + ".json"
	for _, c := range []struct {
		status             int
		method, path, body string
		says               string
	}{
		{404, "GET", "/api/v2/records/nobody.json", "", "not found"},
		{404, "DELETE", "/api/v2/forms/nobody", "", "not found"},
		{404, "GET", "/api/v2/bears.json", "", "not found"},
		{400, "POST", "/api/v2/records.json", "{", "JSON"},
		{400, "POST", "/api/v2/records.json", `{"record":null}`, "JSON"},
		{400, "POST", "/api/v2/records.json", `{"record":{"latitude":"north"}}`, "JSON"},
		{413, "POST", "/api/v2/records.json", strings.Repeat(" ", 1<<20+1), "large"},
		{422, "GET", "/api/v2/records.json?per_page=0", "", "per_page"},
		{422, "POST", "/api/v2/records.json", `{"record":{}}`, "form_id"},
		{422, "POST", "/api/v2/records.json", `{"record":{"id":"` + id + `","form_id":"` + form + `","form_values":{"a001":"x"}}}`, "already been taken"},
		{422, "PATCH", one, `{"record":{"status":"lost"}}`, "status"},
		{422, "PATCH", one, `{"record":{"latitude":91,"longitude":0}}`, "latitude"},
		{422, "PATCH", one, `{"record":{"latitude":9}}`, "longitude"},
		{422, "PATCH", one, `{"record":{"assigned_to_id":"nobody"}}`, "assigned_to_id"},
		{422, "PATCH", one, `{"record":{"form_values":{"a001":" "}}}`, "a001"},
		{422, "PATCH", one, `{"record":{"form_values":{"a001":7}}}`, "a001"},
		{422, "PATCH", one, `{"record":{"form_values":{"a002":"strong"}}}`, "not a number"},
		{422, "PATCH", one, `{"record":{"form_values":{"a003":"maybe"}}}`, "a003"},
		{422, "PATCH", one, `{"record":{"form_values":{"a004":{"choice_values":["wine"]}}}}`, "not included"},
		{422, "PATCH", one, `{"record":{"form_values":{"a004":{"choice_values":[],"other_values":["cider"]}}}}`, "nothing else"},
		{422, "PATCH", one, `{"record":{"form_values":{"a005":[{"photo_id":"x"}]}}}`, "upload it first"},
		{422, "PATCH", one, `{"record":{"form_values":{"ffff":"x"}}}`, "no element"},
		{409, "PATCH", one, `{"record":{"version":7,"status":"done"}}`, "changed meanwhile"},
		{422, "POST", "/api/v2/forms.json", `{"form":{"name":" ","elements":[{"type":"Beer","key":"1"}]}}`, "is none of"},
		{422, "POST", "/api/v2/forms.json", `{"form":{"name":"F","elements":[{"type":"ClassificationField","key":"aaaa","label":"l","data_name":"d","classification_set_id":"x"}]}}`, "does not exist"},
		{422, "POST", "/api/v2/choice_lists.json", `{"choice_list":{"name":"F"}}`, "choices"},
		{422, "POST", "/api/v2/photos.json", "no image", "neither"},
	} {
		answer := w.api(c.status, c.method, c.path, c.body)
		if text, _ := json.Marshal(answer); !strings.Contains(string(text), c.says) {
			t.Errorf("%s %s %.80s: says %s, not %q", c.method, c.path, c.body, text, c.says)
		}
	}
	w.api(401, "GET", one, nil, "X-ApiToken", "wrong")
	w.api(401, "GET", "/api/v2/webhooks.json", nil, "X-ApiToken", "")
	w.api(508, "PATCH", one, `{"record":{"status":"done"}}`, fanfare.HeaderHops, fmt.Sprint(fanfare.MaxHops+1))
	w.api(422, "PATCH", one, `{"record":{"status":"done"}}`, fanfare.HeaderHops, "many")
	if got := w.api(200, "GET", one, nil)["record"].(map[string]any); got["version"] != 1.0 {
		t.Errorf("after all that was refused the record is %v", got)
	}
}

func TestPollersFindWhatIsNew(t *testing.T) {
	w := newWorld(t)
	w.form()
	var ids []string
	for _, name := range []string{"A", "B", "C"} {
		ids = append(ids, w.record(map[string]any{"a001": name}))
	}
	listed := func(query string) (got []string) {
		for _, r := range w.api(200, "GET", "/api/v2/records.json?"+query, nil)["records"].([]any) {
			got = append(got, r.(map[string]any)["id"].(string))
		}
		return got
	}
	back := slices.Clone(ids)
	slices.Reverse(back)
	for query, want := range map[string][]string{
		"": ids, "newest_first=true": back, "per_page=2": ids[:2], "per_page=2&page=2": ids[2:], "form_id=" + form: ids, "form_id=none": nil,
		fmt.Sprintf("updated_since=%d", time.Now().Unix()-60): ids, fmt.Sprintf("updated_since=%d", time.Now().Unix()+60): nil,
	} {
		if got := listed(query); !slices.Equal(got, want) {
			t.Errorf("?%s lists %v, want %v", query, got, want)
		}
	}
}

func TestWebhooksInTheWayOfFulcrum(t *testing.T) {
	w := newWorld(t)
	hook := func(a map[string]any) map[string]any { got, _ := a["webhook"].(map[string]any); return got }
	made := hook(w.api(201, "POST", "/api/v2/webhooks.json", `{"webhook":{"name":"Mine","url":"https://example.com/hooks","active":true}}`))
	one := "/api/v2/webhooks/" + made["id"].(string) + ".json"
	if got := hook(w.api(200, "GET", one, nil)); got["name"] != "Mine" || got["url"] != "https://example.com/hooks" || got["active"] != true {
		t.Errorf("it is %v", got)
	}
	app, err := w.hub.ApplicationID(t.Context(), agency.DefaultOwner)
	if err != nil {
		t.Fatal(err)
	}
	ep, err := w.hub.Endpoint(t.Context(), app, made["id"].(string))
	if err != nil || ep.Retry.Preset != "fulcrum" || ep.Success.Preset != "fulcrum" || ep.OnPause != fanfare.OnPauseCancel || ep.Timeout != 20*time.Second {
		t.Errorf("its endpoint is %+v, %v", ep, err)
	}
	if got := hook(w.api(200, "PUT", one, `{"webhook":{"active":false}}`)); got["active"] != false || got["name"] != "Mine" {
		t.Errorf("inactive, it is %v", got)
	}
	if text, _ := json.Marshal(w.api(422, "POST", "/api/v2/webhooks.json", `{"webhook":{"name":"No URL"}}`)); string(text) != `{"webhook":{"errors":{"url":["can't be blank"]}}}` {
		t.Errorf("without a URL it says %s", text)
	}
	w.api(422, "POST", "/api/v2/webhooks.json", `{"webhook":{"name":"N","url":"gopher://x"}}`)
	for n := range 10 {
		w.api(201, "POST", "/api/v2/webhooks.json", fmt.Sprintf(`{"webhook":{"name":"N","url":"https://example.com/%d"}}`, n))
	}
	w.api(422, "PUT", one, `{"webhook":{"active":true}}`)
	w.api(422, "POST", "/api/v2/webhooks.json", `{"webhook":{"name":"N","url":"https://example.com/11"}}`)
	w.api(201, "POST", "/api/v2/webhooks.json", `{"webhook":{"name":"N","url":"https://example.com/11","active":false}}`)
	w.api(204, "DELETE", one, nil)
	w.api(404, "GET", one, nil)
	if all := w.api(200, "GET", "/api/v2/webhooks.json", nil)["webhooks"].([]any); len(all) != 11 {
		t.Errorf("there are %d webhooks, want 11", len(all))
	}
}
