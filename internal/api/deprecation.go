package api

import (
	"fmt"
	"strconv"
	"time"

	"github.com/fanfarehq/fanfare"
)

// lifecycleFields are what can be written of when an event type and its versions come
// and go. They are Fanfare's: a PUT that leaves one out leaves it as it is.
type lifecycleFields struct {
	CurrentVersion field[int]                      `json:"currentVersion,omitzero" doc:"The version that messages are taken for which do not say theirs, and that endpoints are sent which have pinned none; null: the newest of schemas."`
	DeprecatedAt   field[time.Time]                `json:"deprecatedAt,omitzero" doc:"From when on nobody should begin to rely on it; may be still to come. Goes before deprecated."`
	SunsetAt       field[time.Time]                `json:"sunsetAt,omitzero" doc:"When it is likely to be gone; not before deprecatedAt. Nothing is refused for it."`
	Versions       field[map[string]retirementOut] `json:"versions,omitzero" doc:"deprecatedAt and sunsetAt of versions that go out of use before the type does, by version."`
}

// retirementOut is when something goes out of use, as clients write it and read it.
type retirementOut struct {
	DeprecatedAt *time.Time `json:"deprecatedAt,omitzero" doc:"From when on nobody should begin to rely on it."`
	SunsetAt     *time.Time `json:"sunsetAt,omitzero" doc:"When it is likely to be gone; not before deprecatedAt."`
}

// apply gives t what f and the member deprecated, which all clients know, say.
func (f *lifecycleFields) apply(t *fanfare.EventType, deprecated field[bool]) error {
	if f.DeprecatedAt.set {
		t.DeprecatedAt, t.Deprecated = micros(&f.DeprecatedAt.value), false
		if t.DeprecatedAt.IsZero() {
			t.SunsetAt = time.Time{}
		}
	}
	if f.SunsetAt.set {
		t.SunsetAt = micros(&f.SunsetAt.value)
	}
	if deprecated.set && (!f.DeprecatedAt.set || t.DeprecatedAt.IsZero()) {
		t.SetDeprecated(deprecated.value, micros(new(time.Now())))
	}
	f.CurrentVersion.into(&t.CurrentVersion)
	if f.CurrentVersion.set && f.CurrentVersion.value < 0 {
		return &fanfare.InvalidError{Field: "currentVersion", Reason: "must be a version of schemas, such as 1; null: the newest"}
	}
	if !f.Versions.set {
		return nil
	}
	t.Versions = make(map[int]fanfare.Retirement, len(f.Versions.value))
	for name, r := range f.Versions.value {
		n, err := strconv.Atoi(name)
		if err != nil || strconv.Itoa(n) != name {
			return &fanfare.InvalidError{Field: "versions", Reason: fmt.Sprintf("%s is not a version, such as 1", echo(name))}
		}
		if at := (fanfare.Retirement{DeprecatedAt: micros(r.DeprecatedAt), SunsetAt: micros(r.SunsetAt)}); !at.IsZero() {
			t.Versions[n] = at
		}
	}
	return nil
}

// settle drops what t says of versions that its schemas have lost, but for what was
// said just now.
func (f *lifecycleFields) settle(t *fanfare.EventType) {
	current, versions := t.CurrentVersion, t.Versions
	t.DropLostVersions()
	if f.CurrentVersion.set {
		t.CurrentVersion = current
	}
	if f.Versions.set {
		t.Versions = versions
	}
}

// micros is a time as it is stored; nil is none.
func micros(t *time.Time) time.Time {
	if t == nil || t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Microsecond)
}

func showVersions(versions map[int]fanfare.Retirement) map[string]retirementOut {
	out := make(map[string]retirementOut, len(versions))
	for n, r := range versions {
		out[strconv.Itoa(n)] = retirementOut{pointer(r.DeprecatedAt), pointer(r.SunsetAt)}
	}
	return out
}

// retiring tells whoever has sent messages when they go out of use: the first of them,
// where there are several.
func (c *call) retiring(msgs ...*fanfare.Message) {
	var soonest fanfare.Retirement
	for _, msg := range msgs {
		soonest = soonest.Sooner(c.hub.Retirement(c.r.Context(), msg.EventType, msg.EventTypeVersion))
	}
	for _, line := range soonest.Header() {
		c.w.Header().Set(line.Name, line.Value)
	}
}

// deprecated says that a message goes out of use; "" if it does not.
func (c *call) deprecated(msg *fanfare.Message) string {
	r := c.hub.Retirement(c.r.Context(), msg.EventType, msg.EventTypeVersion)
	if r.DeprecatedAt.IsZero() {
		return ""
	}
	what := "The event type " + msg.EventType
	if msg.EventTypeVersion != 0 {
		what = fmt.Sprintf("Version %d of the event type %s", msg.EventTypeVersion, msg.EventType)
	}
	text := what + " is deprecated from " + r.DeprecatedAt.Format(time.DateOnly) + " on"
	if !r.SunsetAt.IsZero() {
		text += ", and is to be gone by " + r.SunsetAt.Format(time.DateOnly)
	}
	return text + "."
}

// knownPins refuses a pin, of those that the request has, of a version that there is
// none of. One of an event type that the caller does not see, or that has no versions,
// may be for later.
func (c *call) knownPins(pins field[map[string]int]) error {
	if len(pins.value) > fanfare.MaxPins {
		return nil // which the Hub refuses
	}
	for name, version := range pins.value {
		t, err := c.hub.EventType(c.r.Context(), name)
		if err != nil || !c.who.sees(t) || len(t.VersionNumbers()) == 0 {
			continue
		}
		if err := t.CheckVersion("eventTypeVersions", version); err != nil {
			return err
		}
	}
	return nil
}
