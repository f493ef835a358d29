package api

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/fanfarehq/fanfare"
)

// doing names what a route does in the audit log. Every route that writes is in
// it, under its method and path unless it is named; one that reads is if it is.
func (rt *route) doing(action string) *route {
	rt.action = action
	return rt
}

// unaudited keeps a route that only sends messages, or only asks something, out of
// the audit log.
func (rt *route) unaudited() *route { return rt.doing(nothing) }

const nothing = "-"

// audits is what the route's requests are called in the audit log; "" if they do
// not stand there.
func (rt *route) audits() string {
	switch {
	case rt.action == nothing:
		return ""
	case rt.action == "" && rt.method != http.MethodGet:
		return rt.method + " " + rt.path
	}
	return rt.action
}

// What the path names, as the request's look-ups have found it.
type subject struct{ application, endpoint, message string }

// audit notes in the audit log what was done, or refused for want of access. It is
// called once the answer is settled and before it is given: what was done stays
// done, so that a failure to note it is only logged.
func (c *call) audit() {
	refused := c.status == http.StatusForbidden && !c.route.open // not by those that nobody knows
	action := c.route.audits()
	if action == "" || c.repeated || c.planned || !refused && c.status >= http.StatusMultipleChoices {
		return
	}
	e := &fanfare.AuditEntry{Actor: c.actor(), Action: action, Address: addressOf(c.r), Refused: refused, Fields: c.given}
	e.Application = c.named("app")
	e.Object, e.Detail = c.object()
	if who := c.who.loggedIn(); who != "" {
		e.Detail = strings.TrimSpace(e.Detail + " by " + who)
	}
	ctx := context.WithoutCancel(c.r.Context())
	if err := c.hub.Audit(ctx, e); err != nil {
		c.log.ErrorContext(ctx, "noting in the audit log", "route", c.route.path, "actor", e.Actor, "object", e.Object, "error", err)
	}
}

// actor is who makes the request.
func (c *call) actor() string {
	switch b := c.who.bearer; {
	case c.who.admin:
		return "admin"
	case b == nil:
		return "anyone"
	case b.Session != nil:
		return b.Session.ID()
	default:
		return string(b.Key.ID)
	}
}

// addressOf is where a request came from. What headers say of it anyone can write.
func addressOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// named is what the path has in a place: its id, if it was found.
func (c *call) named(place string) string {
	found := map[string]string{"app": c.subject.application, "endpoint": c.subject.endpoint, "msg": c.subject.message}[place]
	if found == "" {
		return c.r.PathValue(place)
	}
	return found
}

// object is what the route was asked to change: what it has made, or else the last
// thing in its path; further ones go into the detail.
func (c *call) object() (object, detail string) {
	var names []string
	for part := range strings.SplitSeq(c.route.path, "/") {
		if place, ok := strings.CutPrefix(part, "{"); ok {
			names = append(names, c.named(strings.TrimSuffix(place, "}")))
		}
	}
	var made struct {
		ID string `json:"id"`
	}
	if (c.status == http.StatusCreated || names == nil) && len(c.out) > 0 && json.Unmarshal(c.out, &made, lenient, lenientText) == nil && made.ID != "" {
		return made.ID, ""
	}
	if names == nil {
		return "", ""
	}
	slices.Reverse(names)
	if further := names[1:]; len(further) > 1 { // the last of which is the application
		detail = strings.Join(further[:len(further)-1], " ")
	}
	return names[0], detail
}

type auditOut struct {
	ID          fanfare.AuditID `json:"id"`
	Timestamp   time.Time       `json:"timestamp"`
	Actor       string          `json:"actor" doc:"admin, the id of a key or portal session, oidc when the console's provider is who says that somebody logged in, cli, or engine."`
	Action      string          `json:"action" doc:"Such as endpoint.update."`
	Application *string         `json:"application"`
	Object      *string         `json:"object" doc:"What it was done to: an id, or what the caller called it."`
	Address     *string         `json:"address" doc:"Where the request came from."`
	Outcome     string          `json:"outcome" enum:"done,refused" doc:"Refused is for want of access."`
	Fields      []string        `json:"fields" doc:"Names of what the request gave; never values."`
	Detail      *string         `json:"detail"`
}

func showAudit(e *fanfare.AuditEntry) (*auditOut, error) {
	out := &auditOut{
		ID: e.ID, Timestamp: e.At, Actor: e.Actor, Action: e.Action, Application: pointer(e.Application), Object: pointer(e.Object),
		Address: pointer(e.Address), Outcome: "done", Fields: append([]string{}, e.Fields...), Detail: pointer(e.Detail),
	}
	if e.Refused {
		out.Outcome = "refused"
	}
	return out, nil
}

// auditRoutes are for admins alone.
func (s *server) auditRoutes() []*route {
	since := param{name: "since", kind: "time", doc: "Only from this time on."}
	until := param{name: "until", kind: "time", doc: "Only from before this time."}
	actor := param{name: "actor", kind: "string", doc: "Only what this one did: admin, the id of a key or portal session, cli, or engine."}
	object := param{name: "object", kind: "string", doc: "Only what was done to this, or within this application: an id."}
	return []*route{
		on("GET /audit", "List who changed what, or was refused", listAudit, params(since, until, actor, object)...),
	}
}

func listAudit(c *call, _ *none) (*list[*auditOut], error) {
	f := fanfare.AuditFilter{Since: c.time("since"), Until: c.time("until"), Actor: c.text("actor"), Object: c.text("object")}
	return paged(c, listing[*fanfare.AuditEntry]{
		descending: true,
		id:         func(e *fanfare.AuditEntry) string { return string(e.ID) },
		fetch: func(p fanfare.Page) ([]*fanfare.AuditEntry, error) {
			f.Page = p
			return c.hub.AuditEntries(c.r.Context(), f)
		},
	}, showAudit)
}
