// Package leads is a state's form for businesses, and the departments that want to hear
// of them: each lead goes to the departments whose programs it names and to no other,
// at a URL and with a token that the department has given. Who joins or leaves needs
// nobody's program changed.
package leads

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"html/template"
	"log/slog"
	"net/http"
	"net/mail"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/fanfarehq/fanfare"
)

// EventType is of what departments are sent.
const EventType = "lead.create"

// Application is the uid of the one application there is; the departments are its
// endpoints.
const Application = "leads"

// A Lead is a business that has asked for something.
type Lead struct {
	ID        string   `json:"id"`
	Company   string   `json:"company"`
	Email     string   `json:"email"`
	Employees int      `json:"employees"`
	Programs  []string `json:"programs"` // slugs of departments
	Message   string   `json:"message"`
}

// check says what is wrong, in words for who fills in the form.
func (l *Lead) check() []string {
	var wrong []string
	must := func(ok bool, what string) {
		if !ok {
			wrong = append(wrong, what)
		}
	}
	must(l.Company != "" && len(l.Company) <= 200, "Give the company's name, of at most 200 characters.")
	_, err := mail.ParseAddress(l.Email)
	must(err == nil && len(l.Email) <= 254, "Give an email address such as office@example.com.")
	must(l.Employees >= 0 && l.Employees <= 10_000_000, "Give the number of employees.")
	must(len(l.Message) <= 4000, "Say it in at most 4000 characters.")
	must(len(l.Programs) > 0, "Choose a program, or several.")
	for _, p := range l.Programs {
		must(department(p) != nil, "Choose among the programs that there are.")
	}
	return wrong
}

// wantedBy reports whether d is to hear of l, as the Hub decides by d's endpoint.
func (l *Lead) wantedBy(d *Department) bool {
	return slices.Contains(l.Programs, d.Slug) && (d.Filter == "" || l.Employees < 50)
}

// A Form is an http.Handler: the page that asks for leads, and sends each by its Hub.
type Form struct{ hub *fanfare.Hub }

// NewForm makes a Form, the departments' application and their endpoints, which are
// below base. It returns the tokens, by slug.
func NewForm(ctx context.Context, hub *fanfare.Hub, base string) (*Form, map[string]string, error) {
	app := &fanfare.Application{UID: Application, Name: "Leads"}
	if err := hub.CreateApplication(ctx, app); err != nil {
		return nil, nil, err
	}
	tokens := make(map[string]string, len(Departments))
	for i := range Departments {
		d := &Departments[i]
		tokens[d.Slug] = newToken()
		if err := hub.CreateEndpoint(ctx, d.endpoint(app.ID, base, tokens[d.Slug])); err != nil {
			return nil, nil, err
		}
	}
	return &Form{hub}, tokens, nil
}

// File checks a lead and sends it to the departments concerned. What is wrong with it,
// if anything, is told in words.
func (f *Form) File(ctx context.Context, l *Lead) (wrong []string, err error) {
	if wrong := l.check(); len(wrong) > 0 {
		return wrong, nil
	}
	l.ID = uuid.NewString()
	payload, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	// The programs are the channels: the Hub sends it to who has one of them.
	msg := &fanfare.Message{EventID: l.ID, EventType: EventType, Payload: payload, Channels: l.Programs}
	errs, err := f.hub.SendBatch(ctx, Application, []*fanfare.Message{msg}, nil)
	if err != nil {
		return nil, err
	}
	return nil, errs[0]
}

func (f *Form) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path != "/":
		http.NotFound(w, r)
	case r.Method == http.MethodPost:
		f.take(w, r)
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		show(w, http.StatusOK, "form", map[string]any{"Departments": Departments, "Lead": &Lead{}, "Filed": r.URL.Query().Has("filed")})
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "Look with GET, file a lead with POST.", http.StatusMethodNotAllowed)
	}
}

// take takes what the form asks for.
func (f *Form) take(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		status := http.StatusBadRequest
		if long := new(http.MaxBytesError); errors.As(err, &long) {
			status = http.StatusRequestEntityTooLarge
		}
		http.Error(w, "The form could not be read.", status)
		return
	}
	employees, err := strconv.Atoi(strings.TrimSpace(r.PostForm.Get("employees")))
	if err != nil {
		employees = -1
	}
	programs := r.PostForm["program"]
	slices.Sort(programs)
	lead := &Lead{
		Company: strings.TrimSpace(r.PostForm.Get("company")), Email: strings.TrimSpace(r.PostForm.Get("email")),
		Employees: employees, Programs: slices.Compact(programs), Message: strings.TrimSpace(r.PostForm.Get("message")),
	}
	wrong, err := f.File(r.Context(), lead)
	switch {
	case err != nil:
		slog.Error("a lead was not sent", "error", err)
		http.Error(w, "The lead could not be taken. Try again.", http.StatusInternalServerError)
	case len(wrong) > 0:
		show(w, http.StatusUnprocessableEntity, "form", map[string]any{"Departments": Departments, "Lead": lead, "Wrong": wrong})
	default:
		http.Redirect(w, r, "/?filed", http.StatusSeeOther)
	}
}

//go:embed pages.html
var pagesText string

var pages = template.Must(template.New("pages").Funcs(template.FuncMap{"has": slices.Contains[[]string]}).Parse(pagesText))

// show writes a page once it is known to be whole.
func show(w http.ResponseWriter, status int, name string, data any) {
	var page bytes.Buffer
	if err := pages.ExecuteTemplate(&page, name, data); err != nil {
		slog.Error("a page failed", "error", err)
		http.Error(w, "Something went wrong here.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(page.Bytes()) // who does not read it, does not
}
