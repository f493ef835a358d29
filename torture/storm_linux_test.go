package torture

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// stormKeys is how many keys a storm has.
const stormKeys = 30

// storm has so many events asked for at all nodes at once, each under one idempotency
// key, by a client of each node that goes on to the others when it has no answer. wait
// returns when all have one. It must be the same for all clients of a key, whatever
// becomes of the nodes meanwhile.
func (f *trio) storm(t *testing.T, keys int) (wait func()) {
	t.Helper()
	f.Storms += keys
	var all sync.WaitGroup
	app := f.apps[0]
	maker := &client{world: f.world, app: app, pace: nodePace, chance: f.chance, name: fmt.Sprintf("storm-%x", f.chance.Uint32())}
	for range keys {
		ev, body := maker.event()
		for ev.malformed {
			f.settle(ev, rejected, "") // it is not sent
			ev, body = maker.event()
		}
		same := &sameAnswer{key: ev.id}
		for at := range f.nodes {
			d := &demand{trio: f, event: ev, body: []byte(body), at: at, same: same}
			all.Go(func() { d.insist(t) })
		}
	}
	return func() { all.Wait() }
}

// A demand is one client's of a storm.
type demand struct {
	*trio
	event *event
	body  []byte
	at    int // the node that is asked first
	same  *sameAnswer
}

// insist asks until there is an answer that settles it.
func (d *demand) insist(t *testing.T) {
	c := &client{world: d.world, app: d.event.app, http: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
	r := &request{client: c, path: "msg", key: d.same.key, body: d.body, events: []*event{d.event}}
	for tries := 0; t.Context().Err() == nil; tries++ {
		node := d.nodes[(d.at+tries)%len(d.nodes)]
		status, _, body, err := r.postTo(t.Context(), node.host.address)
		d.count(status, err)
		switch {
		case err != nil, status == http.StatusServiceUnavailable, status == http.StatusInternalServerError:
			pause(t.Context(), 10*time.Millisecond)
			continue
		case status != http.StatusAccepted:
			d.wrong("%s: answered %d in a storm: %s", d.event.id, status, body)
		case !d.same.hears(body):
			d.wrong("%s: answered %s, and another client of the same key %s", d.event.id, body, d.same.got)
		default:
			r.accepted(body)
		}
		return
	}
}
