package ui

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/fanfarehq/fanfare"
)

// portalRoutes are all addresses of the portal.
func (h *Handler) portalRoutes() {
	h.mux.HandleFunc("GET "+portalPath, h.inPortal(listEndpoints))
	h.mux.HandleFunc("POST "+portalPath+"/enter", h.atDoor(enter))
	h.mux.HandleFunc("GET "+portalPath+"/", h.inPortal(noPage))
	for _, pages := range []map[string]func(*visit) error{portalPages(), selfPages()} {
		for pattern, serve := range pages {
			method, path, _ := strings.Cut(pattern, " ")
			h.mux.HandleFunc(method+" "+portalPath+path, h.inPortal(serve))
		}
	}
	h.mux.HandleFunc("GET "+portalPath+"/help", h.inPortal(showPortalHelp))
	h.mux.HandleFunc("POST "+portalPath+"/leave", h.atDoor(leave))
	h.mux.HandleFunc("POST "+portalPath+"/theme", h.inPortal(setTheme))
	h.mux.HandleFunc("POST "+portalPath+"/keys", h.inPortal(setKeys))
}

// portalPages are the pages about one application, below wherever they are served.
func portalPages() map[string]func(*visit) error {
	all := inboxPages()
	maps.Copy(all, map[string]func(*visit) error{
		"GET /endpoint/new":                        newEndpoint,
		"POST /endpoint/new":                       addEndpoint,
		"GET /endpoint/{endpoint}":                 endpointDeliveries,
		"GET /endpoint/{endpoint}/welcome":         welcomeEndpoint,
		"GET /endpoint/{endpoint}/settings":        endpointSettings,
		"POST /endpoint/{endpoint}/settings":       saveSettings,
		"GET /endpoint/{endpoint}/test":            endpointTest,
		"POST /endpoint/{endpoint}/test":           sendTest,
		"GET /endpoint/{endpoint}/transform":       endpointTransform,
		"POST /endpoint/{endpoint}/transform":      saveTransform,
		"GET /endpoint/{endpoint}/confirm/{act}":   confirmAct,
		"POST /endpoint/{endpoint}/do/{act}":       doAct,
		"POST /endpoint/{endpoint}/secret":         revealSecret,
		"GET /log":                                 listLog,
		"GET /message/{msg}":                       readMessage,
		"GET /message/{msg}/to/{endpoint}":         readDelivery,
		"POST /message/{msg}/to/{endpoint}/resend": resend,
		"GET /message/{msg}/to/{endpoint}/edit":    editMessage,
		"POST /message/{msg}/to/{endpoint}/edit":   sendEditedMessage,
		"GET /catalogue":                           listCatalogue,
		"GET /catalogue/{name}":                    readEventType,
		"POST /catalogue/{name}/send":              sendFromCatalogue,
		"GET /stream":                              follow,
	})
	return all
}

func portalNav(v *visit) []place {
	path := strings.TrimPrefix(v.r.URL.Path, strings.TrimPrefix(v.base, v.root))
	at := func(prefixes ...string) bool {
		for _, p := range prefixes {
			if strings.HasPrefix(path, p) {
				return true
			}
		}
		return false
	}
	all := []place{
		{"Endpoints", v.base, path == "" || at("/endpoint")},
		{"Deliveries", v.base + "/log", at("/log", "/message")},
		{"Event types", v.base + "/catalogue", at("/catalogue")},
		{"Test inboxes", v.base + "/inbox", at("/inbox")},
		{"Settings", v.base + "/settings", at("/settings")},
	}
	if !v.inboxes {
		all = slices.Delete(all, 3, 4)
	}
	return all
}

func (h *Handler) visit(w http.ResponseWriter, r *http.Request) *visit {
	return &visit{Handler: h, w: w, r: r, base: h.root + portalPath, nav: portalNav, stream: true, now: now()}
}

// atDoor serves what is there for those who are not let in yet.
func (h *Handler) atDoor(serve func(*visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { h.handle(h.visit(w, r), serve) }
}

// inPortal serves a page to those who have a session, and shows others the door.
func (h *Handler) inPortal(serve func(*visit) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h.handle(h.visit(w, r), func(v *visit) error {
			if theme := v.asked("theme"); theme == "light" || theme == "dark" {
				v.keepTheme(theme)
			}
			if v.r.Method == http.MethodGet && v.asked("key") != "" {
				return enter(v)
			}
			in, err := v.identify()
			switch {
			case err != nil:
				return err
			case in:
				v.mark()
				return serve(v)
			case v.r.URL.Path != portalPath:
				return over
			}
			if _, err := v.r.Cookie(sessionCookie); err == nil {
				return v.showAs(http.StatusUnauthorized, "portal/enter", "Open the portal", true)
			}
			return v.show("portal/enter", "Open the portal", false)
		})
	}
}

var over = &refusal{Status: http.StatusUnauthorized, Heading: "This link has expired or was ended",
	Detail: "Links open the portal for a while only, and can be taken back. Open it again from where you found it, or ask who sent it to you for a new one."}

func noPage(*visit) error {
	return &refusal{Status: http.StatusNotFound, Detail: "There is no such page. Begin at the endpoints."}
}

// endpointRow is an endpoint in the list of them.
type endpointRow struct {
	endpointOut
	State badge
	Last  when
	Spark *sparkline
}

type endpointsBody struct {
	Base   string  // what their addresses begin with
	Fields []field // none: there is nothing to choose from
	Rows   []endpointRow
	Daily  bool // it is known what some of them were sent in a day
	Pager  pager
	MayAdd bool
	Empty  empty
}

// pageSize is how many rows a page has.
const pageSize = 50

func listEndpoints(v *visit) error {
	var list listOf[endpointOut]
	chosen := v.asked("state")
	if err := v.read(&list, v.of("endpoint"), "limit", "20", "state", chosen, "iterator", v.asked("at"), "with_activity", "true"); err != nil {
		return err
	}
	body := endpointsBody{Base: v.base, Pager: list.pager(v, ""), MayAdd: v.may(fanfare.ManageEndpoint)}
	if chosen != "" || len(list.Data) > 0 {
		body.Fields = []field{fareField(chosen)}
	}
	if err := v.addRows(&body, list.Data); err != nil {
		return err
	}
	body.Empty = empty{"Nothing is listening yet", "An endpoint is a URL of yours that is told when something happens. Whoever gave you this link can add one.", nil}
	if body.MayAdd {
		body.Empty.Text = "Add a URL of yours, choose which events it is told of, and see at once what it answers. No server at hand? The URL of a Zap that begins with a webhook will do, or that of a web app of Google Apps Script. Who cannot be reached at all asks for messages instead."
		body.Empty.Links = []place{{Text: "Add endpoint", URL: v.base + "/endpoint/new"}, {Text: "See the event types", URL: v.base + "/catalogue"}}
		if v.inboxes {
			body.Empty.Links = append(body.Empty.Links, place{Text: "No server? Use a test inbox", URL: v.base + "/inbox/start"})
		}
		body.Empty.Links = append(body.Empty.Links, place{Text: "Cannot be reached? Poll", URL: v.base + "/endpoint/new?kind=poller"})
	}
	if chosen != "" {
		body.Pager.Further = !list.Done && len(list.Data) < pageSize
		body.Empty = empty{"Nothing like that", "No endpoint is " + chosen + ".", []place{{Text: "Show all", URL: v.base}}}
	}
	return v.show("portal/endpoints", "Endpoints", body)
}

// readsAtOnce is how many endpoints a page reads the attempts of beside each other: where
// the database is another process most of the time is waiting.
const readsAtOnce = 8

// addRows adds rows of endpoints that were read with their activity.
func (v *visit) addRows(body *endpointsBody, eps []endpointOut) error {
	body.Rows = make([]endpointRow, len(eps))
	var reading errgroup.Group
	reading.SetLimit(readsAtOnce)
	for i := range eps {
		reading.Go(func() (err error) {
			body.Rows[i], err = v.endpointRow(&eps[i])
			return err
		})
	}
	err := reading.Wait()
	body.Daily = slices.ContainsFunc(body.Rows, func(row endpointRow) bool { return row.Spark != nil })
	return err
}

func (v *visit) endpointRow(ep *endpointOut) (endpointRow, error) {
	row := endpointRow{endpointOut: *ep, State: ep.state(v), Spark: ep.sparkline(v.now)}
	if ep.Kind == fanfare.KindPoller {
		row.URL = "" // it is sent nothing, wherever that leads
	}
	attempts, err := v.newest(ep.ID, 1)
	if len(attempts) > 0 {
		row.Last = v.when(attempts[0].Timestamp)
	}
	return row, err
}

// fareField asks how endpoints are to fare that are listed.
func fareField(chosen string) field {
	return field{Name: "state", Label: "State", Kind: "select", Options: options(chosen, "", "Any", "failing", "Failing", "paused", "Paused", "disabled", "Disabled")}
}

// newest are an endpoint's newest attempts, without what was sent and answered; none if
// the visitor may not see them.
func (v *visit) newest(endpoint string, n int) ([]attemptOut, error) {
	if !v.reaches("GET /app/{app}/attempt/endpoint/{endpoint}") {
		return nil, nil
	}
	var list listOf[attemptOut]
	err := v.read(&list, v.of("attempt", "endpoint", endpoint), "limit", fmt.Sprint(n), "with_content", "false")
	return list.Data, err
}
