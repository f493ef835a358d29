package ui

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// ofRecipes are the pages of what recipes have made in an application.
func ofRecipes() map[string]func(*visit) error {
	return map[string]func(*visit) error{
		"GET /recipe/{recipe}":         readInstalled,
		"GET /recipe/{recipe}/remove":  confirmRemoval,
		"POST /recipe/{recipe}/remove": removeInstalled,
	}
}

// madeByRecipe is what the uids of all that recipes have made begin with; then comes what
// the installation is known by, a point, and the recipe's own name for it.
const madeByRecipe = "recipe."

// installation is what a uid says that its recipe is known by; "": it was made by none.
func installation(uid string) string {
	rest, made := strings.CutPrefix(uid, madeByRecipe)
	as, _, whole := strings.Cut(rest, ".")
	if !made || !whole {
		return ""
	}
	return as
}

// An installedRow is a recipe that an application has.
type installedRow struct {
	As, URL   string
	App       place
	Endpoints int
	State     badge // of the worst of its endpoints
	Made      when

	failing time.Time // since when one does nothing but fail
	idle    int       // how many are paused or disabled
}

// installed are the recipes that the newest endpoints were made by. partial reports
// whether there are older ones, which were not looked at.
func (v *visit) installed() (rows []*installedRow, partial bool, err error) {
	eps, next, err := v.everyEndpoint(fanfare.EndpointFilter{Limit: fanfare.MaxPage, Look: fanfare.MaxPage})
	if err != nil {
		return nil, false, err
	}
	names, at := v.names(), map[string]*installedRow{}
	for _, ep := range eps {
		as := installation(ep.UID)
		if as == "" {
			continue
		}
		app := v.root + "/app/" + url.PathEscape(string(ep.Application))
		row := at[app+" "+as]
		if row == nil {
			name, err := names(ep.Application)
			if err != nil {
				return nil, false, err
			}
			row = &installedRow{As: as, URL: app + "/recipe/" + url.PathEscape(as), App: place{Text: name, URL: app}}
			at[app+" "+as], rows = row, append(rows, row)
		}
		row.Endpoints, row.Made = row.Endpoints+1, v.when(ep.CreatedAt)
		row.note(ep)
	}
	for _, row := range rows {
		row.settle(v)
	}
	return rows, next != "", nil
}

// note counts how one of its endpoints fares.
func (row *installedRow) note(ep *fanfare.Endpoint) {
	switch {
	case ep.Disabled || ep.Paused:
		row.idle++
	case !ep.FailingSince.IsZero() && (row.failing.IsZero() || ep.FailingSince.Before(row.failing)):
		row.failing = ep.FailingSince
	}
}

func (row *installedRow) settle(v *visit) {
	switch {
	case !row.failing.IsZero():
		row.State = badge{"bad", "Failing for " + long(v.now.Sub(row.failing))}
	case row.idle > 0:
		row.State = badge{"idle", "Paused or disabled"}
	default:
		row.State = badge{"ok", "At work"}
	}
}

// An installedBody is what a recipe has made in an application, and what has come of it.
type installedBody struct {
	As        string
	App       *applicationBrief
	Sources   []sourceFull
	Endpoints []installedEndpoint
	Log       []attemptRow
	Remove    string
	Empty     empty
}

type installedEndpoint struct {
	endpointOut
	State badge
}

// runsShown is how many of the newest attempts the log of a recipe has, of each of its
// endpoints and in all.
const runsShown = 30

// readInstalled shows what a recipe has made, and its log: the newest attempts of its
// endpoints.
func readInstalled(v *visit) error {
	body, err := v.ofRecipe()
	if err != nil {
		return err
	}
	for _, ep := range body.Endpoints {
		attempts, err := v.newest(ep.ID, runsShown)
		if err != nil {
			return err
		}
		for i := range attempts {
			a := &attempts[i]
			body.Log = append(body.Log, attemptRow{
				ID: a.ID, URL: v.base + "/message/" + a.MsgID + "/to/" + a.EndpointID, EventType: a.EventType, To: ep.Name(),
				State: a.Badge(), Answer: a.Answer(), At: v.when(a.Timestamp), Took: a.Took(),
			})
		}
	}
	slices.SortStableFunc(body.Log, func(a, b attemptRow) int { return cmp.Or(b.At.At.Compare(a.At.At), cmp.Compare(b.ID, a.ID)) })
	body.Log = body.Log[:min(runsShown, len(body.Log))]
	body.Empty = empty{"It has not run yet", "As soon as something comes that it is for, every attempt of its endpoints is here.", nil}
	return v.show("console/installed", body.As, body)
}

// ofRecipe reads what the recipe that the path names has made.
func (v *visit) ofRecipe() (*installedBody, error) {
	app, err := v.brief()
	if err != nil {
		return nil, err
	}
	body := &installedBody{As: v.r.PathValue("recipe"), App: app}
	body.Remove = v.base + "/recipe/" + url.PathEscape(body.As) + "/remove"
	var sources listOf[sourceFull]
	if err := v.read(&sources, v.of("source"), "limit", fmt.Sprint(fanfare.MaxPage)); err != nil {
		return nil, err
	}
	for _, s := range sources.Data {
		if installation(s.UID) == body.As {
			body.Sources = append(body.Sources, s)
		}
	}
	eps, err := v.endpoints()
	if err != nil {
		return nil, err
	}
	for _, ep := range eps {
		if installation(ep.UID) == body.As {
			body.Endpoints = append(body.Endpoints, installedEndpoint{ep, ep.state(v)})
		}
	}
	if len(body.Sources)+len(body.Endpoints) == 0 {
		return nil, &refusal{Status: http.StatusNotFound, Detail: "There is no such recipe in this application, or nothing of it any more."}
	}
	return body, nil
}

func confirmRemoval(v *visit) error {
	body, err := v.ofRecipe()
	if err != nil {
		return err
	}
	return v.show("console/removal", "Remove "+body.As, struct {
		*installedBody
		Do *act
	}{body, v.act("/recipe/"+url.PathEscape(body.As)+"/remove", "Remove it", "danger")})
}

// removeInstalled deletes what a recipe has made.
func removeInstalled(v *visit) error {
	if err := v.ask(http.MethodDelete, v.of("recipe", v.r.PathValue("recipe")), nil, nil, nil); err != nil {
		return err
	}
	v.base = v.root
	return v.to("/recipe", "recipegone")
}
