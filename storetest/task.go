package storetest

import (
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

var taskTests = []test{
	{"a task comes back as it was stored", taskComesBack},
	{"tasks are listed as a filter asks", filterTasks},
	{"tasks that have ended are forgotten", forgetTasks},
	{"only so many tasks of an application run", limitTasks},
	{"a step makes deliveries wait again", stepAgain},
	{"a step makes deliveries where there are none", stepNew},
	{"a step removes payloads", stepExpunge},
	{"a step that comes too late does nothing", stepTooLate},
	{"a walk finds the deliveries of a selection", walkDeliveries},
	{"a walk finds the messages of a selection", walkMessages},
	{"what is another's is not walked or changed", walkOthers},
	{"a response is removed for good", expungeResponse},
}

// task stores a task that runs.
func (w *world) task(app *fanfare.Application, change ...func(*fanfare.Task)) *fanfare.Task {
	w.Helper()
	id, at := w.stamp("qtask_")
	t := &fanfare.Task{ID: fanfare.TaskID(id), Kind: fanfare.TaskPurge, Application: app.ID, Total: 3, CreatedAt: at, UpdatedAt: at}
	for _, c := range change {
		c(t)
	}
	w.ok(w.store.CreateTask(w.Context(), t, fanfare.TaskKeep{Most: 1000}))
	return t
}

// readTask reads a task as it now is.
func (w *world) readTask(id fanfare.TaskID) *fanfare.Task {
	w.Helper()
	t, err := w.store.Task(w.Context(), id)
	w.ok(err)
	return t
}

// step does a piece of a task as it now is.
func (w *world) step(t *fanfare.Task, step fanfare.TaskStep) {
	w.Helper()
	step.Task, step.Revision, step.Time = t.ID, w.readTask(t.ID).Revision, start.Add(time.Hour)
	ok, err := w.store.StepTask(w.Context(), &step)
	w.ok(err)
	same(w, "whether the step was done", ok, true)
}

func taskComesBack(w *world) {
	app := w.application("")
	ep, msg := w.endpoint(app), w.message(app)
	plain := w.task(app)
	full := w.task(app, func(t *fanfare.Task) {
		t.Kind, t.Endpoint, t.State, t.Done, t.Revision = fanfare.TaskBulkReplay, ep.ID, fanfare.TaskFailed, 2, 7
		t.At = fanfare.TaskPlace{Endpoint: ep.ID, Message: msg.ID, Probe: msg.ID}
		t.Error = "the disk’s \"full\""
		t.Selection = fanfare.Selection{
			Since: start, Until: start.Add(time.Hour), EventTypes: []string{"a", "b.c"}, Channel: "eu", Tag: `"`,
			States: []fanfare.State{fanfare.Waiting, fanfare.GivenUp}, StatusClass: 5, Messages: []fanfare.MessageID{msg.ID}, WhenHealthy: true,
		}
	})
	w.reopen()
	same(w, "a plain task", w.readTask(plain.ID), cloneTask(plain))
	same(w, "a full task", w.readTask(full.ID), cloneTask(full))
	for _, id := range []fanfare.TaskID{"", "qtask_", "\x00", "qtask_0000000000000000000000000Z", fanfare.TaskID(app.ID)} {
		_, err := w.store.Task(w.Context(), id)
		w.is(err, fanfare.ErrNotFound)
	}
	orphan := *plain
	orphan.Application = "app_0000000000000000000000000Z"
	w.is(w.store.CreateTask(w.Context(), &orphan, fanfare.TaskKeep{Most: 10}), fanfare.ErrNotFound)
	w.ok(w.store.DeleteApplication(w.Context(), app.ID))
	_, err := w.store.Task(w.Context(), plain.ID)
	w.is(err, fanfare.ErrNotFound)
	all, err := w.store.Tasks(w.Context(), fanfare.TaskFilter{Page: everything})
	w.ok(err)
	same(w, "tasks of a deleted application", all, nil)
}

func filterTasks(w *world) {
	apps := []*fanfare.Application{w.application(""), w.application("")}
	kinds := []fanfare.TaskKind{fanfare.TaskPurge, fanfare.TaskRecover, fanfare.TaskBulkReplay}
	var all []*fanfare.Task
	for i := range 24 {
		all = append(all, w.task(apps[i%2], func(t *fanfare.Task) {
			t.Kind, t.State = kinds[i%3], fanfare.TaskState(i%4)
		}))
	}
	for _, f := range []fanfare.TaskFilter{
		{}, {Application: apps[1].ID}, {Kinds: kinds[:1]}, {Kinds: kinds[1:]}, {Kinds: []fanfare.TaskKind{"none"}}, {Application: "app_0"},
		{States: []fanfare.TaskState{fanfare.TaskRunning}}, {States: []fanfare.TaskState{fanfare.TaskFailed, fanfare.TaskCancelled}},
		{Application: apps[0].ID, Kinds: kinds[:2], States: []fanfare.TaskState{fanfare.TaskRunning}},
	} {
		var want []*fanfare.Task
		for _, t := range all {
			if (f.Application == "" || t.Application == f.Application) && (f.Kinds == nil || slices.Contains(f.Kinds, t.Kind)) &&
				(f.States == nil || slices.Contains(f.States, t.State)) {
				want = append(want, cloneTask(t))
			}
		}
		for _, f.Ascending = range []bool{true, false} {
			f.Page = fanfare.Page{Limit: 5, Ascending: f.Ascending}
			for rest := want; ; {
				got, err := w.store.Tasks(w.Context(), f)
				w.ok(err)
				n := min(5, len(rest))
				same(w, "tasks", got, rest[:n])
				if rest = rest[n:]; n < 5 {
					break
				}
				f.After = string(got[4].ID)
			}
			slices.Reverse(want)
		}
	}
}

func forgetTasks(w *world) {
	app := w.application("")
	long := w.task(app) // runs, and has for long
	var ended []*fanfare.Task
	for range 6 {
		ended = append(ended, w.task(app, func(t *fanfare.Task) { t.State = fanfare.TaskFinished }))
	}
	create := func(keep fanfare.TaskKeep) *fanfare.Task {
		id, at := w.stamp("qtask_")
		t := &fanfare.Task{ID: fanfare.TaskID(id), Kind: fanfare.TaskPurge, Application: app.ID, CreatedAt: at, UpdatedAt: at}
		w.ok(w.store.CreateTask(w.Context(), t, keep))
		return t
	}
	left := func() (ids []fanfare.TaskID) {
		all, err := w.store.Tasks(w.Context(), fanfare.TaskFilter{Page: everything})
		w.ok(err)
		return each(all, func(t *fanfare.Task) fanfare.TaskID { return t.ID })
	}
	first := create(fanfare.TaskKeep{Since: ended[2].UpdatedAt, Most: 10})
	same(w, "left by age", left(), []fanfare.TaskID{long.ID, ended[2].ID, ended[3].ID, ended[4].ID, ended[5].ID, first.ID})
	second := create(fanfare.TaskKeep{Most: 2})
	same(w, "left by number", left(), []fanfare.TaskID{long.ID, ended[4].ID, ended[5].ID, first.ID, second.ID})
}

func limitTasks(w *world) {
	app, other := w.application(""), w.application("")
	w.task(app, func(t *fanfare.Task) { t.State = fanfare.TaskFinished })
	var last *fanfare.Task
	for range fanfare.MaxRunningTasks {
		last = w.task(app)
	}
	w.task(other)
	create := func(state fanfare.TaskState) error {
		id, at := w.stamp("qtask_")
		t := &fanfare.Task{ID: fanfare.TaskID(id), Kind: fanfare.TaskPurge, Application: app.ID, State: state, CreatedAt: at, UpdatedAt: at}
		return w.store.CreateTask(w.Context(), t, fanfare.TaskKeep{Most: 1000})
	}
	w.is(create(fanfare.TaskRunning), fanfare.ErrTooMany)
	all, err := w.store.Tasks(w.Context(), fanfare.TaskFilter{Page: everything, Application: app.ID})
	w.ok(err)
	same(w, "tasks", len(all), fanfare.MaxRunningTasks+1)
	w.ok(create(fanfare.TaskFailed))
	w.step(last, fanfare.TaskStep{State: fanfare.TaskFinished})
	w.ok(create(fanfare.TaskRunning))
}

func stepAgain(w *world) {
	for _, isOrdered := range []bool{false, true} {
		app := w.application("")
		ep := w.endpoint(app, func(ep *fanfare.Endpoint) { ep.Ordered = isOrdered })
		t := w.task(app)
		due := start.Add(time.Hour)
		var again []*fanfare.Delivery
		for _, state := range []fanfare.State{fanfare.Waiting, fanfare.Delivered, fanfare.GivenUp} {
			msg := w.accept(w.draft(app, func(m *fanfare.Message) { m.OrderingKey = "k" }), ep)
			w.record(msg, ep, state)
			again = append(again, &fanfare.Delivery{Message: msg.ID, Endpoint: ep.ID, State: state, Due: due})
		}
		changed := w.message(app, ep)
		w.record(changed, ep, fanfare.Delivered)
		again = append(again, &fanfare.Delivery{Message: changed.ID, Endpoint: ep.ID, State: fanfare.GivenUp, Due: due})
		again = append(again, &fanfare.Delivery{Message: "msg_0000000000000000000000000Z", Endpoint: ep.ID, Due: due})

		at := fanfare.TaskPlace{Endpoint: ep.ID, Message: changed.ID, Probe: again[0].Message}
		w.step(t, fanfare.TaskStep{At: at, Again: again})
		w.reopen()
		want := cloneTask(t)
		want.Done, want.Revision, want.At, want.UpdatedAt = 3, 1, at, start.Add(time.Hour)
		same(w, "task", w.readTask(t.ID), want)
		for _, d := range again[:3] {
			want := &fanfare.Delivery{Message: d.Message, Endpoint: ep.ID, Due: due, Rank: fanfare.RankOf(isOrdered, due), OrderingKey: "k", Manual: true}
			same(w, "delivery that was "+d.State.String(), w.delivery(&fanfare.Message{ID: d.Message, Application: app.ID}, ep), want)
		}
		same(w, "one that has changed meanwhile", w.delivery(changed, ep).State, fanfare.Delivered)
		same(w, "what waits", w.waiting(ep), []fanfare.MessageID{again[0].Message, again[1].Message, again[2].Message})
		w.step(t, fanfare.TaskStep{At: at, Again: again[:1], Undone: 2})
		same(w, "done, less what is to be done again", w.readTask(t.ID).Done, 2)
		w.step(t, fanfare.TaskStep{At: at, Undone: 1})
		same(w, "done, with nothing new", w.readTask(t.ID).Done, 1)
		w.record(&fanfare.Message{ID: again[0].Message}, ep, fanfare.Delivered)
		same(w, "attempts after it", w.delivery(&fanfare.Message{ID: again[0].Message, Application: app.ID}, ep).State, fanfare.Delivered)
	}
}

func stepNew(w *world) {
	app := w.application("")
	ep, other := w.endpoint(app, ordered), w.endpoint(app)
	t := w.task(app)
	due := start.Add(time.Hour)
	missing := w.accept(w.draft(app, func(m *fanfare.Message) { m.OrderingKey = "k" }), other)
	none, has, fresh := w.message(app), w.message(app, ep), w.message(app, ep)
	w.record(has, ep, fanfare.GivenUp)
	foreign := w.message(w.application(""))
	var made []*fanfare.Delivery
	for _, msg := range []*fanfare.Message{missing, none, has, fresh, foreign, {ID: "msg_0000000000000000000000000Z"}} {
		made = append(made, &fanfare.Delivery{Message: msg.ID, Endpoint: ep.ID, Due: due, OrderingKey: msg.OrderingKey})
	}
	made = append(made, &fanfare.Delivery{Message: none.ID, Endpoint: "ep_0000000000000000000000000Z", Due: due})
	w.step(t, fanfare.TaskStep{New: made, State: fanfare.TaskFinished})
	same(w, "done", w.readTask(t.ID).Done, 2)
	same(w, "state", w.readTask(t.ID).State, fanfare.TaskFinished)
	want := &fanfare.Delivery{Message: missing.ID, Endpoint: ep.ID, Due: due, OrderingKey: "k", Manual: true}
	same(w, "delivery", w.delivery(missing, ep), want)
	same(w, "one that there was", w.delivery(has, ep).State, fanfare.GivenUp)
	same(w, "one that waited", w.delivery(fresh, ep).Manual, false)
	same(w, "what waits", w.waiting(ep), []fanfare.MessageID{missing.ID, none.ID, fresh.ID})
	w.record(none, ep, fanfare.Delivered)
	w.reopen()
	same(w, "after its attempt", w.delivery(none, ep).State, fanfare.Delivered)
	same(w, "what waits still", w.waiting(ep), []fanfare.MessageID{missing.ID, fresh.ID})
	n, err := w.store.Prune(w.Context(), start.Add(24*time.Hour), 100)
	w.ok(err)
	same(w, "pruned", n, 3) // those of which nothing waits, and the other application's
}

func stepExpunge(w *world) {
	app := w.application("")
	t := w.task(app)
	one, two, kept := w.message(app), w.message(app), w.message(app)
	foreign := w.message(w.application(""))
	w.ok(w.store.ExpungePayload(w.Context(), app.ID, two.ID))
	w.step(t, fanfare.TaskStep{Expunge: []fanfare.MessageID{one.ID, two.ID, foreign.ID, "msg_0"}})
	same(w, "done", w.readTask(t.ID).Done, 1)
	w.reopen()
	for _, c := range []struct {
		msg  *fanfare.Message
		want []byte
	}{{one, nil}, {two, nil}, {kept, kept.Payload}, {foreign, foreign.Payload}} {
		msg, err := w.store.Message(w.Context(), c.msg.Application, string(c.msg.ID))
		w.ok(err)
		want := cloneMessage(c.msg)
		want.Payload = c.want
		same(w, "message", msg, want)
	}
}

func stepTooLate(w *world) {
	app := w.application("")
	msg := w.message(app)
	t := w.task(app)
	late := func(step fanfare.TaskStep) {
		step.Expunge, step.Time = []fanfare.MessageID{msg.ID}, start
		before := w.photograph(app)
		ok, err := w.store.StepTask(w.Context(), &step)
		w.ok(err)
		same(w, "whether the step was done", ok, false)
		same(w, "what there is", w.photograph(app), before)
	}
	late(fanfare.TaskStep{Task: "qtask_0000000000000000000000000Z"})
	late(fanfare.TaskStep{Task: t.ID, Revision: 1})
	w.step(t, fanfare.TaskStep{})
	late(fanfare.TaskStep{Task: t.ID, Revision: 0})
	w.step(t, fanfare.TaskStep{State: fanfare.TaskCancelled, Error: "enough"})
	want := cloneTask(t)
	want.State, want.Revision, want.UpdatedAt, want.Error = fanfare.TaskCancelled, 2, start.Add(time.Hour), "enough"
	same(w, "task", w.readTask(t.ID), want)
	late(fanfare.TaskStep{Task: t.ID, Revision: 2})
	same(w, "task in the end", w.readTask(t.ID), want)
}

func walkOthers(w *world) {
	mine, theirs := w.application(""), w.application("")
	ep := w.endpoint(theirs)
	msg := w.message(theirs, ep)
	w.record(msg, ep, fanfare.GivenUp)
	walk := fanfare.Walk{Look: 10, Limit: 10}
	ds, next, err := w.store.WalkDeliveries(w.Context(), mine.ID, ep.ID, walk)
	w.ok(err)
	same(w, "deliveries", ds, nil)
	same(w, "next", next, "")
	msgs, next, err := w.store.WalkMessages(w.Context(), mine.ID, ep.ID, walk)
	w.ok(err)
	same(w, "messages", msgs, nil)
	same(w, "next", next, "")
	before := w.photograph(theirs)
	t := w.task(mine)
	w.step(t, fanfare.TaskStep{
		Again:   []*fanfare.Delivery{{Message: msg.ID, Endpoint: ep.ID, State: fanfare.GivenUp}},
		New:     []*fanfare.Delivery{{Message: msg.ID, Endpoint: w.endpoint(mine).ID}, {Message: w.message(mine).ID, Endpoint: ep.ID}},
		Expunge: []fanfare.MessageID{msg.ID},
	})
	same(w, "done", w.readTask(t.ID).Done, 0)
	same(w, "what is theirs", w.photograph(theirs), before)
	w.ok(w.store.DeleteEndpoint(w.Context(), theirs.ID, ep.ID))
	ds, _, err = w.store.WalkDeliveries(w.Context(), theirs.ID, ep.ID, walk)
	w.ok(err)
	same(w, "deliveries to a deleted endpoint", ds, nil)
}

func expungeResponse(w *world) {
	app := w.application("")
	ep := w.endpoint(app)
	msg := w.message(app, w.endpoint(app), ep)
	o := w.outcome(msg, ep, fanfare.Waiting)
	o.Attempt.RequestHeader = []fanfare.Header{{Name: "A", Value: "sent"}}
	o.Attempt.ResponseHeader, o.Attempt.ResponseBody, o.Attempt.Truncated = []fanfare.Header{{Name: "Set-Cookie", Value: "s"}}, []byte("secret"), true
	w.ok(w.store.Record(w.Context(), o))
	next := w.record(msg, ep, fanfare.Delivered)
	foreign := w.message(w.application(""))
	for _, c := range []struct {
		msg *fanfare.Message
		id  fanfare.AttemptID
	}{{foreign, o.Attempt.ID}, {w.message(app, ep), o.Attempt.ID}, {msg, "atmpt_0000000000000000000000000Z"}, {msg, ""}} {
		w.is(w.store.ExpungeResponse(w.Context(), c.msg.Application, c.msg.ID, c.id), fanfare.ErrNotFound)
	}
	w.ok(w.store.ExpungeResponse(w.Context(), app.ID, msg.ID, o.Attempt.ID))
	w.ok(w.store.ExpungeResponse(w.Context(), app.ID, msg.ID, o.Attempt.ID))
	w.reopen()
	want := cloneAttempt(o.Attempt)
	want.ResponseHeader, want.ResponseBody, want.Truncated = nil, nil, false
	got, err := w.store.Attempts(w.Context(), app.ID, fanfare.AttemptFilter{Page: everything, Message: msg.ID})
	w.ok(err)
	same(w, "attempts", got, []*fanfare.Attempt{want, cloneAttempt(next)})
}
