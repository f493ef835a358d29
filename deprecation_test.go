package fanfare_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// dates gives what the n-th request, from 1, said of when its message goes out of use.
func (rcv *receiver) dates(n int) string {
	h := rcv.requests()[n-1].header
	return fmt.Sprintf("%q %q", h.Values("Deprecation"), h.Values("Sunset"))
}

func TestWhatGoesOutOfUseSaysSo(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		rcv := w.receiver("a.example", nil)
		w.endpoint(fanfare.Endpoint{URL: rcv.url})
		n := 0
		is := func(version int, want string) {
			t.Helper()
			n++
			w.renditions("a", "", version)
			synctest.Wait()
			if got := rcv.dates(n); got != want {
				t.Errorf("version %d was sent with %s, want %s", version, got, want)
			}
		}
		const schemas = `{"1":{}}`
		is(0, `[] []`)
		w.eventType(fanfare.EventType{Name: "b", Deprecated: true})
		is(0, `[] []`)
		from, until := time.Date(2026, 11, 11, 23, 59, 59, 5e8, time.UTC), time.Date(2027, 6, 30, 23, 59, 59, 0, time.FixedZone("", 3600))
		w.eventType(fanfare.EventType{Name: "a", Schemas: []byte(schemas), DeprecatedAt: from, SunsetAt: until})
		is(0, `["@1794441599"] ["Wed, 30 Jun 2027 22:59:59 GMT"]`)
		is(1, `["@1794441599"] ["Wed, 30 Jun 2027 22:59:59 GMT"]`)
		w.eventType(fanfare.EventType{Name: "a", Schemas: []byte(schemas), DeprecatedAt: from, Archived: true})
		is(0, `["@1794441599"] []`)

		const two = `{"1":{},"2":{}}`
		w.eventType(fanfare.EventType{Name: "a", Schemas: []byte(two), Versions: map[int]fanfare.Retirement{1: {DeprecatedAt: from}, 2: {DeprecatedAt: until, SunsetAt: until}},
			CurrentVersion: 1, DeprecatedAt: from.Add(time.Hour), SunsetAt: until.Add(time.Hour)})
		is(0, `["@1794441599"] ["Wed, 30 Jun 2027 23:59:59 GMT"]`)
		is(1, `["@1794441599"] ["Wed, 30 Jun 2027 23:59:59 GMT"]`)
		w.eventType(fanfare.EventType{Name: "a", Schemas: []byte(two), Versions: map[int]fanfare.Retirement{1: {DeprecatedAt: from}}})
		is(0, `[] []`)
		is(2, `[] []`)
		if err := w.hub.DeleteEventType(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		is(0, `[] []`)
	})
}

func TestAnEventTypeIsDeprecatedFromADateOn(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		read := func() *fanfare.EventType {
			t.Helper()
			typ, err := w.hub.EventType(t.Context(), "a")
			list, err2 := w.hub.EventTypes(t.Context(), fanfare.Page{Limit: 10, Ascending: true}, true)
			if err = errors.Join(err, err2); err != nil || list[0].Deprecated != typ.Deprecated || !list[0].DeprecatedAt.Equal(typ.DeprecatedAt) {
				t.Fatalf("read %+v and listed %+v, %v", typ, list, err)
			}
			return typ
		}
		is := func(deprecated bool, at time.Time) {
			t.Helper()
			if typ := read(); typ.Deprecated != deprecated || !typ.DeprecatedAt.Equal(at) {
				t.Errorf("deprecated %t from %v on, want %t, %v", typ.Deprecated, typ.DeprecatedAt, deprecated, at)
			}
		}
		set := func(change func(typ *fanfare.EventType)) {
			t.Helper()
			typ := read()
			change(typ)
			if err := w.hub.UpdateEventType(t.Context(), typ); err != nil {
				t.Fatal(err)
			}
		}
		w.eventType(fanfare.EventType{Name: "a", Deprecated: true})
		is(true, w.start)
		time.Sleep(time.Hour)
		set(func(typ *fanfare.EventType) { typ.Description = "d" })
		is(true, w.start)
		set(func(typ *fanfare.EventType) { typ.SetDeprecated(true, time.Now()) })
		is(true, w.start)
		set(func(typ *fanfare.EventType) { typ.SetDeprecated(false, time.Now()) })
		is(false, time.Time{})
		soon := time.Now().Add(time.Hour)
		set(func(typ *fanfare.EventType) { typ.DeprecatedAt, typ.SunsetAt = soon, soon })
		is(false, soon)
		set(func(typ *fanfare.EventType) { typ.SetDeprecated(false, time.Now()) })
		is(false, soon)
		time.Sleep(time.Hour)
		is(true, soon)
		set(func(typ *fanfare.EventType) { typ.SetDeprecated(false, time.Now()) })
		is(false, time.Time{})
		set(func(typ *fanfare.EventType) { typ.DeprecatedAt = time.Now().Add(time.Hour) })
		set(func(typ *fanfare.EventType) { typ.SetDeprecated(true, time.Now()) })
		is(true, time.Now())
	})
}

func TestDatesThatAreRefused(t *testing.T) {
	one, two := time.Unix(1e9, 0), time.Unix(2e9, 0)
	for field, typ := range map[string]fanfare.EventType{
		"sunsetAt":                {SunsetAt: one},
		"sunsetAt ":               {DeprecatedAt: two, SunsetAt: one},
		"deprecatedAt":            {DeprecatedAt: time.Unix(-1, 0)},
		"deprecatedAt ":           {DeprecatedAt: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"versions":                {Versions: map[int]fanfare.Retirement{1: {DeprecatedAt: one}}},
		"versions ":               {Schemas: []byte(`{"1":{}}`), Versions: map[int]fanfare.Retirement{2: {DeprecatedAt: one}}},
		"versions.1.sunsetAt":     {Schemas: []byte(`{"1":{}}`), Versions: map[int]fanfare.Retirement{1: {SunsetAt: one}}},
		"versions.1.deprecatedAt": {Schemas: []byte(`{"1":{}}`), Versions: map[int]fanfare.Retirement{1: {DeprecatedAt: time.Unix(-5, 0)}}},
		"currentVersion":          {CurrentVersion: 1},
		"currentVersion ":         {Schemas: []byte(`{"1":{}}`), CurrentVersion: 2},
		"currentVersion  ":        {Schemas: []byte(`{"1":{}}`), CurrentVersion: -1},
	} {
		inBubble(t, nil, func(t *testing.T, w *world) {
			typ.Name = "a"
			var wrong *fanfare.InvalidError
			if err := w.hub.CreateEventType(t.Context(), &typ); !errors.As(err, &wrong) || fmt.Sprintf("%-*s", len(field), wrong.Field) != field {
				t.Errorf("%+v: %v, want a refusal of %s", typ, err, field)
			}
		})
	}
}

func TestVersionsThatAreLostAreForgotten(t *testing.T) {
	at := fanfare.Retirement{DeprecatedAt: time.Unix(1e9, 0)}
	typ := &fanfare.EventType{Schemas: []byte(`{"1":{},"v2":{}}`), CurrentVersion: 2, Versions: map[int]fanfare.Retirement{1: at, 2: at}}
	typ.DropLostVersions()
	if typ.CurrentVersion != 2 || len(typ.Versions) != 2 {
		t.Errorf("with nothing lost it says %+v", typ)
	}
	typ.Schemas = []byte(`{"1":{}}`)
	typ.DropLostVersions()
	if typ.CurrentVersion != 0 || len(typ.Versions) != 1 || typ.Versions[1] != at {
		t.Errorf("without version 2 it says %+v", typ)
	}
}
