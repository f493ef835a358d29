package fanfare

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// A Retirement says when an event type, or a version of it, goes out of use. Nothing
// is refused for it: receivers and senders are told.
type Retirement struct {
	DeprecatedAt time.Time // from when on nobody should begin to rely on it; zero: it is not deprecated
	SunsetAt     time.Time // when it is likely to be gone; zero: nobody has said
}

// IsZero reports whether r says nothing.
func (r Retirement) IsZero() bool { return r.DeprecatedAt.IsZero() && r.SunsetAt.IsZero() }

// Header is r as RFC 9745 and RFC 8594 have it: Deprecation, and Sunset if that is
// known.
func (r Retirement) Header() []Header {
	if r.DeprecatedAt.IsZero() {
		return nil
	}
	header := []Header{{"Deprecation", "@" + strconv.FormatInt(r.DeprecatedAt.Unix(), 10)}}
	if !r.SunsetAt.IsZero() {
		header = append(header, Header{"Sunset", r.SunsetAt.UTC().Format(http.TimeFormat)})
	}
	return header
}

// Sooner is what comes first of two.
func (r Retirement) Sooner(s Retirement) Retirement {
	return Retirement{first(r.DeprecatedAt, s.DeprecatedAt), first(r.SunsetAt, s.SunsetAt)}
}

func first(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// check holds r's times to what headers have room for, and to their order.
func (r Retirement) check(prefix string) error {
	for field, at := range map[string]time.Time{"deprecatedAt": r.DeprecatedAt, "sunsetAt": r.SunsetAt} {
		if !at.IsZero() && (at.Unix() < 0 || at.Year() > 9999) {
			return &InvalidError{prefix + field, "must be a time from 1970 to 9999"}
		}
	}
	switch {
	case r.SunsetAt.IsZero():
		return nil
	case r.DeprecatedAt.IsZero():
		return &InvalidError{prefix + "sunsetAt", "needs a deprecatedAt before it, as what is to go must be deprecated first"}
	case r.SunsetAt.Before(r.DeprecatedAt):
		return &InvalidError{prefix + "sunsetAt", "must not be before deprecatedAt"}
	}
	return nil
}

// SetDeprecated makes t deprecated or not at that time, and moves its dates only as
// far as that needs: a date that is still to come stays when t is not deprecated yet.
func (t *EventType) SetDeprecated(is bool, at time.Time) {
	come := !t.DeprecatedAt.IsZero() && !t.DeprecatedAt.After(at)
	switch {
	case is && !come:
		t.DeprecatedAt = at
	case !is && come:
		t.DeprecatedAt, t.SunsetAt = time.Time{}, time.Time{}
	}
	t.Deprecated = is
}

// dated gives t the date of that time if it is deprecated and has none, and makes
// Deprecated say whether its date has come.
func (t *EventType) dated(at time.Time) *EventType {
	if t.Deprecated && t.DeprecatedAt.IsZero() {
		t.DeprecatedAt = at
	}
	t.Deprecated = !t.DeprecatedAt.IsZero() && !t.DeprecatedAt.After(at)
	return t
}

func (t *EventType) checkDates() error {
	if err := (Retirement{t.DeprecatedAt, t.SunsetAt}).check(""); err != nil {
		return err
	}
	if len(t.Versions) > maxVersions {
		return &InvalidError{"versions", "at most " + strconv.Itoa(maxVersions)}
	}
	for _, version := range slices.Sorted(maps.Keys(t.Versions)) {
		if err := t.CheckVersion("versions", version); err != nil {
			return err
		}
		if err := t.Versions[version].check("versions." + strconv.Itoa(version) + "."); err != nil {
			return err
		}
	}
	if t.CurrentVersion != 0 {
		return t.CheckVersion("currentVersion", t.CurrentVersion)
	}
	return nil
}

// retirement is that of messages of a version, 0 being the current one: the type's
// own dates or those of the version, whichever come first.
func (t *EventType) retirement(version, current int) Retirement {
	return Retirement{t.DeprecatedAt, t.SunsetAt}.Sooner(t.Versions[cmp.Or(version, current)])
}

// Retirement is when messages of an event type go out of use, of a version of it, or
// of the current one if that is 0. Most catalogues know of none, and then it costs
// two looks; a fault in reading the catalogue is logged, and nothing is known.
func (h *Hub) Retirement(ctx context.Context, eventType string, version int) Retirement {
	known, err := h.loadChecks(ctx)
	if err != nil {
		h.opt.Logger.ErrorContext(ctx, "reading what is deprecated", "error", err)
		return Retirement{}
	}
	if len(known) == 0 {
		return Retirement{}
	}
	by := known[eventType]
	if by == nil {
		return Retirement{}
	}
	return by.of.retirement(version, by.current)
}
