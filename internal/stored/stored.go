// Package stored is how values of package fanfare stand in a column of a database:
// the same in every store, so that what one has written another can take over as it
// is. Names within what is written do not change when those in package fanfare do.
package stored

import (
	"encoding/json"
	"math"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// Micros is a time as it stands in a column: microseconds since 1970, 0 for none.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Instant is the time that Micros wrote, in UTC.
func Instant(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// From is the first microsecond of a span of time; zero: of all time.
func From(since time.Time) int64 {
	if since.IsZero() {
		return math.MinInt64
	}
	return Ceil(since)
}

// To is the first microsecond behind a span of time; zero: it has no end.
func To(until time.Time) int64 {
	if until.IsZero() {
		return math.MaxInt64
	}
	return Ceil(until)
}

// Ceil rounds up, for bounds of times that were rounded down.
func Ceil(t time.Time) int64 {
	us := t.UnixMicro()
	if t.Nanosecond()%1000 != 0 {
		us++
	}
	return us
}

// List writes a list or a map as JSON; "" if it is empty.
func List[T ~[]string | ~map[string]string](v T) string {
	if len(v) == 0 {
		return ""
	}
	text, _ := json.Marshal(v) // strings always can be
	return string(text)
}

// ReadList reads what List wrote.
func ReadList[T ~[]string | ~map[string]string](text string) (v T, err error) {
	if text == "" {
		return nil, nil
	}
	err = json.Unmarshal([]byte(text), &v)
	return v, err
}

// Header writes a header as lines "Name: value". A line break within a value
// is followed by a tab, so that the value can be read back byte for byte.
func Header(header []fanfare.Header) string {
	size := 0
	for _, h := range header {
		size += len(h.Name) + len(h.Value) + len(": \n")
	}
	var b strings.Builder
	b.Grow(size)
	for _, h := range header {
		b.WriteString(h.Name)
		b.WriteString(": ")
		b.WriteString(strings.ReplaceAll(h.Value, "\n", "\n\t"))
		b.WriteByte('\n')
	}
	return b.String()
}

// ReadHeader reads what Header wrote.
func ReadHeader(text string) []fanfare.Header {
	var header []fanfare.Header
	for text != "" {
		end := lineEnd(text)
		name, value, _ := strings.Cut(text[:end], ": ")
		header = append(header, fanfare.Header{Name: name, Value: strings.ReplaceAll(value, "\n\t", "\n")})
		text = strings.TrimPrefix(text[end:], "\n")
	}
	return header
}

// lineEnd finds the first line break that is not part of a value.
func lineEnd(text string) int {
	for i := range len(text) {
		if text[i] == '\n' && !strings.HasPrefix(text[i+1:], "\t") {
			return i
		}
	}
	return len(text)
}
