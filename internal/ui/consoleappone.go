package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

type applicationBody struct {
	applicationOut
	Made      when
	Endpoints endpointsBody
	Newest    []messageRow
	Listed    bool // the visitor may see the endpoints
	Logged    bool // and the messages
	Portal    *act // opens it
	Access    []field
	Lets      []field   // what the link may let do
	Links     []linkRow // the newest that have not ended
	More      bool      // there are more of them
	Link      *copyable // that was made just now; nil: none
	Usage     string    // as it was counted just now; "": it was not
	Count     *act
	Once      string
}

// appMessages is how many of its newest messages an application's page has.
const appMessages = 10

func readApplication(v *visit) error { return v.showApplication("", "") }

func (v *visit) showApplication(link, usage string) error {
	app, err := v.application()
	if err != nil {
		return err
	}
	body := applicationBody{applicationOut: *app, Made: v.when(app.CreatedAt), Portal: v.act("/portal", "See the portal as they do", ""), Usage: usage, Once: once()}
	body.Count = v.act("/usage", "Count the last 30 days", "quiet")
	if body.Listed = v.reaches("GET /app/{app}/endpoint"); body.Listed {
		if body.Endpoints, err = v.someEndpoints(); err != nil {
			return err
		}
	}
	if body.Logged = v.reaches("GET /app/{app}/log"); body.Logged {
		if body.Newest, _, err = v.messageRows("limit", fmt.Sprint(appMessages)); err != nil {
			return err
		}
	}
	body.Access = []field{
		{Name: "expiry", Label: "It is good for", Kind: "select", Options: options(v.said("expiry"), "604800", "7 days", "86400", "A day", "3600", "An hour")},
	}
	for _, l := range lets {
		_, chosen := v.r.PostForm[string(l.may)]
		body.Lets = append(body.Lets, field{Name: string(l.may), Label: l.text, Kind: "checkbox", Checked: chosen || link == "" && slices.Contains(fanfare.UsualCapabilities(), l.may)})
	}
	if v.reaches("GET /auth/app/{app}/session") {
		list, err := v.links(appLinks, "")
		if err != nil {
			return err
		}
		body.Links, body.More = list.Data, !list.Done
	}
	if link != "" {
		body.Link = &copyable{Text: link, Label: "the link", Block: true}
	}
	return v.show("console/application", app.Called(), body)
}

// lets are what a link to the portal may let do, beside looking at all but secrets.
var lets = []struct {
	may  fanfare.Capability
	text string
}{
	{fanfare.ManageEndpoint, "Add, change and delete endpoints"},
	{fanfare.ViewEndpointSecret, "See signing secrets"},
	{fanfare.ManageEndpointSecret, "Make new signing secrets"},
	{fanfare.ManageTransformations, "Change scripts"},
	{fanfare.CreateAttempts, "Send again, and send examples"},
	{fanfare.ManageKeys, "Make API keys, which stay good when the link has ended"},
}

// usageSpan is how far back what an application has used is counted.
const usageSpan = 30 * 24 * time.Hour

// countUsage counts what the application was sent of late, and shows it.
func countUsage(v *visit) error {
	var out struct {
		Data struct {
			Applications []struct{ Messages, MessageDestinations int }
		}
	}
	in := map[string]any{"appIds": []string{string(v.app)}, "since": v.now.Add(-usageSpan), "until": v.now.Add(time.Second)}
	if err := v.ask(http.MethodPost, "/stats/usage/app", nil, in, &out); err != nil {
		return err
	}
	usage := "Nothing in the last 30 days"
	for _, n := range out.Data.Applications {
		usage = count(n.Messages, "message", "messages") + ", " + count(n.MessageDestinations, "delivery", "deliveries") + " in the last 30 days"
	}
	return v.showApplication("", usage)
}

// someEndpoints are those of the visit's application, a page of them, as in the portal.
func (v *visit) someEndpoints() (body endpointsBody, err error) {
	var list listOf[endpointOut]
	if err := v.read(&list, v.of("endpoint"), "limit", "20", "iterator", v.asked("at"), "with_activity", "true"); err != nil {
		return body, err
	}
	body.Base, body.Pager = v.base, list.pager(v, "")
	if err := v.addRows(&body, list.Data); err != nil {
		return body, err
	}
	body.Empty = empty{"No endpoints yet", "Add one, or give its customer a link to the portal, where they can.", []place{{Text: "Add endpoint", URL: v.base + "/endpoint/new"}}}
	return body, nil
}

// beginPortal asks for a session of the application's portal.
func (v *visit) beginPortal(in map[string]any) (token, link string, err error) {
	var out struct{ URL, Token string }
	err = v.ask(http.MethodPost, "/auth/app-portal-access/"+url.PathEscape(string(v.app)), nil, in, &out)
	return out.Token, out.URL, err
}

// lookLasts is how long an operator is in a customer's portal.
const lookLasts = time.Hour

// openPortal lets the operator into the portal as its customer is.
func openPortal(v *visit) error {
	token, _, err := v.beginPortal(map[string]any{"expiry": int(lookLasts.Seconds()), "sessionId": "console"})
	if err != nil {
		return err
	}
	http.SetCookie(v.w, v.cookie(sessionCookie, token, v.now.Add(lookLasts)))
	http.Redirect(v.w, v.r, v.root+portalPath, http.StatusSeeOther)
	return nil
}

// makeLink makes a link to the portal and shows it, once.
func makeLink(v *visit) error {
	seconds := map[string]int{"3600": 3600, "86400": 86400, "604800": 604800}[v.said("expiry")]
	if seconds == 0 {
		return &refusal{Status: http.StatusUnprocessableEntity, Detail: "Choose how long the link is good for."}
	}
	may := []fanfare.Capability{fanfare.ViewBase}
	for _, l := range lets {
		if v.said(string(l.may)) != "" {
			may = append(may, l.may)
		}
	}
	_, link, err := v.beginPortal(map[string]any{"expiry": seconds, "capabilities": may})
	if err != nil {
		return err
	}
	return v.showApplication(link, "")
}

func confirmExpire(v *visit) error {
	app, err := v.application()
	if err != nil {
		return err
	}
	return v.show("console/applicationask", "End all links?", appQuestion{
		applicationOut: *app, Heading: "End all links to the portal?",
		Text: "Whoever is in the portal of " + app.Called() + " is let in no longer, at once. Endpoints, messages and API keys stay as they are.",
		Do:   v.act("/expire", "End all links", "danger"),
	})
}

func expireLinks(v *visit) error {
	if err := v.ask(http.MethodPost, "/auth/app/"+url.PathEscape(string(v.app))+"/expire-all", nil, struct{}{}, nil); err != nil {
		return err
	}
	return v.to("", "expired")
}

// Labels are its tags but for those that keep headers of the request that it came with.
func (m *messageOut) Labels() []string {
	return slices.DeleteFunc(slices.Clone(m.Tags), func(tag string) bool { return strings.HasPrefix(tag, "fanfare-header:") })
}

// A messageRow is a message in a list, and what became of it.
type messageRow struct {
	messageOut
	URL    string
	At     when
	States []badge // how many deliveries stand how
	Of     place   // the application, where there are several
}

// messageRows lists messages of the visit's application.
func (v *visit) messageRows(query ...string) (rows []messageRow, list listOf[loggedOut], err error) {
	err = v.read(&list, v.of("log"), append(query, "with_content", "false")...)
	for _, m := range list.Data {
		row := messageRow{messageOut: m.messageOut, URL: v.base + "/message/" + m.ID, At: v.when(m.Timestamp)}
		row.States = fates(m.Deliveries)
		rows = append(rows, row)
	}
	return rows, list, err
}

type loggedOut struct {
	messageOut
	Deliveries []standing
}

// fates counts deliveries by how they stand, the worst first.
func fates(all []standing) (out []badge) {
	if len(all) == 0 {
		return []badge{{"idle", "No endpoint wanted it"}}
	}
	n := map[badge]int{}
	for _, d := range all {
		n[d.badge()]++
	}
	for _, b := range []badge{{"bad", "Given up"}, {"wait", "Waiting"}, {"idle", "Cancelled"}, {"ok", "Delivered"}} {
		if n[b] > 0 {
			out = append(out, badge{b.Tone, fmt.Sprintf("%d %s", n[b], b.Word)})
		}
	}
	return out
}
