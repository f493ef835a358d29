package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/fanfarehq/fanfare/internal/manifest"
)

// A lifecycle is what the API says of when an event type and its versions come and go.
type lifecycle struct {
	CurrentVersion int
	retirement
	Versions map[string]retirement
}

type retirement struct {
	DeprecatedAt time.Time `json:"deprecatedAt,omitzero"`
	SunsetAt     time.Time `json:"sunsetAt,omitzero"`
}

// String says it in a few words; "" if there is nothing to say.
func (r retirement) String() string {
	if r.DeprecatedAt.IsZero() {
		return ""
	}
	text := "deprecated"
	if r.DeprecatedAt.After(time.Now()) {
		text += " from " + day(r.DeprecatedAt) + " on"
	}
	if !r.SunsetAt.IsZero() {
		text += ", gone by " + day(r.SunsetAt)
	}
	return text
}

// day is the day of a time, as headers and files have it: in UTC.
func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// current is the version that is, if somebody has said so.
func (l *lifecycle) current() string {
	if l.CurrentVersion == 0 {
		return ""
	}
	return strconv.Itoa(l.CurrentVersion)
}

// going are the versions that go out of use.
func (l *lifecycle) going() string {
	var parts []string
	for _, version := range slices.Sorted(maps.Keys(l.Versions)) {
		if text := l.Versions[version].String(); text != "" {
			parts = append(parts, "version "+version+" "+text)
		}
	}
	return strings.Join(parts, "; ")
}

// versioned is an event type with the version of a message, if it has one.
func versioned(eventType string, version int) string {
	if version == 0 {
		return eventType
	}
	return fmt.Sprintf("%s v%d", eventType, version)
}

// deprecateVerb says when an event type, or a version of it, goes out of use.
func deprecateVerb() verb {
	var version int
	var at, sunset string
	var undo bool
	return verb{
		use: "deprecate NAME", short: "Say that an event type, or a version of it, goes out of use, and when",
		long: "Nothing is refused for it: whoever sends or receives such a message is told, by the headers\n" +
			"Deprecation and Sunset. Times are days, such as 2027-06-30, or such as 2027-06-30T12:00:00Z.",
		example: "fanfare event-type deprecate order.created --sunset 2027-06-30\nfanfare event-type deprecate order.created --version 1 --at 2027-01-01 --sunset 2027-06-30",
		flags: func(flags *pflag.FlagSet) {
			flags.IntVar(&version, "version", 0, "only this version of it")
			flags.StringVar(&at, "at", "", "from when on nobody should begin to rely on it; otherwise as it is, or now")
			flags.StringVar(&sunset, "sunset", "", "when it is likely to be gone; none: nobody knows")
			flags.BoolVar(&undo, "undo", false, "it is not deprecated after all")
		},
		do: func(ctx context.Context, r *request) error {
			if undo && (at != "" || sunset != "") {
				return usagef("--undo goes with neither --at nor --sunset")
			}
			var t eventType
			path := route("event-type", r.args[0])
			if _, err := r.call(ctx, http.MethodGet, path, nil, &t); err != nil {
				return err
			}
			name := strconv.Itoa(version)
			dates := t.retirement
			if r.given("version") {
				dates = t.Versions[name]
			}
			if err := dates.set(at, sunset, undo, time.Now()); err != nil {
				return err
			}
			body := map[string]any{"deprecatedAt": orNull(dates.DeprecatedAt), "sunsetAt": orNull(dates.SunsetAt)}
			if r.given("version") {
				versions := make(map[string]retirement)
				maps.Copy(versions, t.Versions)
				versions[name] = dates
				body = map[string]any{"versions": versions}
			}
			return show(ctx, r, http.MethodPatch, path, body, func(t *eventType) error { return t.show(r) })
		},
	}
}

// set gives r what the flags say.
func (r *retirement) set(at, sunset string, undo bool, now time.Time) (err error) {
	if undo {
		*r = retirement{}
		return nil
	}
	if at != "" {
		if r.DeprecatedAt, err = dayOf("at", at); err != nil {
			return err
		}
	} else if r.DeprecatedAt.IsZero() {
		r.DeprecatedAt = now.UTC().Truncate(time.Second)
	}
	if sunset == "none" {
		r.SunsetAt = time.Time{}
	} else if sunset != "" {
		r.SunsetAt, err = dayOf("sunset", sunset)
	}
	return err
}

// dayOf reads a day, which is its beginning in UTC, or a time.
func dayOf(flag, text string) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usagef("--%s: %q is neither a day, such as 2027-06-30, nor a time, such as 2027-06-30T12:00:00Z", flag, text)
}

// derived reports whether a field follows from what a file says of another: where an
// endpoint's config says where it leads, so does its url; of an event type, deprecated and deprecatedAt are two ways to say the same, and of a file that
// has only the first, the server has kept the date.
func derived(item *manifest.Item, name string, have thing) bool {
	said := func(name string) bool {
		f := item.Field(name)
		return f != nil && !unset(name, f.Value)
	}
	switch {
	case item.Kind == manifest.Endpoint:
		return name == "url" && item.Field(name) == nil && connected(item)
	case item.Kind == manifest.Source:
		is := have.text("name")
		return name == "name" && item.Field(name) == nil && (is == have.text("uid") || is == have.text("profile"))
	case item.Kind != manifest.EventType:
		return false
	case name == "deprecated":
		return said("deprecatedAt")
	case name == "deprecatedAt":
		return said("deprecated") && !said(name) && string(have["deprecated"]) == "true"
	}
	return false
}

// pins reads versions of event types, such as order.created=1; nil for none.
func pins(args []string) (map[string]int, error) {
	if len(args) == 0 || len(args) == 1 && args[0] == "none" {
		return nil, nil
	}
	texts, err := pairs(args)
	if err != nil {
		return nil, err
	}
	versions := make(map[string]int, len(texts))
	for name, text := range texts {
		if versions[name], err = strconv.Atoi(text); err != nil {
			return nil, usagef("--event-type-version: %q is not a version, as in %s=1", text, name)
		}
	}
	return versions, nil
}

// pinned shows them.
func pinned(versions map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		parts = append(parts, name+"="+strconv.Itoa(versions[name]))
	}
	return strings.Join(parts, ", ")
}

// eventTypeVersion is the version that an attempt's request has told; 0: none.
func (a *attempt) eventTypeVersion(header string) int {
	for _, line := range a.RequestHeaders {
		if strings.EqualFold(line[0], header) {
			n, _ := strconv.Atoi(line[1]) // the server has written it
			return n
		}
	}
	return 0
}
