package torture

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"
)

// A history is a ledger that is written by hand, of one ordered endpoint.
type history struct {
	*world
	app  *application
	ep   *endpoint
	hour time.Time
}

func newHistory(t *testing.T) *history {
	h := &history{world: newWorld(t, &host{url: "postgres:"}), hour: time.Now().Add(-time.Hour)}
	h.balancer = &balancer{}
	h.app = h.apps[2]
	h.app.endpoints = h.app.endpoints[:1]
	h.ep = h.app.endpoints[0]
	return h
}

// sent has clients send an event, of an ordering key.
func (h *history) sent(key string) *event {
	ev := &event{id: fmt.Sprint("e", len(h.events)+1), app: h.app, kind: "user.invited", key: key}
	ev.sum = sha256.Sum256([]byte(ev.id))
	h.write(ev)
	return ev
}

// taken has clients send events that are accepted, all of one ordering key.
func (h *history) taken(n int) (all []*event) {
	for range n {
		ev := h.sent("")
		h.settle(ev, accepted, "msg_"+ev.id)
		all = append(all, ev)
	}
	return all
}

// came has an event come to its receiver at some second of the hour.
func (h *history) came(ev *event, second int, status int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ep.note(arrival{event: ev, at: h.hour.Add(time.Duration(second) * time.Second), status: status})
}

// harmed notes a harm to a node, in those seconds of the hour.
func (h *history) harmed(from, to int) {
	h.harms = append(h.harms, harm{h.hour.Add(time.Duration(from) * time.Second), h.hour.Add(time.Duration(to) * time.Second)})
}

// TestAuditFindsWhatIsPlanted has the audit look at histories each of which breaks one
// promise, and at some that break none.
func TestAuditFindsWhatIsPlanted(t *testing.T) {
	for name, c := range map[string]struct {
		plant func(h *history)
		want  string // part of a problem; "": there is none
	}{
		"nothing": {func(h *history) {
			for i, ev := range h.taken(3) {
				h.came(ev, i, 200)
			}
		}, ""},
		"a refusal, and a retry": {func(h *history) {
			all := h.taken(2)
			h.came(all[0], 0, 500)
			h.came(all[0], 1, 200)
			h.came(all[1], 2, 200)
		}, ""},
		"keys that do not wait for each other": {func(h *history) {
			a, b := h.sent("a"), h.sent("b")
			h.settle(a, accepted, "msg_a")
			h.settle(b, accepted, "msg_b")
			h.came(b, 0, 200)
			h.came(a, 1, 200)
		}, ""},
		"what a harm explains": {func(h *history) {
			all := h.taken(2)
			h.came(all[0], 100, 200)
			h.harmed(101, 112)
			h.came(all[0], 112, 200)
			h.came(all[1], 113, 200)
		}, ""},
		"a loss": {func(h *history) {
			all := h.taken(2)
			h.came(all[0], 0, 200)
		}, "1 deliveries are lost"},
		"a loss after refusals": {func(h *history) {
			h.came(h.taken(1)[0], 0, 500)
		}, "1 deliveries are lost"},
		"a duplicate without a harm": {func(h *history) {
			ev := h.taken(1)[0]
			h.came(ev, 0, 200)
			h.came(ev, 1, 200)
		}, "1 duplicates, and 0 kills allow for 0"},
		"a duplicate long before a harm": {func(h *history) {
			ev := h.taken(1)[0]
			h.came(ev, 0, 200)
			h.came(ev, 1, 200)
			h.harmed(100, 112)
		}, "2 of them when nothing had been done to any node"},
		"more duplicates than were in flight": {func(h *history) {
			h.harmed(100, 112)
			for range h.unrecorded(h.ep) + 1 {
				ev := h.taken(1)[0]
				h.came(ev, 100, 200)
				h.came(ev, 112, 200)
			}
		}, "and 1 kills allow for"},
		"an inversion": {func(h *history) {
			all := h.taken(3)
			h.came(all[0], 0, 200)
			h.came(all[2], 1, 200)
			h.came(all[1], 2, 200)
		}, "number 2 arrived before number 3 was taken"},
		"the next before the first was taken": {func(h *history) {
			all := h.taken(2)
			h.came(all[0], 0, 500)
			h.came(all[1], 1, 200)
			h.came(all[0], 2, 200)
		}, "number 2 arrived before number 1 was taken"},
		"an inversion within a key": {func(h *history) {
			a, b := h.sent("k"), h.sent("k")
			h.settle(a, accepted, "msg_a")
			h.settle(b, accepted, "msg_b")
			h.came(b, 0, 200)
			h.came(a, 1, 200)
		}, "number 1 arrived before number 2 was taken"},
		"what was refused": {func(h *history) {
			ev := h.sent("")
			h.settle(ev, rejected, "")
			h.came(ev, 0, 200)
		}, "was rejected, and arrived"},
		"what was never settled": {func(h *history) { h.sent("") }, "nobody knows what became of it"},
		"what was never sent":    {func(h *history) { h.arrive(h.ep, "e77", "msg_e77", [32]byte{}, false) }, "which was never sent"},
		"other bytes": {func(h *history) {
			ev := h.taken(1)[0]
			h.arrive(h.ep, ev.id, ev.message, [32]byte{1}, false)
		}, "is not what was sent"},
		"a stranger's": {func(h *history) {
			ev := h.taken(1)[0]
			h.came(ev, 0, 200)
			h.arrive(h.apps[1].endpoints[0], ev.id, ev.message, ev.sum, false)
		}, "arrived, which is of app-2"},
		"two messages of one event": {func(h *history) {
			ev := h.taken(1)[0]
			h.settle(ev, accepted, "msg_other")
			h.came(ev, 0, 200)
		}, "is message msg_e1 and message msg_other"},
		"accepted here, refused there": {func(h *history) {
			ev := h.taken(1)[0]
			h.came(ev, 0, 200)
			h.settle(ev, rejected, "")
		}, "accepted as well as refused"},
	} {
		h := newHistory(t)
		c.plant(h)
		h.hold(len(h.harms))
		found := strings.Join(h.problems, "\n")
		if c.want == "" && found != "" || !strings.Contains(found, c.want) {
			t.Errorf("%s: the audit finds %q, want %q", name, found, c.want)
		}
	}
}

// TestWhatHarmDoesNotExplain holds duplicates against attempts that were not recorded.
func TestWhatHarmDoesNotExplain(t *testing.T) {
	for _, c := range []struct{ duplicates, unrecorded, fenced, harms, want int }{
		{0, 0, 0, 0, 0}, {3, 3, 0, 1, 0}, {2, 5, 0, 1, 0}, {3, 2, 0, 1, 1}, {3, 2, 1, 1, 0}, {0, 1, 0, 0, 1}, {2, 1, 0, 0, 2},
	} {
		f := &figures{Duplicates: c.duplicates, Unrecorded: c.unrecorded, nodeFigures: &nodeFigures{Fenced: c.fenced}}
		if got := f.beyond(c.harms); len(got) != c.want {
			t.Errorf("%d duplicates, %d attempts not recorded, %d harms: %q, want %d problems", c.duplicates, c.unrecorded, c.harms, got, c.want)
		}
	}
}

// TestPickupIsMeasured has a lane stand still after a node's death, and another not.
func TestPickupIsMeasured(t *testing.T) {
	h := newHistory(t)
	died := h.hour.Add(10 * time.Second)
	for i, second := range []int{5, 10, 23, 24} { // the second was on the wire
		ev := h.taken(1)[0]
		ev.at = h.hour.Add(time.Duration(4+i) * time.Second)
		h.came(ev, second, 200)
	}
	if got, want := h.pickup(died), 13*time.Second; got != want {
		t.Errorf("it stood still for %s, want %s", got, want)
	}
}

// TestClientsOfOneKeyHearTheSame has one of them told something else.
func TestClientsOfOneKeyHearTheSame(t *testing.T) {
	same := &sameAnswer{}
	if !same.hears([]byte("a")) || !same.hears([]byte("a")) {
		t.Error("a is not taken for a")
	}
	if same.hears([]byte("b")) {
		t.Error("b is taken for a")
	}
}
