package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/fanfarehq/fanfare"
)

func messagePages() map[string]func(*visit) error {
	return map[string]func(*visit) error{"GET /message": listMessages}
}

type messagesBody struct {
	App    *applicationOut // the only one whose they are; nil: of all
	Send   string          // where a message is sent to it, or to the newest; "": there is none
	Fields []field
	Rows   []messageRow
	Looked string // how far was looked for them; "": it is the whole page
	Back   when
	Live   bool // what comes anew is to be seen
	Pager  pager
	Empty  empty
}

// A foundOut is a message of any application.
type foundOut struct {
	loggedOut
	AppID string
}

// A foundList is a page of a search, and how far it looked.
type foundList struct {
	listOf[foundOut]
	Looked     int
	LookedBack time.Time
}

// listMessages shows the messages of all applications, or of one, by what is asked for. One
// that is found by its id is gone to.
func listMessages(v *visit) error {
	body := messagesBody{Live: v.asked("at")+v.asked("text")+v.asked("id") == ""}
	if ref := v.asked("app"); ref != "" {
		body.App = &applicationOut{ID: ref}
		if v.reaches("GET /app/{app}") {
			if err := v.read(body.App, "/app/"+url.PathEscape(ref)); err != nil {
				return err
			}
		}
	}
	to, err := body.App, error(nil)
	if to == nil && v.reaches("GET /app") {
		if to, err = v.newestApplication(); err != nil {
			return err
		}
	}
	if to != nil {
		body.Send = v.root + "/app/" + url.PathEscape(to.ID) + "/send"
	}
	if body.Fields, err = v.searchFields(body.App); err != nil {
		return err
	}
	query, problem := v.searchQuery(body.Fields)
	if problem {
		return v.showAs(http.StatusUnprocessableEntity, "console/messages", "Messages", body)
	}
	var list foundList
	if err := v.read(&list, "/message", query...); err != nil {
		return err
	}
	if body.Rows, err = v.foundRows(list.Data); err != nil {
		return err
	}
	if v.asked("id") != "" && len(body.Rows) == 1 && list.Done {
		http.Redirect(v.w, v.r, body.Rows[0].URL, http.StatusSeeOther)
		return nil
	}
	body.Pager = list.pager(v, "/message")
	if body.Pager.Further = !list.Done && len(body.Rows) < pageSize; list.Looked > len(body.Rows) {
		body.Looked, body.Back = count(list.Looked, "message", "messages"), v.when(list.LookedBack)
	}
	body.Empty = v.noneFound(&body, &list)
	return v.show("console/messages", "Messages", body)
}

// searched are the fields of the search beside the application.
var searched = []field{
	{Name: "id", Label: "Id or event id", Kind: "text", Code: true},
	{Name: "type", Label: "Event type", Kind: "text", Placeholder: "record.*", Code: true},
	{Name: "text", Label: "The payload contains", Kind: "text", Code: true},
	{Name: "status", Label: "State", Kind: "select"},
	{Name: "channel", Label: "Channel", Kind: "text"},
	{Name: "tag", Label: "Tag", Kind: "text"},
	{Name: "from", Label: "From", Kind: "text", Placeholder: "2h, or 2026-01-02 15:04"},
	{Name: "to", Label: "To", Kind: "text", Placeholder: "30m, or 2026-01-02 16:04"},
}

func (v *visit) searchFields(app *applicationOut) ([]field, error) {
	choose, err := v.applicationField("Application", "All")
	if err != nil {
		return nil, err
	}
	if choose.Kind == "text" {
		choose.Value = v.asked("app")
	} else if app != nil {
		for i := range choose.Options { // it may be asked for by its uid
			choose.Options[i].Chosen = choose.Options[i].Value == app.ID
		}
	}
	fields := []field{choose}
	for _, f := range searched {
		if f.Value = v.asked(f.Name); f.Name == "status" {
			f.Options = states(f.Value)
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// searchQuery is what the API is asked for, and whether something is wrong with the
// fields, which then say so. What is so long ago is that moment on further pages too.
func (v *visit) searchQuery(fields []field) (query []string, problem bool) {
	query = []string{"app", v.asked("app"), "limit", fmt.Sprint(pageSize), "iterator", v.asked("at")}
	if id := v.asked("id"); id != "" {
		return append(query, "id", id), false
	}
	query = append(query, "event_types", v.asked("type"), "text", v.r.URL.Query().Get("text"), "status", v.asked("status"), "channel", v.asked("channel"), "tag", v.asked("tag"))
	q := v.r.URL.Query()
	times := fields[len(fields)-2:]
	for i, name := range []string{"after", "before"} {
		text := v.asked(times[i].Name)
		if text == "" {
			continue
		}
		at, ok := v.momentAsked(text)
		if !ok {
			times[i].Problem, problem = "is a time in UTC such as 2026-01-02 15:04, or how long ago it was, such as 90m, 2h or 3d", true
			continue
		}
		moment := at.UTC().Format(time.RFC3339Nano)
		query = append(query, name, moment)
		q.Set(times[i].Name, moment)
	}
	v.r.URL.RawQuery = q.Encode()
	return query, problem
}

// momentAsked is momentOf, or a time as people write it, in UTC.
func (v *visit) momentAsked(text string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02T15:04:05", time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, at.Year() >= 1970
		}
	}
	at, ok := v.momentOf(text)
	return at, ok && at.Year() >= 1970
}

func (v *visit) foundRows(found []foundOut) (rows []messageRow, err error) {
	names := v.names()
	for _, m := range found {
		at := v.root + "/app/" + url.PathEscape(m.AppID)
		row := messageRow{messageOut: m.messageOut, URL: at + "/message/" + m.ID, At: v.when(m.Timestamp), States: fates(m.Deliveries), Of: place{URL: at}}
		if row.Of.Text, err = names(fanfare.ApplicationID(m.AppID)); err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// noneFound says why there is nothing, and what to do.
func (v *visit) noneFound(body *messagesBody, list *foundList) empty {
	app := body.App
	all, of := place{Text: "Show all", URL: v.root + "/message"}, ""
	if app != nil {
		all.URL += "?app=" + url.QueryEscape(app.ID)
		of = " of " + app.Called()
	}
	said := ""
	for _, f := range searched {
		said += v.asked(f.Name)
	}
	switch {
	case v.asked("id") != "":
		return empty{"Nothing like that", "No message" + of + " has this id or event id" + ifFurther(list, ", as far as was looked") + ".", []place{all}}
	case said != "":
		return empty{"Nothing like that", "No message" + of + " is as the filters say" + ifFurther(list, ", as far back as was looked") + ".", []place{all}}
	case app != nil:
		return empty{"No messages yet", app.Called() + " was not sent anything.", []place{{Text: "Send a message", URL: body.Send}}}
	case body.Send != "":
		return empty{"No messages yet", "A message says that something happened. Send one, from here or by the API.", []place{{Text: "Send a message", URL: body.Send}, {Text: "See the applications", URL: v.root + "/app"}}}
	}
	return empty{"No messages yet", "A message says that something happened. It belongs to an application: add one, and send it an event.", []place{{Text: "Add an application", URL: v.root + "/app/new"}}}
}

func ifFurther(list *foundList, text string) string {
	if list.Done {
		return ""
	}
	return text
}
