package ui

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

// ofLinks are the pages of what lets people into an application's portal.
func ofLinks() map[string]func(*visit) error {
	return map[string]func(*visit) error{
		"GET /link":                listLinks,
		"POST /link/{session}/end": endLink,
	}
}

// A linkRow is a portal session that has not ended.
type linkRow struct {
	ID, SessionID            string
	CreatedBy, CreatedByName string
	Capabilities             []fanfare.Capability
	Channels                 []string
	CreatedAt, ExpiresAt     time.Time

	Who         place    `json:"-"` // who made it
	May         []string `json:"-"` // what it lets do
	Made, Until when     `json:"-"`
	End         *act     `json:"-"`
}

// appLinks is how many links an application's page has.
const appLinks = 5

// links lists an application's links to the portal, a page of them.
func (v *visit) links(limit int, at string) (list listOf[linkRow], err error) {
	err = v.read(&list, "/auth/app/"+url.PathEscape(string(v.app))+"/session", "limit", fmt.Sprint(limit), "iterator", at)
	for i := range list.Data {
		row := &list.Data[i]
		row.Who = place{Text: cmp.Or(row.CreatedByName, row.CreatedBy, "Unknown")}
		if row.CreatedBy != "" {
			row.Who.URL = v.root + "/audit?actor=" + url.QueryEscape(row.CreatedBy)
		}
		if row.CreatedBy == "admin" {
			row.Who.Text = "The admin key"
		}
		for _, l := range lets {
			if slices.Contains(row.Capabilities, l.may) {
				row.May = append(row.May, l.text)
			}
		}
		if row.May == nil {
			row.May = []string{"Look at all but secrets"}
		}
		row.Made, row.Until = v.past(row.CreatedAt), v.when(row.ExpiresAt)
		row.End = v.act("/link/"+url.PathEscape(row.ID)+"/end", "End it", "quiet")
	}
	return list, err
}

type linksBody struct {
	applicationOut
	Rows  []linkRow
	Pager pager
	Empty empty
}

func listLinks(v *visit) error {
	app, err := v.application()
	if err != nil {
		return err
	}
	list, err := v.links(pageSize, v.asked("at"))
	if err != nil {
		return err
	}
	return v.show("console/links", "Links of "+app.Called(), linksBody{
		*app, list.Data, list.pager(v, "/link"),
		empty{"No link is good", "Nobody is let into the portal of " + app.Called() + ". Make a link on its page.", []place{{Text: "To the application", URL: v.base}}},
	})
}

// endLink ends one. That it has ended already is as good.
func endLink(v *visit) error {
	err := v.ask(http.MethodDelete, "/auth/app/"+url.PathEscape(string(v.app))+"/session/"+url.PathEscape(v.r.PathValue("session")), nil, nil, nil)
	if gone(err) {
		err = nil
	}
	return v.after(err, "/link", "sessionended")
}
