package agency

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

//go:embed pages.html
var pagesText string

var pages = template.Must(template.New("pages").Funcs(template.FuncMap{
	"when": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") },
}).Parse(pagesText))

// routePages are the pages, for whoever reaches them: there is no login.
func (a *Agency) routePages() {
	on := func(pattern string, serve func(w http.ResponseWriter, r *http.Request) error) {
		a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxPhoto+maxBody)
			if err := serve(w, r); err != nil {
				a.excuse(w, r, err)
			}
		})
	}
	on("GET /{$}", func(w http.ResponseWriter, r *http.Request) error { return a.home(w, r, nil, "", "") })
	on("POST /webhooks", a.subscribed)
	on("POST /portal", a.toPortal)
	on("GET /forms/{id}", func(w http.ResponseWriter, r *http.Request) error {
		return a.formPage(w, r, &Record{}, nil)
	})
	on("POST /forms/{id}", a.filed)
	on("GET /records/{id}", func(w http.ResponseWriter, r *http.Request) error { return a.recordPage(w, r, nil) })
	on("POST /records/{id}", a.seenTo)
	on("POST /records/{id}/delete", a.dropped)
	on("GET /photos/{id}", a.photographed)
}

// excuse tells people what went wrong, in words.
func (a *Agency) excuse(w http.ResponseWriter, r *http.Request, err error) {
	var long *http.MaxBytesError
	switch {
	case errors.Is(err, ErrNotFound):
		http.Error(w, "That is not here, or not any more.", http.StatusNotFound)
	case errors.Is(err, ErrConflict):
		http.Error(w, "Somebody has changed it meanwhile: go back, and look at it again.", http.StatusConflict)
	case errors.As(err, &long):
		http.Error(w, "That is too much: a photo may have 1 MiB.", http.StatusRequestEntityTooLarge)
	default:
		a.log.Error("a page failed", "path", r.URL.Path, "error", err)
		http.Error(w, "Something went wrong here. Try again.", http.StatusInternalServerError)
	}
}

// render writes a page once it is known to be whole.
func render(w http.ResponseWriter, status int, name string, data any) error {
	var page bytes.Buffer
	if err := pages.ExecuteTemplate(&page, name, data); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(page.Bytes()) // who does not read it, does not
	return nil
}

// told are the problems that err is; nil, and err, if it is something else.
func told(err error) (map[string][]string, error) {
	var invalid *InvalidError
	if errors.As(err, &invalid) {
		return invalid.Errors, nil
	}
	return nil, err
}

// statusFor is of a page that tells problems, if there are any.
func statusFor(problems map[string][]string) int {
	if len(problems) > 0 {
		return http.StatusUnprocessableEntity
	}
	return http.StatusOK
}

func (a *Agency) home(w http.ResponseWriter, r *http.Request, problems map[string][]string, name, url string) error {
	forms, err := a.Forms(r.Context())
	if err != nil {
		return err
	}
	records, err := a.Records(r.Context(), Filter{NewestFirst: true, Limit: 20})
	if err != nil {
		return err
	}
	hooks, err := a.webhooks(r.Context())
	if err != nil {
		return err
	}
	return render(w, statusFor(problems), "home", map[string]any{
		"Forms": forms, "Records": records, "Webhooks": hooks, "Portal": a.portal != nil,
		"Problems": problems, "Name": name, "URL": url,
	})
}

func (a *Agency) subscribed(w http.ResponseWriter, r *http.Request) error {
	name, url := r.PostFormValue("name"), r.PostFormValue("url")
	_, err := a.AddWebhook(r.Context(), name, url, true)
	problems, err := told(err)
	if err != nil {
		return err
	}
	if problems != nil {
		return a.home(w, r, problems, name, url)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

func (a *Agency) toPortal(w http.ResponseWriter, r *http.Request) error {
	if a.portal == nil {
		return ErrNotFound
	}
	link, err := a.portal(r.Context())
	if err != nil {
		return err
	}
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, link, http.StatusSeeOther)
	return nil
}

// A field is an element of a form, as the page asks for it.
type field struct {
	Element
	Options []Choice
	Value   string
}

func (a *Agency) fields(ctx context.Context, f *Form, rec *Record) ([]field, error) {
	all := make([]field, len(f.Elements))
	for i, e := range f.Elements {
		all[i] = field{Element: e, Value: rec.Said(e.Key)}
		if e.Type != ChoiceField && e.Type != ClassificationField {
			continue
		}
		choices, err := e.choices(ctx, a.db)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		all[i].Options = choices
	}
	return all, nil
}

// Said is the value of an element as people read it; "" for photos.
func (r *Record) Said(key string) string {
	if text := r.Text(key); text != "" {
		return text
	}
	var chosen Chosen
	json.Unmarshal(r.FormValues[key], &chosen) // what is something else has none
	return strings.Join(slices.Concat(chosen.Choices, chosen.Others), pathMark)
}

// Photos are those of the value of an element.
func (r *Record) Photos(key string) []PhotoValue {
	var photos []PhotoValue
	json.Unmarshal(r.FormValues[key], &photos) // what is something else has none
	return photos
}

// formPage asks for a report, and shows the newest ones.
func (a *Agency) formPage(w http.ResponseWriter, r *http.Request, typed *Record, problems map[string][]string) error {
	f := formKind.withID(r.PathValue("id")).(*Form)
	if err := a.Read(r.Context(), f); err != nil {
		return err
	}
	records, err := a.Records(r.Context(), Filter{Form: f.ID, NewestFirst: true, Limit: 50})
	if err != nil {
		return err
	}
	fields, err := a.fields(r.Context(), f, typed)
	if err != nil {
		return err
	}
	return render(w, statusFor(problems), "form", map[string]any{
		"Form": f, "Fields": fields, "Records": records, "Problems": problems, "Members": a.members,
		"Latitude": r.PostFormValue("latitude"), "Longitude": r.PostFormValue("longitude"),
	})
}

// filed takes a report that the page has asked for.
func (a *Agency) filed(w http.ResponseWriter, r *http.Request) error {
	f := formKind.withID(r.PathValue("id")).(*Form)
	if err := a.Read(r.Context(), f); err != nil {
		return err
	}
	rec, err := a.typed(r, f)
	if err == nil {
		err = a.Create(r.Context(), Cause{By: r.PostFormValue("by")}, rec)
	}
	problems, err := told(err)
	if err != nil {
		return err
	}
	if problems != nil {
		return a.formPage(w, r, rec, problems)
	}
	http.Redirect(w, r, "/records/"+rec.ID, http.StatusSeeOther)
	return nil
}

func (a *Agency) recordPage(w http.ResponseWriter, r *http.Request, problems map[string][]string) error {
	rec := recordKind.withID(r.PathValue("id")).(*Record)
	if err := a.Read(r.Context(), rec); err != nil {
		return err
	}
	f := formKind.withID(rec.FormID).(*Form)
	if err := a.Read(r.Context(), f); err != nil {
		return err
	}
	return render(w, statusFor(problems), "record", map[string]any{
		"Form": f, "Record": rec, "Members": a.members, "Problems": problems,
		"Status": orNone(rec.Status), "Assigned": orNone(rec.AssignedToID),
	})
}

func orNone(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// seenTo gives a record another status, or to somebody.
func (a *Agency) seenTo(w http.ResponseWriter, r *http.Request) error {
	change := map[string]any{"assigned_to_id": r.PostFormValue("assigned_to_id")}
	if status := r.PostFormValue("status"); status != "" {
		change["status"] = status
	}
	text, err := json.Marshal(change)
	if err != nil {
		return err
	}
	_, err = a.patch(r.Context(), Cause{}, recordKind, r.PathValue("id"), text)
	problems, err := told(err)
	if err != nil {
		return err
	}
	if problems != nil {
		return a.recordPage(w, r, problems)
	}
	http.Redirect(w, r, "/records/"+r.PathValue("id"), http.StatusSeeOther)
	return nil
}

func (a *Agency) dropped(w http.ResponseWriter, r *http.Request) error {
	rec := recordKind.withID(r.PathValue("id")).(*Record)
	if err := a.Delete(r.Context(), Cause{}, rec); err != nil {
		return err
	}
	http.Redirect(w, r, "/forms/"+rec.FormID, http.StatusSeeOther)
	return nil
}

func (a *Agency) photographed(w http.ResponseWriter, r *http.Request) error {
	contentType, image, err := a.photo(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Security-Policy", "sandbox")
	w.Header().Set("Cache-Control", "private, max-age=3600")
	w.Write(image) // who does not read it, does not
	return nil
}

// Portal is [Options].Portal for a Hub whose API and portal are at base: each link
// opens a session of a day.
func Portal(hub *fanfare.Hub, owner, base string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		app, err := hub.ApplicationID(ctx, owner)
		if err != nil {
			return "", err
		}
		key, err := hub.CreateSession(ctx, &fanfare.Session{Application: app, Capabilities: fanfare.UsualCapabilities()}, 24*time.Hour)
		return base + "/portal#key=" + key, err
	}
}
