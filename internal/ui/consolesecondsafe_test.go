package ui_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/ui"
)

// TestHostileTextInTheRestOfTheConsole puts each string wherever event types, sources,
// keys, settings and bins keep what people and senders say, and opens every page.
func TestHostileTextInTheRestOfTheConsole(t *testing.T) {
	t.Parallel()
	for i, evil := range hostile {
		w := newWorld(t, &ui.Options{Settings: []ui.Setting{{Name: evil, Value: evil, About: evil}}})
		_, page, hook := w.bin()
		said, err := json.Marshal(evil)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.hub.CreateEventType(t.Context(), &fanfare.EventType{
			Name: "hostile", Description: evil, GroupName: evil, Examples: []byte(`[` + string(said) + `]`), FeatureFlags: []string{strings.ReplaceAll(strings.Map(ascii, evil), ",", "")},
			Schemas: []byte(`{"1":{"type":"object","properties":{` + string(said) + `:{"type":"string"}}},"2":{"description":` + string(said) + `}}`),
		}); err != nil {
			t.Fatal(err)
		}
		src := &fanfare.Source{Application: w.app.ID, Name: evil, Description: evil, Profile: "none"}
		if err := w.hub.CreateSource(t.Context(), src); err != nil {
			t.Fatal(err)
		}
		session := &fanfare.Session{Application: w.app.ID, Label: strings.Map(ascii, evil), CreatedBy: evil, CreatedByName: evil}
		if _, err := w.hub.CreateSession(t.Context(), session, time.Hour); err != nil {
			t.Fatal(err)
		}
		w.hub.NoteRefusal(src, fanfare.Refusal{Reason: evil, Method: evil, Address: evil, ContentType: evil})
		k := &fanfare.Key{Name: evil, Scopes: []fanfare.Scope{fanfare.ScopePortal}}
		if _, err := w.hub.CreateKey(t.Context(), k); err != nil {
			t.Fatal(err)
		}
		if err := w.hub.Audit(t.Context(), &fanfare.AuditEntry{Actor: evil, Action: evil, Object: evil, Detail: evil, Address: evil, Fields: []string{evil}}); err != nil {
			t.Fatal(err)
		}
		w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = evil; ep.Paused = true })
		if _, err := w.hub.Send(t.Context(), "acme", "hostile", 1); err != nil {
			t.Fatal(err)
		}
		task := &fanfare.Task{Kind: fanfare.TaskBulkReplay, Application: w.app.ID, Selection: fanfare.Selection{Since: time.Now().Add(-time.Hour), Tag: evil, Channel: evil}}
		tasks := []string{}
		if err := w.hub.StartTask(t.Context(), task); err == nil { // not every text can be a tag
			tasks = append(tasks, "/task/"+string(task.ID))
		}
		r := httptest.NewRequest(http.MethodPost, hook+"?"+url.QueryEscape(evil)+"="+url.QueryEscape(evil), strings.NewReader(url.QueryEscape(evil)+"="+url.QueryEscape(evil)))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header["X-Evil"] = []string{evil}
		r.Header["Webhook-Event-Type"] = []string{evil}
		r.Header["Webhook-Signature"] = []string{evil}
		w.arrive(r)
		w.form(page+"/secret", "profile", "standard", "secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
		w.form(page+"/answer", "status", "200", "body", evil)
		r = httptest.NewRequest(http.MethodPost, hook, strings.NewReader(`{`+string(said)+`:`+string(said)+`}`))
		w.arrive(r)
		shown := 0
		for _, path := range append(tasks,
			"/catalogue", "/catalogue/type/hostile", "/catalogue/type/hostile/compare", "/catalogue/type/hostile/confirm", "/source", "/app/acme/source", "/app/acme/source/"+string(src.ID), "/app/acme/source/"+string(src.ID)+"/delete", "/app/acme/source/"+string(src.ID)+"/edit", "/app/acme", "/app/acme/link",
			"/key", "/key/"+string(k.ID)+"/revoke", "/audit", "/setting", "/queue", "/task", page, page+"?request=1",
		) {
			d := w.get(200, path)
			d.inert(t)
			if strings.Contains(d.words(), strings.Join(strings.Fields(evil), " ")) {
				shown++
			}
		}
		if shown < 10 {
			t.Errorf("%q is shown on %d pages only: the test does not test what it says", evil, shown)
		}
		if i%8 != 0 { // what follows depends on the templates and not on the text
			continue
		}
		for _, path := range []string{"/audit?actor=", "/audit?object=", "/task?status=", "/task/new?app=", page + "?search=", "/catalogue?at=", "/login?to=", "/catalogue?done="} {
			path += url.QueryEscape(evil)
			w.parse(w.send(httptest.NewRequest(http.MethodGet, path, nil)), path).inert(t)
		}
		w.post(422, "/catalogue/new", "name", evil+" ", "schema", evil, "examples", evil, "description", evil).inert(t)
		w.post(422, "/catalogue/import", "spec", evil).inert(t)
		w.post(422, "/task/new", "kind", "recover", "app", evil, "since", evil).inert(t)
		w.post(422, "/app/acme/source/new", "name", evil, "profile", evil).inert(t)
		w.post(422, "/app/acme/source/"+string(src.ID)+"/edit", "name", evil, "profile", evil, "hmac.algorithm", evil, "response.body", evil, "rateLimit", evil).inert(t)
		w.post(422, "/key", "name", evil, "scope", evil).inert(t)
		w.post(422, page+"/answer", "status", evil, "contentType", evil, "body", evil).inert(t)
		w.post(401, "/login", "key", evil, "to", evil).inert(t)
	}
}
