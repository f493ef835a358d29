package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// taskPages are where much is done at once.
func taskPages() map[string]func(*visit) error {
	return map[string]func(*visit) error{
		"GET /task":                listTasks,
		"GET /task/new":            newTask,
		"POST /task/new":           planTask,
		"GET /task/{task}":         readTask,
		"POST /task/{task}/cancel": cancelTask,
	}
}

// taskFull is a background task as the API shows it.
type taskFull struct {
	ID         string
	Task       string
	State      string
	AppID      string
	EndpointID string
	Total      int
	More       bool // of a plan: that is not all
	Done       int
	Error      string
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Parameters struct {
		Since, Until    time.Time
		EventTypes      []string
		Channel, Tag    string
		States          []string
		IDs             []string
		StatusCodeClass int
		WhenHealthy     bool
	}
}

// taskWords are what kinds of tasks do, in words.
var taskWords = map[string]string{
	"endpoint.recover": "Send again what was given up", "endpoint.replay": "Send what was never sent",
	"endpoint.bulk-replay": "Send messages again", "application.purge_content": "Remove payloads", "application.export": "Write messages down",
}

// What says in words what the task does.
func (t taskFull) What() string {
	if w := taskWords[t.Task]; w != "" {
		return w
	}
	return t.Task
}

func (t taskFull) Badge() badge {
	switch t.State {
	case "running":
		if t.Parameters.WhenHealthy {
			return badge{"wait", "Until its endpoint is healthy"}
		}
		return badge{"wait", "Running"}
	case "finished":
		return badge{"ok", "Finished"}
	case "cancelled":
		return badge{"idle", "Cancelled"}
	}
	return badge{"bad", "Failed"}
}

// Progress is how far it is, of what there was to do when it was planned.
func (t taskFull) Progress() string { return fmt.Sprintf("%d of %d", t.Done, t.Total) }

type taskRow struct {
	taskFull
	AppName  string
	Endpoint place // none: it is of the application
	Begun    when
}

type tasksBody struct {
	Fields []field
	Rows   []taskRow
	Pager  pager
	Empty  empty
	Again  bool // one of them runs
}

func listTasks(v *visit) error {
	v.stream = false // tasks are no attempts
	var list listOf[taskFull]
	status := v.asked("status")
	if err := v.read(&list, "/background-task", "limit", fmt.Sprint(pageSize), "status", status, "iterator", v.asked("at")); err != nil {
		return err
	}
	body := tasksBody{Pager: list.pager(v, "/task"), Fields: []field{{Name: "status", Label: "State", Kind: "select",
		Options: options(status, "", "Any", "running", "Running", "finished", "Finished", "failed", "Failed or cancelled", "cancelled", "Cancelled")}}}
	names := v.names()
	for _, t := range list.Data {
		name, err := names(fanfare.ApplicationID(t.AppID))
		if err != nil {
			return err
		}
		row := taskRow{taskFull: t, AppName: name, Begun: v.when(t.CreatedAt)}
		if row.Endpoint, err = v.endpointOf(&t); err != nil {
			return err
		}
		body.Rows = append(body.Rows, row)
		body.Again = body.Again || t.State == "running"
	}
	body.Empty = empty{"No bulk operations yet", "Much can be sent again at once, or have its payloads removed. First you see how much it is; while it runs you can cancel it.",
		[]place{{Text: "New bulk operation", URL: v.base + "/task/new"}}}
	if status != "" {
		body.Empty = empty{"Nothing like that", "No bulk operation is in that state.", []place{{Text: "Show all", URL: v.base + "/task"}}}
	}
	return v.show("console/tasks", "Bulk operations", body)
}

// endpointOf is the endpoint that a task is about; none: it is about no single one, or that
// was deleted.
func (v *visit) endpointOf(t *taskFull) (place, error) {
	of := v.within(t.AppID)
	if t.EndpointID == "" || !v.reaches("GET /app/{app}/endpoint/{endpoint}") {
		return place{}, nil
	}
	var ep endpointOut
	err := of.read(&ep, of.of("endpoint", t.EndpointID))
	if _, refused := isRefused(err); refused {
		return place{}, nil
	}
	if err != nil {
		return place{}, err
	}
	return place{Text: ep.told(), URL: of.base + "/endpoint/" + url.PathEscape(t.EndpointID)}, nil
}

type taskBody struct {
	taskFull
	Endpoint       place // that it is about; none: no single one
	Begun, Changed when
	Facts          []place
	Cancel         *act
	Percent        int
	Lined          string // how much of it waits, where it has only put in line; "": nothing that is known of
	Queue          string // address; "": the visitor may not see it
}

func readTask(v *visit) error {
	v.stream = false
	var t taskFull
	if err := v.read(&t, "/background-task/"+url.PathEscape(v.r.PathValue("task"))); err != nil {
		return err
	}
	body := taskBody{taskFull: t, Begun: v.when(t.CreatedAt), Changed: v.when(t.UpdatedAt), Facts: t.facts()}
	var err error
	if body.Endpoint, err = v.endpointOf(&t); err != nil {
		return err
	}
	if t.Total > 0 {
		body.Percent = min(100, 100*t.Done/t.Total)
	}
	if t.State == "running" {
		body.Cancel = v.act("/task/"+url.PathEscape(t.ID)+"/cancel", "Cancel", "danger")
	}
	if err := v.sayTaskWaits(&body); err != nil {
		return err
	}
	return v.show("console/task", t.What(), body)
}

// facts are what the task was asked to do.
func (t *taskFull) facts() (all []place) {
	p := &t.Parameters
	add := func(name, value string) {
		if value != "" {
			all = append(all, place{Text: name, URL: value})
		}
	}
	moment := func(at time.Time) string {
		if at.IsZero() {
			return ""
		}
		return at.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	add("Application", t.AppID)
	add("Endpoint", t.EndpointID)
	add("From", moment(p.Since))
	add("Until", moment(p.Until))
	add("Event types", strings.Join(p.EventTypes, ", "))
	add("Channel", p.Channel)
	add("Tag", p.Tag)
	add("Deliveries that are", strings.Join(p.States, ", "))
	add("Messages", words(5, p.IDs))
	if p.WhenHealthy {
		add("Begins", "once the endpoint takes what it is sent; until then it is tried with one delivery a minute at most, each of which counts")
	}
	if p.StatusCodeClass > 0 {
		add("Answered with", fmt.Sprintf("%dxx", p.StatusCodeClass/100))
	}
	return all
}

func cancelTask(v *visit) error {
	id := url.PathEscape(v.r.PathValue("task"))
	var t taskFull
	if err := v.ask(http.MethodPost, "/background-task/"+id+"/cancel", nil, nil, &t); err != nil {
		return err
	}
	if t.State != "cancelled" {
		return v.to("/task/"+id, "hadended")
	}
	return v.to("/task/"+id, "cancelled")
}

type newTaskBody struct {
	Fields  []field
	Problem string
	Plan    *taskPlan // nil: it is not planned yet
	Once    string
}

// A taskPlan is what a task would do.
type taskPlan struct {
	None  bool
	More  bool // than it says
	Much  string
	What  string
	Hint  string
	Lasts string  // about how long it takes, in a sentence; "": that is not known
	Asked []place // what it was planned with, and is begun with
}

func newTask(v *visit) error { return v.showNewTask(http.StatusOK, nil, nil) }

// taskForms are the kinds of tasks that can be begun here: what they are called, and the
// path of the API below the application.
var taskForms = []struct{ kind, text, path, hint string }{
	{"recover", "Send again what was given up", "endpoint/{}/recover", "Receivers see the same ids as before."},
	{"missing", "Send what was never sent", "endpoint/{}/replay-missing", "These are messages that the endpoint wants, from before it was there or while it was disabled."},
	{"again", "Send messages again, whatever became of them", "msg/bulk-replay", "Receivers get again what they may have already, with the same ids."},
	{"purge", "Remove payloads for good", "msg/bulk-expunge", "What was sent stays listed, without its payload, and cannot be sent again."},
}

func (v *visit) showNewTask(status int, plan *taskPlan, told *refusal) error {
	kinds := []option{}
	for _, f := range taskForms {
		kinds = append(kinds, option{f.kind, f.text, v.given("kind") == f.kind})
	}
	app, err := v.anApplication()
	if err != nil {
		return err
	}
	body := newTaskBody{Plan: plan, Once: once(), Fields: []field{
		{Name: "kind", Label: "What to do", Kind: "select", Options: kinds}, app,
		{Name: "endpoint", Label: "Endpoint", Kind: "text", Code: true, Value: v.given("endpoint"), Hint: "Its id or uid. Sending again may go without, to all endpoints that had the messages."},
		{Name: "since", Label: "Accepted from", Kind: "text", Required: true, Value: v.given("since"), Placeholder: "24h", Hint: "So long ago, such as 90m, 24h or 7d, or a time such as 2026-01-02T15:04:05Z."},
		{Name: "until", Label: "Until", Kind: "text", Value: v.given("until"), Hint: "The same; now unless told."},
		{Name: "eventTypes", Label: "Only event types", Kind: "text", Code: true, Value: v.given("eventTypes"), Hint: "With commas. For sending again and removing."},
	}}
	if told != nil {
		body.Problem = told.Detail
		for i, f := range body.Fields {
			body.Fields[i].Problem = told.Fields[f.Name]
		}
	}
	return v.showAs(status, "console/newtask", "New bulk operation", body)
}

// given is what a form says, or else the address that led to it.
func (v *visit) given(name string) string {
	if v.r.Method == http.MethodPost {
		return v.said(name)
	}
	return v.asked(name)
}

// planTask says how much a task would do, or begins it.
func planTask(v *visit) error {
	do := v.said("do")
	in, path, hint, err := v.taskForm()
	var t taskFull
	switch {
	case err != nil:
	case do == "start":
		err = v.ask(http.MethodPost, path, url.Values{}, in, &t)
	default:
		v.r.PostForm.Del("once") // it may be asked as often as one likes
		err = v.plan(path, in, planTime, &t)
	}
	if told, ok := isRefused(err); ok && told.Status != http.StatusForbidden && told.Status != http.StatusUnauthorized {
		told = atField(told)
		return v.showNewTask(told.Status, nil, told)
	}
	if err != nil {
		return err
	}
	if do != "start" {
		plan := &taskPlan{None: t.Total == 0 && !t.More, More: t.More, Much: t.Much(), What: t.What(), Hint: hint, Asked: v.plannedWith(&t)}
		if plan.Lasts, err = v.lasts(&t); err != nil {
			return err
		}
		return v.showNewTask(http.StatusOK, plan, nil)
	}
	return v.to("/task/"+url.PathEscape(t.ID), "")
}

// plannedWith is what a plan was made of: what is begun is that, whatever has been written
// into the form since.
func (v *visit) plannedWith(t *taskFull) []place {
	asked := []place{{Text: "since", URL: t.Parameters.Since.UTC().Format(time.RFC3339Nano)}}
	for _, name := range []string{"kind", "app", "endpoint", "until", "eventTypes"} {
		asked = append(asked, place{Text: name, URL: v.said(name)})
	}
	return asked
}

// taskForm reads what the form asks for, as the API is asked.
func (v *visit) taskForm() (in map[string]any, path, hint string, err error) {
	kind := v.said("kind")
	endpoint := url.PathEscape(v.said("endpoint"))
	for _, f := range taskForms {
		if f.kind == kind {
			path, hint = f.path, f.hint
		}
	}
	switch {
	case path == "":
		return nil, "", "", wrongField("kind", "Choose what to do.")
	case v.said("app") == "":
		return nil, "", "", wrongField("app", "Say of which application.")
	case strings.Contains(path, "{}") && endpoint == "":
		return nil, "", "", wrongField("endpoint", "Say which endpoint, by its id or uid.")
	case kind == "again" && endpoint != "":
		path = "endpoint/{}/bulk-replay"
	}
	path = "/app/" + url.PathEscape(v.said("app")) + "/" + strings.Replace(path, "{}", endpoint, 1)
	in = map[string]any{}
	for _, name := range []string{"since", "until"} {
		text := v.said(name)
		if text == "" {
			continue
		}
		at, ok := v.momentOf(text)
		if !ok {
			return nil, "", "", wrongField(name, "That is no time such as 24h, 7d or 2026-01-02T15:04:05Z.")
		}
		in[name] = at.UTC().Format(time.RFC3339Nano)
	}
	if types := split(v.said("eventTypes")); len(types) > 0 && (kind == "again" || kind == "purge") {
		in["eventTypes"] = types
	}
	if kind == "purge" {
		in = map[string]any{"filter": in}
	}
	return in, path, hint, nil
}

// momentOf reads a time, or how long ago it was.
func (v *visit) momentOf(text string) (time.Time, bool) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, true
	}
	var days int
	if n, err := fmt.Sscanf(text, "%dd", &days); n == 1 && err == nil && text == fmt.Sprintf("%dd", days) && days > 0 && days < 10_000 {
		return v.now.AddDate(0, 0, -days), true
	}
	d, err := time.ParseDuration(text)
	return v.now.Add(-d), err == nil && d > 0
}
