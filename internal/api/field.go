package api

import (
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A field is a member of a request that may be absent, null or a value. Absent
// means to leave things as they are; null is the zero value, which clears.
type field[T any] struct {
	set   bool
	value T
}

// UnmarshalJSONFrom implements json.UnmarshalerFrom. An object that is not the
// whole body must have no unknown members: it replaces what was there, so that a
// slip in a name would undo a setting without a word.
func (f *field[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	f.set = true
	return json.UnmarshalDecode(dec, &f.value, json.RejectUnknownMembers(true))
}

// Schema implements huma.SchemaProvider.
func (f field[T]) Schema(r huma.Registry) *huma.Schema {
	s := *r.Schema(reflect.TypeFor[T](), true, "")
	if s.Type != "" { // neither a reference nor anything at all
		s.Nullable = true
	}
	return &s
}

// into gives what f holds to its place.
func (f field[T]) into(to *T) {
	if f.set {
		*to = f.value
	}
}

// or returns what f holds, or else what other does.
func (f field[T]) or(other field[T]) field[T] {
	if f.set {
		return f
	}
	return other
}

// seconds are a duration on the wire.
type seconds float64

// maxSeconds is more than any duration here may be, and fits one.
const maxSeconds = 1e9

func (s seconds) duration() time.Duration {
	return time.Duration(min(max(float64(s), -1), maxSeconds) * float64(time.Second)).Truncate(time.Microsecond)
}

func secondsOf(d time.Duration) seconds {
	return seconds(d.Seconds())
}

// pointer returns nil for a zero value, which is null on the wire.
func pointer[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	some := v // or v would be on the heap whatever it is
	return &some
}
