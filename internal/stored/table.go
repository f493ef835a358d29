package stored

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"math/bits"
)

// A Kind is what stands in a column, and as which type a row has it. Where a column
// is NULL a row has nil.
type Kind uint8

// The kinds of columns.
const (
	ID     Kind = iota // [16]byte
	IDs                // [][16]byte
	Number             // int64
	Truth              // bool
	Text               // string
	Texts              // []string
	Bytes              // []byte
)

// A Column is one that a table has in every store.
type Column struct {
	Name string
	Kind Kind
}

// A Table is one whose rows a store can take over from another as they are. What a
// store derives from them, such as what it looks things up by, is not in it.
type Table struct {
	Name    string
	Columns []Column
}

// Tables are all there are, what others refer to first.
var Tables = []Table{
	{"sealing_key", []Column{{"id", Text}}},
	{"setting", []Column{{"name", Text}, {"value", Bytes}, {"sealed_by", Text}}},
	{"application", []Column{
		{"id", ID}, {"uid", Text}, {"name", Text}, {"rate_limit", Number}, {"metadata", Text}, {"retry", Text},
		{"alert_email", Text}, {"revision", Number}, {"created_at", Number}, {"updated_at", Number},
	}},
	{"endpoint", []Column{
		{"id", ID}, {"application", ID}, {"uid", Text}, {"url", Text}, {"ordered", Truth}, {"disabled", Truth}, {"paused", Truth}, {"channels", Texts},
		{"failing_since", Number}, {"settings", Bytes}, {"sealed_by", Text}, {"revision", Number},
		{"created_at", Number}, {"updated_at", Number},
	}},
	{"source", []Column{
		{"id", ID}, {"application", ID}, {"uid", Text}, {"token", Bytes}, {"old_token", Bytes}, {"settings", Bytes}, {"sealed_by", Text},
		{"revision", Number}, {"created_at", Number}, {"updated_at", Number},
	}},
	{"mute", []Column{{"id", ID}, {"application", ID}, {"endpoint", ID}, {"cause", Text}, {"created_at", Number}}},
	{"tally", []Column{
		{"begins_at", Number}, {"hub", ID}, {"accepted", Number}, {"delivered", Number}, {"given_up", Number}, {"failed", Number},
	}},
	{"endpoint_tally", []Column{{"begins_at", Number}, {"endpoint", ID}, {"sheet", ID}, {"succeeded", Number}, {"failed", Number}}},
	{"event_type", []Column{
		{"name", Text}, {"id", ID}, {"description", Text}, {"group_name", Text}, {"schemas", Bytes}, {"examples", Bytes},
		{"validation", Text}, {"feature_flags", Text}, {"retry", Text}, {"lifecycle", Text}, {"archived", Truth}, {"deprecated", Truth},
		{"revision", Number}, {"created_at", Number}, {"updated_at", Number},
	}},
	{"key", []Column{
		{"id", ID}, {"hash", Bytes}, {"name", Text}, {"scopes", Text}, {"application", ID}, {"channels", Text}, {"portal", Truth}, {"expires_at", Number},
		{"used_at", Number}, {"created_at", Number},
	}},
	{"session", []Column{
		{"hash", Bytes}, {"application", ID}, {"capabilities", Text}, {"feature_flags", Text}, {"channels", Text}, {"label", Text},
		{"created_by", Text}, {"created_by_name", Text}, {"expires_at", Number}, {"created_at", Number},
	}},
	{"consumer", []Column{
		{"endpoint", ID}, {"name", Text}, {"after", ID}, {"epoch", Number}, {"seen_at", Number}, {"created_at", Number},
	}},
	{"task", []Column{
		{"id", ID}, {"application", ID}, {"endpoint", ID}, {"kind", Text}, {"state", Number}, {"revision", Number},
		{"total", Number}, {"done", Number}, {"at_endpoint", ID}, {"at_message", ID}, {"at_attempt", ID}, {"at_probe", ID}, {"selection", Text}, {"error", Text},
		{"parts", Number}, {"lines", Number}, {"damaged", Number}, {"size", Number}, {"expires_at", Number},
		{"created_at", Number}, {"updated_at", Number},
	}},
	{"task_part", []Column{{"task", ID}, {"number", Number}, {"content", Bytes}, {"sealed_by", Text}}},
	{"message", []Column{
		{"application", ID}, {"id", ID}, {"event_id", Text}, {"event_type", Text}, {"event_type_version", Number}, {"content_type", Text}, {"channels", Texts},
		{"tags", Texts}, {"ordering_key", Text}, {"deliver_at", Number}, {"created_at", Number}, {"checksum", Number},
		{"endpoints", IDs}, {"payload", Bytes},
	}},
	{"delivery", []Column{
		{"endpoint", ID}, {"message", ID}, {"state", Number}, {"manual", Truth}, {"attempts", Number}, {"rank", Number},
		{"due_at", Number}, {"created_at", Number}, {"ordering_key", Text},
	}},
	{"attempt", []Column{
		{"endpoint", ID}, {"id", ID}, {"message", ID}, {"place", Number}, {"number", Number}, {"manual", Truth}, {"url", Text},
		{"started_at", Number}, {"duration", Number}, {"first_byte", Number}, {"status", Number}, {"class", Text},
		{"detail", Text}, {"state", Number}, {"next_at", Number}, {"truncated", Truth}, {"request_header", Bytes},
		{"response_header", Bytes}, {"response_body", Bytes},
	}},
	{"idempotency", []Column{
		{"application", ID}, {"key", Text}, {"fingerprint", Bytes}, {"messages", IDs}, {"expires_at", Number},
	}},
	{"answer", []Column{
		{"scope", Text}, {"key", Text}, {"fingerprint", Bytes}, {"status", Number}, {"body", Bytes}, {"sealed_by", Text},
		{"expires_at", Number},
	}},
	{"audit", []Column{
		{"id", ID}, {"at", Number}, {"actor", Text}, {"action", Text}, {"application", Text}, {"object", Text},
		{"address", Text}, {"refused", Truth}, {"fields", Text}, {"detail", Text},
	}},
	{"doomed", []Column{{"id", ID}, {"kind", Text}}},
}

// A Snapshot is all that a store holds, as it is at one moment.
type Snapshot interface {
	// Count is how many rows a table has.
	Count(t Table) (int64, error)
	// Rows reads the rows of a table behind the first ones, always in the same order.
	// A row is good until the next one is asked for.
	Rows(t Table, behind int64) iter.Seq2[[]any, error]
	// Newest is the largest id of a message or attempt that was noted when some were
	// removed, and the largest place of an attempt there ever was.
	Newest() (id [16]byte, place int64, err error)
}

// A Sum says of some rows how many they are and what they are, in whichever order.
type Sum struct {
	Rows  int64
	check [4]uint64
}

// Add takes in a row.
func (s *Sum) Add(row []any) {
	var b []byte
	for _, v := range row {
		b = appendValue(b, v)
	}
	digest := sha256.Sum256(b)
	carry := uint64(0)
	for i := range s.check {
		s.check[i], carry = bits.Add64(s.check[i], binary.LittleEndian.Uint64(digest[8*i:]), carry)
	}
	s.Rows++
}

// appendValue writes a value so that no two rows are written alike, with its length
// first.
func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, 0)
	case [16]byte:
		return append(append(b, 1), v[:]...)
	case int64:
		return binary.LittleEndian.AppendUint64(append(b, 2), uint64(v))
	case bool:
		if v {
			return append(b, 3)
		}
		return append(b, 4)
	case string:
		return append(binary.AppendUvarint(append(b, 5), uint64(len(v))), v...)
	case []byte:
		return append(binary.AppendUvarint(append(b, 6), uint64(len(v))), v...)
	case [][16]byte:
		b = binary.AppendUvarint(append(b, 7), uint64(len(v)))
		for i := range v {
			b = append(b, v[i][:]...)
		}
		return b
	case []string:
		if len(v) == 0 { // an empty list does not say of what it is, where it is read back
			return appendValue(b, [][16]byte{})
		}
		b = binary.AppendUvarint(append(b, 8), uint64(len(v)))
		for _, text := range v {
			b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
		}
		return b
	}
	panic(fmt.Sprintf("stored: a row has a %T", v))
}
