package fanfare

import (
	"encoding/binary"
	"runtime"
	"testing"
)

// intakes makes messages with one delivery each.
func intakes(from, n int, payload []byte) []*Intake {
	made := make([]*Intake, n)
	for i := range made {
		raw := [16]byte{}
		binary.BigEndian.PutUint64(raw[8:], uint64(from+i))
		id := MessageID(string(raw[:]))
		made[i] = &Intake{Message: &Message{ID: id, Payload: payload}, Deliveries: []Delivery{{Message: id}}}
	}
	return made
}

// TestRecentIsBounded keeps more messages than there is room for.
func TestRecentIsBounded(t *testing.T) {
	for _, size := range []int{recentOverhead, 64 << 10} {
		payload := make([]byte, size)
		room := recentBudget / (size + recentOverhead)
		var r recent
		var last []*Intake
		for from := 0; from < room+3000; from += 1000 {
			last = intakes(from, 1000, payload)
			r.expect(last)
			for _, in := range last {
				r.arrived(in.Message.ID)
			}
		}
		if r.bytes > recentBudget || len(r.byID) != room {
			t.Errorf("payloads of %d: %d messages with %d bytes are kept, want %d with at most %d", size, len(r.byID), r.bytes, room, recentBudget)
		}
		if len(r.order) > 2*len(r.byID)+1024 {
			t.Errorf("payloads of %d: %d places for %d messages", size, len(r.order), len(r.byID))
		}
		for _, in := range last {
			if r.get(in.Message.ID) != in.Message {
				t.Fatalf("payloads of %d: one of the last is not kept", size)
			}
		}
	}
}

// TestRecentLetsGo uses every message up, one way or another.
func TestRecentLetsGo(t *testing.T) {
	var r recent
	for from := range 100 {
		ins := intakes(1000*from, 1000, []byte("payload"))
		r.expect(ins)
		for i, in := range ins {
			id := in.Message.ID
			switch i % 3 {
			case 0:
				r.forget(ins[i : i+1])
			case 1:
				r.drop(id)
				if r.get(id) != nil || !r.arriving(id) {
					t.Fatal("dropped, it is still there, or not arriving any more")
				}
				r.arrived(id)
			case 2:
				r.arrived(id)
				r.used(id)
			}
		}
	}
	if len(r.byID) != 0 || r.bytes != 0 || len(r.order) > 4096 {
		t.Errorf("left over: %d messages, %d bytes, %d places", len(r.byID), r.bytes, len(r.order))
	}
}

// TestRecentOverhead holds what a message takes in memory against what it is
// counted as.
func TestRecentOverhead(t *testing.T) {
	const n = 20_000
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	var r recent
	before := heap()
	for from := 0; from < n; from += 1000 {
		r.expect(intakes(from, 1000, nil))
	}
	if each := (heap() - before) / n; each > recentOverhead {
		t.Errorf("a message takes %d bytes beside its payload, and is counted as %d", each, recentOverhead)
	} else {
		t.Logf("a message takes %d bytes beside its payload", each)
	}
	runtime.KeepAlive(&r)
}
