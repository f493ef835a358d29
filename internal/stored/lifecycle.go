package stored

import (
	"encoding/json"

	"github.com/fanfarehq/fanfare"
)

// A lifecycle is how the database keeps which version of an event type is current,
// and when the type and its versions go out of use.
type lifecycle struct {
	Current int `json:"current,omitempty"`
	dates
	Versions map[int]dates `json:"versions,omitempty"`
}

type dates struct {
	DeprecatedAt int64 `json:"deprecatedAt,omitempty"`
	SunsetAt     int64 `json:"sunsetAt,omitempty"`
}

func datesOf(r fanfare.Retirement) dates { return dates{Micros(r.DeprecatedAt), Micros(r.SunsetAt)} }

func (d dates) retirement() fanfare.Retirement {
	return fanfare.Retirement{DeprecatedAt: Instant(d.DeprecatedAt), SunsetAt: Instant(d.SunsetAt)}
}

// Lifecycle writes what t says of that as JSON; "" if it says nothing.
func Lifecycle(t *fanfare.EventType) string {
	own := fanfare.Retirement{DeprecatedAt: t.DeprecatedAt, SunsetAt: t.SunsetAt}
	if t.CurrentVersion == 0 && own.IsZero() && len(t.Versions) == 0 {
		return ""
	}
	v := lifecycle{Current: t.CurrentVersion, dates: datesOf(own), Versions: make(map[int]dates, len(t.Versions))}
	for version, r := range t.Versions {
		v.Versions[version] = datesOf(r)
	}
	text, _ := json.Marshal(v) // nothing in it can fail
	return string(text)
}

// ReadLifecycle reads what Lifecycle wrote into t.
func ReadLifecycle(text string, t *fanfare.EventType) error {
	if text == "" {
		return nil
	}
	var v lifecycle
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return err
	}
	own := v.retirement()
	t.CurrentVersion, t.DeprecatedAt, t.SunsetAt = v.Current, own.DeprecatedAt, own.SunsetAt
	if len(v.Versions) > 0 {
		t.Versions = make(map[int]fanfare.Retirement, len(v.Versions))
	}
	for version, d := range v.Versions {
		t.Versions[version] = d.retirement()
	}
	return nil
}
