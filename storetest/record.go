package storetest

import (
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

var recordTests = []test{
	{"an attempt comes back as it was recorded", attemptComesBack},
	{"a delivery stands where the outcome says", recordMoves},
	{"a delivery that has ended stays as it is", recordEnded},
	{"an attempt at no delivery is not kept", recordNoDelivery},
	{"an attempt at a deleted endpoint is not kept", recordDeletedEndpoint},
	{"an attempt at a pruned message is not kept", recordPrunedMessage},
	{"an attempt recorded twice is kept once", recordTwice},
	{"an attempt is manual when its round is", recordManual},
	{"several attempts are recorded together", recordSeveral},
}

var laneTests = []test{
	{"lanes are the endpoints where something waits", lanes},
	{"what waits is read in order, behind a place", waitingOrder},
	{"what waits is read by ordering key", waitingByKey},
	{"a lane that is not there is empty", waitingUnknown},
}

func attemptComesBack(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	msg := w.message(app, ep)
	o := w.outcome(msg, ep, fanfare.Waiting)
	a := o.Attempt
	a.Number, a.URL = 7, "https://example.com/in?a=%00&b=é"
	a.StartedAt = a.StartedAt.Add(123456789).In(time.FixedZone("", 3600))
	a.NextAt = a.NextAt.Add(1999)
	a.Duration, a.FirstByte = 20*time.Second+time.Microsecond, 3*time.Microsecond
	a.RequestHeader = []fanfare.Header{{Name: "webhook-id", Value: string(msg.ID)}, {Name: "X-Empty"}, {Name: "x-empty", Value: `"q"`}}
	a.Status, a.Truncated = 599, true
	// Receivers may answer with bytes that are no text at all.
	a.ResponseHeader = []fanfare.Header{{Name: "Set-Cookie", Value: "b"}, {Name: "Set-Cookie", Value: "a"}, {Name: "X-Latin", Value: "\xe9\xff<>&\u2028"}}
	a.ResponseBody = []byte("\x00\xff\xfe</script>")
	a.Class, a.Detail = fanfare.ClassReset, `read: "connection reset"`
	w.ok(w.store.Record(w.Context(), o))
	check := func() {
		w.Helper()
		got, err := w.store.Attempt(w.Context(), app.ID, msg.ID, a.ID)
		w.ok(err)
		same(w, "attempt", got, cloneAttempt(a))
		list, err := w.store.Attempts(w.Context(), app.ID, fanfare.AttemptFilter{Page: everything, Endpoint: ep.ID})
		w.ok(err)
		same(w, "attempts", list, []*fanfare.Attempt{cloneAttempt(a)})
	}
	check()
	w.reopen()
	check()
	_, err := w.store.Attempt(w.Context(), app.ID, w.message(app).ID, a.ID)
	w.is(err, fanfare.ErrNotFound) // it is another message's
}

func recordMoves(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	for _, state := range []fanfare.State{fanfare.Waiting, fanfare.Delivered, fanfare.GivenUp} {
		msg := w.draft(app, func(m *fanfare.Message) { m.OrderingKey = "k" })
		w.accept(msg, ep)
		w.ok(w.store.Resend(w.Context(), app.ID, &fanfare.Delivery{Message: msg.ID, Endpoint: ep.ID, Due: msg.CreatedAt, Rank: 1, Manual: true}))
		o := w.outcome(msg, ep, state)
		// Of the delivery, State, Rank, Due and Attempts are recorded and no more.
		o.Delivery.Attempts, o.Delivery.OrderingKey, o.Delivery.Manual = 3, "", false
		w.ok(w.store.Record(w.Context(), o))
		want := o.Delivery
		want.OrderingKey, want.Manual = "k", true
		same(w, "delivery", w.delivery(msg, ep), &want)
		waits := slices.Contains(w.waiting(ep), msg.ID)
		same(w, state.String()+" waits", waits, state == fanfare.Waiting)
	}
}

func recordEnded(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	end := map[fanfare.State]func(*fanfare.Message){
		fanfare.Delivered: func(msg *fanfare.Message) { w.record(msg, ep, fanfare.Delivered) },
		fanfare.GivenUp:   func(msg *fanfare.Message) { w.record(msg, ep, fanfare.GivenUp) },
		fanfare.Cancelled: func(msg *fanfare.Message) {
			_, err := w.store.Cancel(w.Context(), app.ID, msg.ID)
			w.ok(err)
		},
	}
	for _, ended := range []fanfare.State{fanfare.Delivered, fanfare.GivenUp, fanfare.Cancelled} {
		for _, late := range []fanfare.State{fanfare.Waiting, fanfare.Delivered, fanfare.GivenUp} {
			msg := w.message(app, ep)
			end[ended](msg)
			before := w.delivery(msg, ep)
			o := w.outcome(msg, ep, late)
			o.Delivery.Attempts = 9
			w.ok(w.store.Record(w.Context(), o))
			same(w, "delivery", w.delivery(msg, ep), before)
			same(w, "state", w.delivery(msg, ep).State, ended)
			got, err := w.store.Attempt(w.Context(), app.ID, msg.ID, o.Attempt.ID)
			w.ok(err)
			same(w, "attempt", got, cloneAttempt(o.Attempt))
		}
	}
	same(w, "what waits", w.waiting(ep), nil)
}

func recordNoDelivery(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	msg := w.message(app)
	a := w.record(msg, ep, fanfare.Waiting)
	same(w, "delivery", w.delivery(msg, ep), nil)
	_, err := w.store.Attempt(w.Context(), app.ID, msg.ID, a.ID)
	w.is(err, fanfare.ErrNotFound)
}

func recordDeletedEndpoint(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	msg := w.message(app, ep)
	w.ok(w.store.DeleteEndpoint(w.Context(), app.ID, ep.ID))
	a := w.record(msg, ep, fanfare.Waiting)
	_, err := w.store.Attempt(w.Context(), app.ID, msg.ID, a.ID)
	w.is(err, fanfare.ErrNotFound)
	same(w, "delivery", w.delivery(msg, ep), nil)
	same(w, "what waits", w.waiting(ep), nil)

	late := w.endpoint(app)
	msg = w.message(app, late)
	w.ok(w.store.DeleteApplication(w.Context(), app.ID))
	w.record(msg, late, fanfare.Delivered)
	same(w, "what is left", w.photograph(app), photograph{})
}

// An attempt belongs to its message and goes with it. One that comes after would
// never be removed again.
func recordPrunedMessage(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	msg := w.message(app, ep)
	_, err := w.store.Cancel(w.Context(), app.ID, msg.ID)
	w.ok(err)
	n, err := w.store.Prune(w.Context(), msg.CreatedAt.Add(time.Hour), 10)
	w.ok(err)
	same(w, "messages pruned", n, 1)
	w.record(msg, ep, fanfare.Delivered)
	attempts, err := w.store.Attempts(w.Context(), app.ID, fanfare.AttemptFilter{Page: everything, Endpoint: ep.ID})
	w.ok(err)
	same(w, "attempts", attempts, nil)
	same(w, "what is left", w.photograph(app), photograph{Application: app, Endpoints: []*fanfare.Endpoint{cloneEndpoint(ep)}})
}

// Whoever was not told that an attempt was recorded may record it once more.
func recordTwice(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	msg := w.message(app, ep)
	o := w.outcome(msg, ep, fanfare.GivenUp)
	w.ok(w.store.Record(w.Context(), o))
	again := fanfare.Delivery{Message: msg.ID, Endpoint: ep.ID, Due: msg.CreatedAt, Rank: 5, Manual: true}
	w.ok(w.store.Resend(w.Context(), app.ID, &again))
	w.ok(w.store.Record(w.Context(), o))
	same(w, "delivery", w.delivery(msg, ep), &again)
	attempts, err := w.store.Attempts(w.Context(), app.ID, fanfare.AttemptFilter{Page: everything, Message: msg.ID})
	w.ok(err)
	same(w, "attempts", len(attempts), 1)
}

// An attempt may be under way while its delivery is resent, so whether it was
// asked for is told by the store.
func recordManual(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	msg := w.message(app, ep)
	for _, manual := range []bool{false, true} {
		if manual {
			w.ok(w.store.Resend(w.Context(), app.ID, &fanfare.Delivery{Message: msg.ID, Endpoint: ep.ID, Due: start, Rank: 1, Manual: true}))
		}
		for _, state := range []fanfare.State{fanfare.Waiting, fanfare.GivenUp, fanfare.Delivered} { // the last one comes late
			o := w.outcome(msg, ep, state)
			o.Attempt.Manual = !manual
			w.ok(w.store.Record(w.Context(), o))
			same(w, "the caller's attempt is manual", o.Attempt.Manual, manual)
			got, err := w.store.Attempt(w.Context(), app.ID, msg.ID, o.Attempt.ID)
			w.ok(err)
			same(w, "the attempt is manual", got.Manual, manual)
		}
	}
}

func lanes(w *world) {
	check := func(when string, want ...*fanfare.Endpoint) {
		w.Helper()
		got, err := w.store.Lanes(w.Context())
		w.ok(err)
		same(w, when, inOrder(got), inOrder(each(want, func(ep *fanfare.Endpoint) fanfare.Lane {
			return fanfare.Lane{Application: ep.Application, Endpoint: ep.ID}
		})))
	}
	check("an empty store")
	a, b := w.application(""), w.application("")
	one, two, three := w.endpoint(a), w.endpoint(b, ordered), w.endpoint(b)
	w.endpoint(a)
	check("no messages")
	w.accept(w.draft(a, func(m *fanfare.Message) { m.DeliverAt = m.CreatedAt.AddDate(1, 0, 0) }), one)
	first, second := w.message(b, two, three), w.message(b, two)
	check("three endpoints", one, two, three)
	w.reopen()
	check("opened again", one, two, three)
	w.record(first, two, fanfare.Delivered)
	w.record(first, three, fanfare.Waiting)
	check("one of two ended", one, two, three)
	w.record(second, two, fanfare.GivenUp)
	check("both ended", one, three)
	_, err := w.store.Cancel(w.Context(), b.ID, first.ID)
	w.ok(err)
	check("cancelled", one)
	w.ok(w.store.Resend(w.Context(), b.ID, &fanfare.Delivery{Message: first.ID, Endpoint: two.ID, Due: start}))
	check("resent", one, two)
	two.Disabled, three.Paused = true, true
	w.ok(w.store.UpdateEndpoint(w.Context(), two))
	check("disabled", one, two) // whether to send is not the store's affair
}

// inOrder sorts lanes, which come in no order.
func inOrder(lanes []fanfare.Lane) []fanfare.Lane {
	slices.SortFunc(lanes, func(a, b fanfare.Lane) int {
		if a.Endpoint < b.Endpoint {
			return -1
		}
		return 1
	})
	return lanes
}

func waitingOrder(w *world) {
	app := w.application("")
	ep, other := w.endpoint(app), w.endpoint(app)
	at := func(rank int64) *fanfare.Delivery {
		msg := w.draft(app)
		in := intake(msg, ep, other)
		in.Deliveries[0].Rank, in.Deliveries[0].Due = rank, time.UnixMicro(rank).UTC()
		_, err := w.store.Accept(w.Context(), app.ID, []*fanfare.Intake{in}, nil)
		w.ok(err)
		return &in.Deliveries[0]
	}
	a, b, c, d, e := at(500), at(200), at(500), at(200), at(1<<52)
	want := []*fanfare.Delivery{b, d, a, c, e}
	for i := range want {
		for limit := 1; limit <= len(want)+1; limit++ {
			q := fanfare.WaitingQuery{Endpoint: ep.ID, Limit: limit}
			if i > 0 {
				q.AfterRank, q.AfterMessage = want[i-1].Rank, want[i-1].Message
			}
			got, err := w.store.Waiting(w.Context(), q)
			w.ok(err)
			same(w, "waiting", got, want[i:min(i+limit, len(want))])
		}
	}
	// A place need not be taken.
	got, err := w.store.Waiting(w.Context(), fanfare.WaitingQuery{Endpoint: ep.ID, AfterRank: 300, AfterMessage: e.Message, Limit: 1})
	w.ok(err)
	same(w, "behind a gap", got, []*fanfare.Delivery{a})
	got, err = w.store.Waiting(w.Context(), fanfare.WaitingQuery{Endpoint: ep.ID, AfterRank: 500, Limit: 1})
	w.ok(err)
	same(w, "behind no message of a rank", got, []*fanfare.Delivery{a})
	got, err = w.store.Waiting(w.Context(), fanfare.WaitingQuery{Endpoint: ep.ID, AfterRank: e.Rank, AfterMessage: e.Message, Limit: 1})
	w.ok(err)
	same(w, "behind the last", got, nil)
}

func waitingByKey(w *world) {
	app := w.application("")
	ep := w.endpoint(app, ordered)
	keys := []string{"", "a", "A", "a", "a ", "", "a"}
	byKey := map[string][]fanfare.MessageID{}
	for _, key := range keys {
		msg := w.accept(w.draft(app, func(m *fanfare.Message) { m.OrderingKey = key }), ep)
		byKey[key] = append(byKey[key], msg.ID)
	}
	for key, want := range byKey {
		q := fanfare.WaitingQuery{Endpoint: ep.ID, Key: &key, Limit: 10}
		got, err := w.store.Waiting(w.Context(), q)
		w.ok(err)
		same(w, "key "+key, each(got, func(d *fanfare.Delivery) fanfare.MessageID { return d.Message }), want)
		q.AfterMessage = want[0]
		got, err = w.store.Waiting(w.Context(), q)
		w.ok(err)
		same(w, "key "+key+" behind the first", each(got, func(d *fanfare.Delivery) fanfare.MessageID { return d.Message }), want[1:])
	}
	none := "b"
	got, err := w.store.Waiting(w.Context(), fanfare.WaitingQuery{Endpoint: ep.ID, Key: &none, Limit: 10})
	w.ok(err)
	same(w, "a key nobody used", got, nil)
}

func waitingUnknown(w *world) {
	got, err := w.store.Waiting(w.Context(), fanfare.WaitingQuery{Endpoint: "ep_01JCQ4E2M07000G00000000004", Limit: 10})
	w.ok(err)
	same(w, "waiting", got, nil)
}

// recordSeveral records at once what moves a delivery twice, what ends another,
// what has no delivery, and what is there already.
func recordSeveral(w *world) {
	app := w.application("")
	ep, gone := w.endpoint(app), w.endpoint(app)
	one, two := w.message(app, ep, gone), w.message(app, ep)
	w.ok(w.store.DeleteEndpoint(w.Context(), app.ID, gone.ID))
	first, second := w.outcome(one, ep, fanfare.Waiting), w.outcome(one, ep, fanfare.GivenUp)
	w.ok(w.store.Record(w.Context(), first))
	end, none := w.outcome(two, ep, fanfare.Delivered), w.outcome(one, gone, fanfare.Delivered)
	w.ok(w.store.Record(w.Context(), none, first, end, second, end))
	w.ok(w.store.Record(w.Context()))
	for range 2 {
		list, err := w.store.Attempts(w.Context(), app.ID, fanfare.AttemptFilter{Page: everything, Endpoint: ep.ID})
		w.ok(err)
		got := each(list, func(a *fanfare.Attempt) fanfare.AttemptID { return a.ID })
		want := []fanfare.AttemptID{first.Attempt.ID, second.Attempt.ID, end.Attempt.ID}
		slices.Sort(got)
		slices.Sort(want)
		same(w, "attempts", got, want)
		ds, err := w.store.Deliveries(w.Context(), app.ID, fanfare.DeliveryFilter{Page: everything, Endpoint: ep.ID})
		w.ok(err)
		states := map[fanfare.MessageID]fanfare.State{}
		for _, d := range ds {
			states[d.Message] = d.State
		}
		same(w, "deliveries", states, map[fanfare.MessageID]fanfare.State{one.ID: fanfare.GivenUp, two.ID: fanfare.Delivered})
		w.reopen()
	}
}
