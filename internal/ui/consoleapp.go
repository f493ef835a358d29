package ui

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

func applicationPages() map[string]func(*visit) error {
	return map[string]func(*visit) error{
		"GET /app":      listApplications,
		"GET /app/new":  newApplication,
		"POST /app/new": addApplication,
	}
}

// oneApplicationPages are what only the operator has below /app/{app}.
func oneApplicationPages() map[string]func(*visit) error {
	all := map[string]func(*visit) error{
		"GET ":                       readApplication,
		"GET /settings":              applicationSettings,
		"POST /settings":             saveApplication,
		"GET /delete":                confirmDelete,
		"POST /delete":               deleteApplication,
		"POST /portal":               openPortal,
		"POST /link":                 makeLink,
		"GET /expire":                confirmExpire,
		"POST /expire":               expireLinks,
		"GET /send":                  composeMessage,
		"POST /send":                 sendMessage,
		"GET /message/{msg}":         readFanOut,
		"POST /message/{msg}/cancel": cancelMessage,
		"GET /recover":               confirmRecoverAll,
		"POST /recover":              recoverAll,
		"POST /usage":                countUsage,
	}
	maps.Copy(all, issueActs())
	return all
}

type applicationOut struct {
	ID        string
	UID       string
	Name      string
	RateLimit *int
	Metadata  map[string]string
	CreatedAt time.Time

	AlertEmail string
}

// Called is what people call it by.
func (a applicationOut) Called() string {
	switch {
	case a.Name != "":
		return a.Name
	case a.UID != "":
		return a.UID
	}
	return a.ID
}

type applicationRow struct {
	applicationOut
	Made when
}

type applicationsBody struct {
	Fields []field
	Rows   []applicationRow
	Pager  pager
	Empty  empty
}

// searchLook is how many applications a search by words looks at: a thousand, in pages.
const searchLook = 4

func listApplications(v *visit) error {
	words := strings.Fields(strings.ToLower(v.asked("search")))
	body := applicationsBody{Fields: []field{{Name: "search", Label: "Name, id or uid", Kind: "text", Value: v.asked("search")}}}
	var err error
	if len(words) == 0 {
		var list listOf[applicationOut]
		err = v.read(&list, "/app", "limit", fmt.Sprint(pageSize), "iterator", v.asked("at"))
		body.Pager = list.pager(v, "/app")
		body.Rows = v.applicationRows(list.Data)
	} else {
		body.Rows, err = v.findApplications(words)
	}
	if err != nil {
		return err
	}
	body.Empty = empty{"No applications yet", "An application is one of your customers: its endpoints are sent its messages, and nobody else's.", []place{{Text: "Add an application", URL: v.root + "/app/new"}}}
	if len(words) > 0 {
		body.Empty = empty{"Nothing like that", "No application has these words in its name, id or uid, among the newest thousand. A whole id or uid is found however old it is.", []place{{Text: "Show all", URL: v.root + "/app"}}}
	}
	return v.show("console/applications", "Applications", body)
}

func (v *visit) applicationRows(apps []applicationOut) (rows []applicationRow) {
	for _, app := range apps {
		rows = append(rows, applicationRow{app, v.when(app.CreatedAt)})
	}
	return rows
}

// findApplications finds the one of an id or uid, or else those among the newest that
// have all words in their name and uid.
func (v *visit) findApplications(words []string) ([]applicationRow, error) {
	var app applicationOut
	err := v.read(&app, "/app/"+url.PathEscape(v.asked("search")))
	if err == nil {
		return v.applicationRows([]applicationOut{app}), nil
	}
	if _, refused := isRefused(err); !refused {
		return nil, err
	}
	var found []applicationOut
	var list listOf[applicationOut]
	for range searchLook {
		at := list.Iterator
		list = listOf[applicationOut]{}
		if err := v.read(&list, "/app", "limit", fmt.Sprint(fanfare.MaxPage), "iterator", at); err != nil {
			return nil, err
		}
		for _, app := range list.Data {
			text := strings.ToLower(app.Name + " " + app.UID)
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) && len(found) < pageSize {
				found = append(found, app)
			}
		}
		if list.Done {
			break
		}
	}
	return v.applicationRows(found), nil
}

// An applicationForm is a new application, or one that there is.
type applicationForm struct {
	applicationOut
	Action   string
	Fields   []field
	Problems string
	Button   string
	Once     string
	Was      []place // the fields as they were when the form was opened
	Clashes  []clash
	Delete   string // where the question whether to delete it is; "": it is not there yet
}

// applicationParts are those of the form.
var applicationParts = alone("name", "uid", "rateLimit", "alertEmail")

// stored is what is set, as the form has it.
func (a *applicationOut) stored() url.Values {
	form := url.Values{"name": {a.Name}, "uid": {a.UID}, "rateLimit": {""}, "alertEmail": {a.AlertEmail}}
	if a.RateLimit != nil {
		form.Set("rateLimit", fmt.Sprint(*a.RateLimit))
	}
	return form
}

func newApplication(v *visit) error { return v.showApplicationForm(http.StatusOK, nil, nil) }

// showApplicationForm shows the form, with what was said already where told is there.
func (v *visit) showApplicationForm(status int, app *applicationOut, told *refusal) error {
	body := applicationForm{Action: v.root + "/app/new", Button: "Add application", Once: once()}
	title := "Add an application"
	if app != nil {
		body.applicationOut, body.Action, body.Button, body.Delete, title = *app, v.base+"/settings", "Save", v.base+"/delete", "Settings of "+app.Called()
		if told == nil {
			v.r.PostForm = app.stored()
		}
		body.Was = v.wasOf(applicationParts, told == nil)
	}
	body.Fields = []field{
		{Name: "name", Label: "Name", Kind: "text", Value: v.said("name"), Required: true},
		{Name: "uid", Label: "Your own id for it", Kind: "text", Value: v.said("uid"), Code: true, Hint: "It may stand wherever the application's id may, such as in addresses of the API."},
		{Name: "rateLimit", Label: "At most a second", Kind: "number", Value: v.said("rateLimit"), Hint: "Deliveries, over all its endpoints. No limit unless you say so."},
		{Name: "alertEmail", Label: "Alert e-mail", Kind: "email", Value: v.said("alertEmail"), Hint: "Where its customer wants a mail when an endpoint fails or is disabled. An operational endpoint sends it; customers can say it in the portal."},
	}
	if told != nil {
		body.Problems, body.Clashes = placed(body.Fields, told), worded(told.Clashes, body.Fields)
	}
	return v.showAs(status, "console/applicationform", title, body)
}

// placed puts what is wrong beside the fields that it is about, and returns the rest.
func placed(fields []field, told *refusal) (rest string) {
	if len(told.Fields) == 0 {
		return told.Detail
	}
	for name, msg := range told.Fields {
		found := false
		for i := range fields {
			if first, _, _ := strings.Cut(name, "."); fields[i].Name == name || fields[i].Name == first {
				fields[i].Problem, found = msg, true
			}
		}
		if !found {
			rest = name + ": " + msg
		}
	}
	return rest
}

// applicationSaid is what the form says, as the API takes it.
func (v *visit) applicationSaid() map[string]any {
	return map[string]any{"name": v.said("name"), "uid": orNull(v.said("uid")), "rateLimit": numberOf(v.said("rateLimit")), "alertEmail": orNull(v.said("alertEmail"))}
}

func addApplication(v *visit) error {
	var app applicationOut
	err := v.ask(http.MethodPost, "/app", nil, v.applicationSaid(), &app)
	if told, ok := isRefused(err); ok && isWrong(told) {
		return v.showApplicationForm(told.Status, nil, told)
	}
	if err != nil {
		return err
	}
	return v.to("/app/"+app.ID, "application")
}

// isWrong reports whether a refusal is about what a form says.
func isWrong(told *refusal) bool {
	return told.Status == http.StatusUnprocessableEntity || told.Status == http.StatusConflict || told.Status == http.StatusBadRequest
}

func (v *visit) application() (*applicationOut, error) {
	app := &applicationOut{}
	return app, v.read(app, v.of())
}

func applicationSettings(v *visit) error {
	app, err := v.application()
	if err != nil {
		return err
	}
	return v.showApplicationForm(http.StatusOK, app, nil)
}

func saveApplication(v *visit) error {
	app, err := v.application()
	if err != nil {
		return err
	}
	var changed []string
	err = inPeace(func() error {
		changed, err = v.saveApplication()
		return err
	})
	if told, ok := isRefused(err); ok && isWrong(told) {
		return v.showApplicationForm(told.Status, app, told)
	}
	if err != nil {
		return err
	}
	v.base = v.root
	return v.to("/app/"+app.ID, v.savedOr("saved-application", changed))
}

// saveApplication saves what the form has changed, if nobody else has.
func (v *visit) saveApplication() (changed []string, err error) {
	app := &applicationOut{}
	tag, err := v.readTagged(app, v.of())
	if err != nil {
		return nil, err
	}
	changed, clashes := v.catchUp(applicationParts, app.stored())
	if len(clashes) > 0 {
		return nil, clashing(clashes)
	}
	in := v.applicationSaid()
	maps.DeleteFunc(in, func(name string, _ any) bool { return !slices.Contains(changed, name) })
	if len(in) == 0 {
		return nil, nil
	}
	return changed, v.amend(http.MethodPatch, v.of(), tag, in)
}

// An appQuestion is asked before something is done to an application.
type appQuestion struct {
	applicationOut
	Heading, Text string
	Do            *act
	Confirm       string // what has to be written to confirm it; "": nothing
	Problem       string
}

func confirmDelete(v *visit) error { return v.askDelete(http.StatusOK, "") }

func (v *visit) askDelete(status int, problem string) error {
	app, err := v.application()
	if err != nil {
		return err
	}
	return v.showAs(status, "console/applicationask", "Delete "+app.Called()+"?", appQuestion{
		applicationOut: *app, Heading: "Delete " + app.Called() + "?", Problem: problem, Confirm: app.Called(),
		Text: "Its endpoints, messages, deliveries, sources, keys and portal links are removed with it, and what waits is not sent. This cannot be undone.",
		Do:   v.act("/delete", "Delete it", "danger"),
	})
}

func deleteApplication(v *visit) error {
	app, err := v.application()
	if err != nil {
		return err
	}
	if v.said("confirm") != strings.TrimSpace(app.Called()) {
		return v.askDelete(http.StatusUnprocessableEntity, "Write its name as it stands above.")
	}
	if err := v.ask(http.MethodDelete, v.of(), nil, nil, nil); err != nil {
		return err
	}
	v.base = v.root
	return v.to("/app", "gone-application")
}
