package api

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/fanfarehq/fanfare"
)

// Bounds of one count.
const (
	maxCountedApps  = 1000
	maxCountedTypes = 1000
)

// usageScope is where counts are kept, with remembered answers, and so for a day.
const usageScope = "usage"

// usageRoutes count. Clients know counting as a background task, which they ask for
// by its id; here it has ended when it is begun.
func (s *server) usageRoutes() []*route {
	return []*route{
		on("POST /stats/usage/app", "Count applications' messages; the counts are in data, and kept for a day as a background task", countApplications).needs(fanfare.ScopeReadMessages, noSession).doing("usage.count-applications"),
		on("PUT /stats/usage/event-types", "Count the messages of each event type; the counts are in data, and kept for a day as a background task", countEventTypes).needs(fanfare.ScopeReadMessages, noSession).doing("usage.count-event-types"),
	}
}

type usageIn struct {
	AppIDs field[[]string] `json:"appIds,omitzero" doc:"By id or uid, 1,000 at most; all applications unless told."`
	Since  time.Time       `json:"since" doc:"Only messages accepted at this time or later."`
	Until  time.Time       `json:"until" doc:"Only messages accepted before this time."`
}

type usageOut struct {
	ID         string    `json:"id"`
	Status     string    `json:"status" enum:"finished"`
	Task       string    `json:"task" enum:"application.stats,event-type.aggregate"`
	Unresolved *[]string `json:"unresolvedAppIds,omitzero" doc:"Of the applications named, those that are not there."`
	Data       usageData `json:"data" newer:"true"`
	UpdatedAt  time.Time `json:"updatedAt" newer:"true"`
}

// usageData has one of the two.
type usageData struct {
	Applications []appUsage  `json:"applications,omitzero" doc:"Of those counted."`
	EventTypes   []typeUsage `json:"eventTypes,omitzero" doc:"Those with the most messages, 1,000 at most."`
}

type appUsage struct {
	AppID string `json:"appId"`
	usageCounts
}

type typeUsage struct {
	EventType string `json:"eventType"`
	usageCounts
}

type usageCounts struct {
	Messages     int `json:"messages" doc:"That were accepted and are still kept."`
	Destinations int `json:"messageDestinations" doc:"Deliveries of them."`
}

func countApplications(c *call, in *usageIn) (*usageOut, error) {
	if !in.Since.Before(in.Until) {
		return nil, &fanfare.InvalidError{Field: "until", Reason: "must be later than since"}
	}
	out := &usageOut{Task: "application.stats", Unresolved: &[]string{}, Data: usageData{Applications: []appUsage{}}}
	ids, err := c.counted(in, out)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		total, _, err := c.hub.Usage(c.r.Context(), id, in.Since, in.Until, 0)
		if err != nil {
			return nil, err
		}
		out.Data.Applications = append(out.Data.Applications, appUsage{string(id), usageCounts{total.Messages, total.Deliveries}})
	}
	return c.keepUsage(out)
}

// counted are the applications to be counted. Those that are not there go into out.
func (c *call) counted(in *usageIn, out *usageOut) (ids []fanfare.ApplicationID, err error) {
	tooMany := &fanfare.InvalidError{Field: "appIds", Reason: fmt.Sprintf("has at most %d; name some at a time", maxCountedApps)}
	if len(in.AppIDs.value) > maxCountedApps {
		return nil, tooMany
	}
	for _, ref := range in.AppIDs.value {
		app, err := c.hub.Application(c.r.Context(), ref)
		switch {
		case errors.Is(err, fanfare.ErrNotFound):
			*out.Unresolved = append(*out.Unresolved, ref)
		case err != nil:
			return nil, err
		default:
			ids = append(ids, app.ID)
		}
	}
	if in.AppIDs.set {
		return ids, nil
	}
	page := fanfare.Page{Limit: fanfare.MaxPage, Ascending: true}
	for {
		apps, err := c.hub.Applications(c.r.Context(), page)
		if err != nil {
			return nil, err
		}
		for _, app := range apps {
			ids = append(ids, app.ID)
		}
		switch {
		case len(ids) > maxCountedApps:
			return nil, tooMany
		case len(apps) < page.Limit:
			return ids, nil
		}
		page.After = string(apps[len(apps)-1].ID)
	}
}

func countEventTypes(c *call, _ *none) (*usageOut, error) {
	_, top, err := c.hub.Usage(c.r.Context(), "", time.Time{}, time.Time{}, maxCountedTypes)
	if err != nil {
		return nil, err
	}
	out := &usageOut{Task: "event-type.aggregate", Data: usageData{EventTypes: []typeUsage{}}}
	for _, of := range top {
		out.Data.EventTypes = append(out.Data.EventTypes, typeUsage{of.EventType, usageCounts{of.Messages, of.Deliveries}})
	}
	return c.keepUsage(out)
}

// keepUsage keeps counts for those who ask for them as a task.
func (c *call) keepUsage(out *usageOut) (*usageOut, error) {
	var raw [16]byte
	rand.Read(raw[:]) // never fails: crypto/rand ends the process instead
	now := time.Now().UTC()
	binary.BigEndian.PutUint64(raw[:8], uint64(now.UnixMilli())<<16)
	out.ID, out.Status, out.UpdatedAt = fanfare.EncodeID("qtask_", raw), "finished", now.Truncate(time.Microsecond)
	body, err := json.Marshal(out, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	return out, c.store.Remember(c.r.Context(), usageScope, out.ID, &fanfare.Answer{Status: http.StatusOK, Body: body})
}

// keptUsage answers with the counts of that id. It reports false if there are none
// that the caller may see.
func (c *call) keptUsage(id string) (ok bool, err error) {
	if c.who.application() != "" || c.who.wholly() != nil {
		return false, nil
	}
	a, err := c.store.Answer(c.r.Context(), usageScope, id)
	if errors.Is(err, fanfare.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	c.out = a.Body
	return true, nil
}
