package ui

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/fanfarehq/fanfare"
)

// holds reports whether an endpoint has all words in its URL, description, id or uid.
func holds(ep *fanfare.Endpoint, words []string) bool {
	text := strings.ToLower(string(ep.ID) + " " + ep.UID + " " + ep.URL + " " + ep.Description)
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

// findEvery lists endpoints of all applications that are wanted, among the next thousand.
// next is behind which to go on.
func (v *visit) findEvery(f fanfare.EndpointFilter, wanted func(*fanfare.Endpoint) bool) (rows []*everyRow, next fanfare.EndpointID, err error) {
	var found []*fanfare.Endpoint
	f.Limit, f.Look = fanfare.MaxPage, issuesLook
	for range searchLook {
		eps, behind, err := v.everyEndpoint(f)
		if err != nil {
			return nil, "", err
		}
		next = behind
		for _, ep := range eps {
			if !wanted(ep) {
				continue
			}
			if found = append(found, ep); len(found) == pageSize {
				next = ep.ID
				break
			}
		}
		if f.Before = next; next == "" || len(found) == pageSize {
			break
		}
	}
	rows, err = v.everyRows(found)
	return rows, next, err
}

// findID adds what has an id that says what it is of and not whose. A source is looked for
// in the newest applications, and an attempt at the newest endpoints, with a look-up by key
// in each.
func (v *visit) findID(id string, add func(text, path string)) error {
	kind, _, _ := strings.Cut(id, "_")
	raw, ok := fanfare.DecodeID(kind+"_", id)
	if !ok {
		return nil
	}
	switch kind {
	case "ep":
		return v.findEndpoint(raw, add)
	case "atmpt":
		return v.findAttempt(raw, add)
	case "msg":
		return v.findMessage(id, add)
	}
	if !v.reaches("GET /app") {
		return nil
	}
	var list listOf[applicationOut]
	for range searchLook {
		behind := list.Iterator
		list = listOf[applicationOut]{}
		if err := v.read(&list, "/app", "limit", fmt.Sprint(fanfare.MaxPage), "iterator", behind); err != nil {
			return err
		}
		for _, app := range list.Data {
			of := v.within(app.ID)
			err := of.read(nil, of.of("source", id))
			if _, refused := isRefused(err); err != nil && !refused {
				return err
			}
			if err == nil {
				add(id+" of "+app.Called(), "/app/"+url.PathEscape(app.ID)+"/source/"+id)
				return nil
			}
		}
		if list.Done {
			break
		}
	}
	return nil
}

// findMessage is findID of a message.
func (v *visit) findMessage(id string, add func(text, path string)) error {
	var list foundList
	if !v.reaches("GET /message") {
		return nil
	}
	if err := v.read(&list, "/message", "id", id); err != nil {
		return err
	}
	rows, err := v.foundRows(list.Data)
	for _, row := range rows {
		add(id+" of "+row.Of.Text, strings.TrimPrefix(row.URL, v.root))
	}
	return err
}

// findEndpoint is findID of an endpoint, which is found whoever it belongs to.
func (v *visit) findEndpoint(raw [16]byte, add func(text, path string)) error {
	if !v.reaches("GET /endpoint") {
		return nil
	}
	f := fanfare.EndpointFilter{Before: fanfare.EndpointID(fanfare.EncodeID("ep_", numberAfter(raw))), Limit: 1, Look: 1}
	rows, _, err := v.everyOf(f)
	for _, row := range rows {
		if row.ID == fanfare.EncodeID("ep_", raw) {
			add("Endpoint "+row.Name()+" of "+row.AppName, strings.TrimPrefix(row.At, v.root))
		}
	}
	return err
}

// findAttempt is findID of an attempt, which is looked for at the newest thousand
// endpoints.
func (v *visit) findAttempt(raw [16]byte, add func(text, path string)) error {
	if !v.reaches("GET /attempt") || !v.reaches("GET /endpoint") {
		return nil
	}
	id := fanfare.AttemptID(fanfare.EncodeID("atmpt_", raw))
	to, msg, err := v.hub.FindAttempt(v.r.Context(), id)
	switch {
	case errors.Is(err, fanfare.ErrNotFound):
		return nil
	case err != nil:
		return err
	}
	add("Attempt "+string(id), "/app/"+string(to.Application)+"/message/"+string(msg)+"/to/"+string(to.Endpoint))
	return nil
}

// numberAfter is the number after one of 16 bytes.
func numberAfter(raw [16]byte) [16]byte {
	for i := len(raw) - 1; i >= 0; i-- {
		if raw[i]++; raw[i] != 0 {
			break
		}
	}
	return raw
}

// findCalled adds applications that have words in their name or uid, or an address such as
// that of an e-mail in their metadata, of the newest.
func (v *visit) findCalled(words string, add func(text, path string)) error {
	if len(words) < 2 || !v.reaches("GET /app") {
		return nil
	}
	var list listOf[applicationOut]
	if err := v.read(&list, "/app", "limit", fmt.Sprint(fanfare.MaxPage)); err != nil {
		return err
	}
	shown := 0
	for _, app := range list.Data {
		text := app.Name + " " + app.UID
		if strings.Contains(words, "@") {
			text += " " + strings.Join(slices.Sorted(maps.Values(app.Metadata)), " ")
		}
		if words == app.ID || words == strings.ToLower(app.UID) || !strings.Contains(strings.ToLower(text), words) {
			continue
		}
		add("Application "+app.Called(), "/app/"+url.PathEscape(app.ID))
		if shown++; shown == mostCalled {
			break
		}
	}
	return nil
}

// mostCalled is how many applications, and endpoints, are offered that are called alike.
const mostCalled = 5

// findEndpoints adds endpoints that have words in their description or uid, of the newest
// thousand.
func (v *visit) findEndpoints(words string, add func(text, path string)) error {
	if len(words) < 2 {
		return nil
	}
	var found []*fanfare.Endpoint
	f := fanfare.EndpointFilter{Limit: fanfare.MaxPage, Look: issuesLook}
	for range searchLook {
		eps, next, err := v.everyEndpoint(f)
		if err != nil {
			return err
		}
		for _, ep := range eps {
			if len(found) < mostCalled && strings.Contains(strings.ToLower(ep.Description+" "+ep.UID), words) {
				found = append(found, ep)
			}
		}
		if f.Before = next; next == "" || len(found) == mostCalled {
			break
		}
	}
	rows, err := v.everyRows(found)
	for _, row := range rows {
		add("Endpoint "+row.Name()+" of "+row.AppName, strings.TrimPrefix(row.At, v.root))
	}
	return err
}
