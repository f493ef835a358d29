package fanfare

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

func TestIdentifiersOnlyGrow(t *testing.T) {
	var g ids
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	last := ""
	for i := range 20_000 {
		at := now
		if i > 10_000 {
			at = now.Add(-time.Hour) // the clock steps back
		}
		id := g.next(at, "msg_")
		if id <= last {
			t.Fatalf("%s came after %s", id, last)
		}
		last = id
	}
	raw, ok := DecodeID("msg_", last)
	if !ok {
		t.Fatalf("%s does not decode", last)
	}
	var later ids // of another process
	later.floor(raw)
	if id := later.next(now.Add(-24*time.Hour), "msg_"); id <= last {
		t.Errorf("after a restart %s came after %s", id, last)
	}
}

func FuzzDecodeID(f *testing.F) {
	f.Add("msg_", "msg_00000000000000000000000000")
	f.Add("msg_", "msg_0000000000000000000000000Z")
	f.Add("ep_", "ep_zzzzzzzzzzzzzzzzzzzzzzzzzz")
	f.Add("", "")
	f.Fuzz(func(t *testing.T, prefix, text string) {
		raw, ok := DecodeID(prefix, text)
		if ok && EncodeID(prefix, raw) != text {
			t.Errorf("%q decodes to %x, which is %q", text, raw, EncodeID(prefix, raw))
		}
		if !ok && raw != ([16]byte{}) {
			t.Errorf("%q is refused, and yet is %x", text, raw)
		}
		var random [16]byte
		copy(random[:], text)
		if back, ok := DecodeID(prefix, EncodeID(prefix, random)); !ok || back != random {
			t.Errorf("%x came back as %x, %v", random, back, ok)
		}
	})
}

func TestIdentifiersSortByTime(t *testing.T) {
	var a, b [16]byte
	for i := range uint64(1000) {
		binary.BigEndian.PutUint64(a[:], i*0x9e3779b97f4a7c15)
		binary.BigEndian.PutUint64(b[:], (i+1)*0x9e3779b97f4a7c15)
		if bytes.Compare(a[:], b[:]) < 0 != (EncodeID("x_", a) < EncodeID("x_", b)) {
			t.Fatalf("%x and %x do not sort as their text does", a, b)
		}
	}
}
