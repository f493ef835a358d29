package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// sourcePages list the sources of all applications.
func sourcePages() map[string]func(*visit) error {
	return map[string]func(*visit) error{"GET /source": listSources, "POST /source": chooseForSource}
}

// ofSources are the pages of an application's sources.
func ofSources() map[string]func(*visit) error {
	return map[string]func(*visit) error{
		"GET /source":                    applicationSources,
		"GET /source/new":                newSource,
		"POST /source/new":               addSource,
		"GET /source/{source}":           readSource,
		"GET /source/{source}/edit":      editSource,
		"POST /source/{source}/edit":     saveSource,
		"POST /source/{source}/do/{act}": actOnSource,
		"POST /source/{source}/secret":   addSourceSecret,
		"GET /source/{source}/delete":    confirmSourceGone,
	}
}

// sourceFull is a source as the API shows it.
type sourceFull struct {
	ID          string
	UID         string
	Name        string
	Description string
	Profile     string
	HMAC        *struct{ Header, Algorithm, Encoding, Prefix string }
	URL         string
	OldURLUntil time.Time
	Secrets     int
	Filter      string
	EventType   string
	Dedupe      string
	PublicURL   string
	Response    struct {
		Status int
		Body   string
	}
	RateLimit int
	Disabled  bool
	CreatedAt time.Time
	App       applicationBrief `json:"-"`
}

// applicationBrief is an application where no more than its name is needed.
type applicationBrief struct{ ID, UID, Name string }

func (s sourceFull) Badge() badge {
	switch {
	case s.Disabled:
		return badge{"idle", "Disabled"}
	case s.Secrets == 0 && s.Profile != string(webhook.None):
		return badge{"wait", "It needs a secret"}
	}
	return badge{"ok", "Receiving"}
}

type sourcesBody struct {
	App    *applicationBrief // nil: of all
	Rows   []sourceFull
	Pager  pager
	Empty  empty
	Choose *field // of which application to make one; nil: of App
}

// appsAPage is of how many applications a page lists the sources.
const appsAPage = 20

func listSources(v *visit) error { return v.showSources(http.StatusOK, nil) }

func (v *visit) showSources(status int, told *refusal) error {
	var apps listOf[applicationBrief]
	if err := v.read(&apps, "/app", "limit", strconv.Itoa(appsAPage), "iterator", v.asked("at")); err != nil {
		return err
	}
	body := sourcesBody{Pager: apps.pager(v, "/source")}
	for _, app := range apps.Data {
		var list listOf[sourceFull]
		if err := v.read(&list, "/app/"+url.PathEscape(app.ID)+"/source", "limit", strconv.Itoa(fanfare.MaxPage)); err != nil {
			return err
		}
		for _, s := range list.Data {
			s.App = app
			body.Rows = append(body.Rows, s)
		}
	}
	body.Empty = empty{"No sources here", "A source is an address for somebody else's webhooks: they are verified, and become messages of an application. Say of which, and make one.", nil}
	choose, err := v.anApplication()
	if err != nil {
		return err
	}
	if body.Choose = &choose; told != nil {
		choose.Problem = told.Fields["app"]
	}
	return v.showAs(status, "console/sources", "Sources", body)
}

func applicationSources(v *visit) error {
	app, err := v.brief()
	if err != nil {
		return err
	}
	var list listOf[sourceFull]
	if err := v.read(&list, v.of("source"), "limit", fmt.Sprint(pageSize), "iterator", v.asked("at")); err != nil {
		return err
	}
	body := sourcesBody{App: app, Rows: list.Data, Pager: list.pager(v, "/source")}
	for i := range body.Rows {
		body.Rows[i].App = *app
	}
	body.Empty = empty{"No sources yet", "A source is an address for somebody else's webhooks: they are verified, and become messages of this application.", []place{{Text: "New source", URL: v.base + "/source/new"}}}
	return v.show("console/sources", "Sources of "+app.Name, body)
}

// brief reads the application whose pages these are.
func (v *visit) brief() (*applicationBrief, error) {
	app := &applicationBrief{}
	return app, v.read(app, v.of())
}

type sourceBody struct {
	sourceFull
	AppName  string
	Address  *copyable
	Try      *copyable
	Facts    []place
	OldUntil when
	Acts     []*act
	Activity struct {
		Accepted, Repeated, Filtered, Refused int64
		Newest                                []arrivedOut
	}
	Kept    []keptRow
	Refused []refusedRow
	Secret  field
	Problem string
	Once    string
}

type refusedRow struct {
	At      when
	State   badge
	Status  int
	Reason  string
	Address string
	What    string
}

func readSource(v *visit) error { return v.showSource(http.StatusOK, nil) }

func (v *visit) showSource(status int, told *refusal) error {
	app, err := v.brief()
	if err != nil {
		return err
	}
	var s sourceFull
	id := v.r.PathValue("source")
	if err := v.read(&s, v.of("source", id)); err != nil {
		return err
	}
	v.stream = false // what comes in is no attempt
	body := sourceBody{sourceFull: s, AppName: app.Name, Once: once(), OldUntil: v.when(s.OldURLUntil), Facts: s.facts(),
		Address: &copyable{Text: s.URL, Label: "the address"}}
	body.Try = &copyable{Block: true, Label: "the command", Text: "curl -i -X POST '" + s.URL + "' \\\n  -H 'Content-Type: application/json' \\\n  --data-raw '{\"hello\":\"world\"}'"}
	if err := v.read(&body.Activity, v.of("source", id, "activity")); err != nil {
		return err
	}
	if body.Kept, err = v.keptRows(body.Activity.Newest); err != nil {
		return err
	}
	var list listOf[struct {
		Timestamp       time.Time
		Outcome, Reason string
		Status, Size    int
		Method, Address string
		ContentType     string
	}]
	if err := v.read(&list, v.of("source", id, "refused")); err != nil {
		return err
	}
	for _, r := range list.Data {
		row := refusedRow{At: v.when(r.Timestamp), State: badge{"bad", "Refused"}, Status: r.Status, Reason: r.Reason, Address: r.Address}
		if r.Outcome == string(fanfare.ReceivedFiltered) {
			row.State = badge{"idle", "Filtered out"}
		}
		row.What = strings.TrimSpace(fmt.Sprintf("%s %s", r.Method, r.ContentType))
		if r.Size > 0 {
			row.What += fmt.Sprintf(", %d bytes", r.Size)
		}
		body.Refused = append(body.Refused, row)
	}
	at := "/source/" + url.PathEscape(s.ID)
	turn := v.act(at+"/do/disable", "Disable", "")
	if s.Disabled {
		turn = v.act(at+"/do/enable", "Enable", "main")
	}
	body.Acts = []*act{turn, v.act(at+"/do/rotate", "New address", "")}
	body.Secret = field{Name: "secret", Label: "New secret", Kind: "password", Code: true, Required: true, Hint: "It verifies from now on; those before it do so beside it for a day."}
	if told != nil {
		body.Secret.Problem = told.Detail
	}
	return v.showAs(status, "console/source", s.Name, body)
}

// Paste says where at the service the address and the secret go; "": that is not known.
func (s sourceFull) Paste() string { return fanfare.WhereToPaste(s.Profile) }

// facts are what is set.
func (s *sourceFull) facts() (all []place) {
	add := func(name, value string) {
		if value != "" {
			all = append(all, place{Text: name, URL: value})
		}
	}
	add("Id", s.ID)
	add("Uid", s.UID)
	add("Verified as", s.Profile)
	if s.HMAC != nil {
		add("Header of the signature", s.HMAC.Header+" "+s.HMAC.Prefix)
	}
	add("Secrets in use", strconv.Itoa(s.Secrets))
	add("Event type", s.EventType)
	add("Filter", s.Filter)
	add("Known again by", s.Dedupe)
	add("Its address as the sender knows it", s.PublicURL)
	if s.Response.Status > 0 {
		add("Answered with", strconv.Itoa(s.Response.Status))
	}
	add("Body of the answer", s.Response.Body)
	if s.RateLimit > 0 {
		add("Requests a second", strconv.Itoa(s.RateLimit))
	}
	return all
}

func actOnSource(v *visit) error {
	id := v.r.PathValue("source")
	at, here := v.of("source", id), "/source/"+url.PathEscape(id)
	switch v.r.PathValue("act") {
	case "disable":
		return v.after(v.ask(http.MethodPatch, at, nil, map[string]any{"disabled": true}, nil), here, "sourcedisabled")
	case "enable":
		return v.after(v.ask(http.MethodPatch, at, nil, map[string]any{"disabled": false}, nil), here, "saved")
	case "rotate":
		return v.after(v.ask(http.MethodPost, at+"/rotate", nil, struct{}{}, nil), here, "sourcerotated")
	case "delete":
		return v.after(v.ask(http.MethodDelete, at, nil, nil, nil), "/source", "sourcegone")
	}
	return noPage(v)
}

// after sends the visitor on once something was done.
func (v *visit) after(err error, path, done string) error {
	if err != nil {
		return err
	}
	return v.to(path, done)
}

func addSourceSecret(v *visit) error {
	id := v.r.PathValue("source")
	err := v.ask(http.MethodPost, v.of("source", id, "secret"), nil, map[string]any{"secret": v.said("secret")}, nil)
	if told, ok := isRefused(err); ok && told.Status == http.StatusUnprocessableEntity {
		return v.showSource(told.Status, told)
	}
	return v.after(err, "/source/"+url.PathEscape(id), "sourcesecret")
}

type sourceGoneBody struct {
	sourceFull
	Do *act
}

func confirmSourceGone(v *visit) error {
	var s sourceFull
	if err := v.read(&s, v.of("source", v.r.PathValue("source"))); err != nil {
		return err
	}
	return v.show("console/sourcegone", "Delete "+s.Name, sourceGoneBody{s, v.act("/source/"+url.PathEscape(s.ID)+"/do/delete", "Delete it", "danger")})
}
