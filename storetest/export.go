package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

var exportTests = []test{
	{"what a task writes is kept in order", exportParts},
	{"what a task has written goes with it", sweepParts},
	{"what a task has written expires", expireParts},
	{"a step that comes too late writes nothing", writeTooLate},
	{"messages without a payload are known", knowExpunged},
	{"counting finds as many as walking", countWalks},
	{"counting ends behind a message", countTo},
	{"a page of messages ends with so many bytes", boundPages},
	{"messages are read by name", nameMessages},
}

// export stores a task that has written parts, so many.
func (w *world) export(app *fanfare.Application, parts int) *fanfare.Task {
	w.Helper()
	t := w.task(app, func(t *fanfare.Task) { t.Kind, t.Selection.Attempts = fanfare.TaskExport, true })
	for n := range parts {
		w.step(t, fanfare.TaskStep{Part: &fanfare.Part{Content: partContent(t.ID, n), Messages: 2, Lines: 3, Damaged: 1}})
	}
	return t
}

func partContent(id fanfare.TaskID, n int) []byte {
	return bytes.Repeat(fmt.Appendf([]byte{0, 0xff}, "%s part %d\n", id, n), 1000)
}

// finish ends an export, which expires then.
func (w *world) finish(t *fanfare.Task, expires time.Time) {
	w.Helper()
	w.step(t, fanfare.TaskStep{State: fanfare.TaskFinished, Expires: expires})
}

// wantParts holds the parts that can be read to those that were written.
func (w *world) wantParts(t *fanfare.Task, parts int) {
	w.Helper()
	for n := range parts {
		content, err := w.store.TaskPart(w.Context(), t.ID, n)
		w.ok(err)
		if !bytes.Equal(content, partContent(t.ID, n)) {
			w.Fatalf("part %d is %.60q…", n, content)
		}
	}
	_, err := w.store.TaskPart(w.Context(), t.ID, parts)
	w.is(err, fanfare.ErrNotFound)
}

// swept removes all that is to be, a little at a time, and returns how much.
func (w *world) swept(now time.Time) (total int) {
	w.Helper()
	for {
		n, err := w.store.SweepParts(w.Context(), now, 2)
		w.ok(err)
		if total += n; n < 2 {
			return total
		}
	}
}

func exportParts(w *world) {
	app := w.application("")
	ep, msg := w.endpoint(app), w.message(app)
	attempt := fanfare.AttemptID(idAt("atmpt_", start))
	t, other := w.export(app, 3), w.export(app, 1)
	at := fanfare.TaskPlace{Endpoint: ep.ID, Message: msg.ID, Attempt: attempt}
	w.step(t, fanfare.TaskStep{At: at, Part: &fanfare.Part{Content: partContent(t.ID, 3), Messages: 1, Lines: 1}})
	w.reopen()
	w.wantParts(t, 4)
	w.wantParts(other, 1)
	want := cloneTask(t)
	size := int64(0)
	for n := range 4 {
		size += int64(len(partContent(t.ID, n)))
	}
	want.Done, want.Revision, want.At, want.UpdatedAt = 7, 4, at, start.Add(time.Hour)
	want.Export = fanfare.Export{Parts: 4, Lines: 10, Damaged: 3, Size: size}
	same(w, "task", w.readTask(t.ID), want)
	expires := time.Now().Add(time.Hour)
	w.finish(t, expires)
	want.State, want.Revision, want.At, want.Export.ExpiresAt = fanfare.TaskFinished, 5, fanfare.TaskPlace{}, stored(expires)
	same(w, "task in the end", w.readTask(t.ID), want)
	w.wantParts(t, 4)
	same(w, "swept", w.swept(time.Now()), 0)
	for _, id := range []fanfare.TaskID{"", "qtask_", "qtask_0000000000000000000000000Z", fanfare.TaskID(app.ID)} {
		_, err := w.store.TaskPart(w.Context(), id, 0)
		w.is(err, fanfare.ErrNotFound)
	}
}

func sweepParts(w *world) {
	app, doomed := w.application(""), w.application("")
	later := time.Now().Add(time.Hour)
	running, failed, cancelled, forgotten, kept := w.export(app, 3), w.export(app, 3), w.export(app, 1), w.export(app, 2), w.export(app, 3)
	of, finished := w.export(doomed, 2), w.export(doomed, 3)
	w.finish(finished, later)
	w.finish(forgotten, later)
	w.step(failed, fanfare.TaskStep{State: fanfare.TaskFailed, Error: "the disk"})
	w.step(cancelled, fanfare.TaskStep{State: fanfare.TaskCancelled})
	w.wantParts(failed, 0)
	w.wantParts(cancelled, 0)
	same(w, "swept with what failed and was cancelled", w.swept(time.Now()), 4)
	w.finish(kept, later)
	w.ok(w.store.DeleteApplication(w.Context(), doomed.ID))
	w.wantParts(of, 0)
	w.wantParts(finished, 0)
	same(w, "swept with the application", w.swept(time.Now()), 5)
	id, at := w.stamp("qtask_")
	last := &fanfare.Task{ID: fanfare.TaskID(id), Kind: fanfare.TaskPurge, Application: app.ID, CreatedAt: at, UpdatedAt: at}
	w.ok(w.store.CreateTask(w.Context(), last, fanfare.TaskKeep{Most: 1})) // but kept, which is the newest
	w.wantParts(forgotten, 0)
	same(w, "swept with a task that is forgotten", w.swept(time.Now()), 2)
	w.reopen()
	w.wantParts(running, 3)
	w.wantParts(kept, 3)
	same(w, "swept in the end", w.swept(time.Now()), 0)
}

func expireParts(w *world) {
	app := w.application("")
	running, early, late := w.export(app, 1), w.export(app, 2), w.export(app, 3)
	now := time.Now()
	w.finish(early, now.Add(time.Minute))
	w.finish(late, now.Add(time.Hour))
	w.wantParts(early, 2)
	same(w, "swept before", w.swept(now), 0)
	same(w, "swept after", w.swept(now.Add(time.Minute)), 2)
	w.is(w.store.ExpireTask(w.Context(), running.ID, now), fanfare.ErrNotFound)
	w.is(w.store.ExpireTask(w.Context(), "qtask_0000000000000000000000000Z", now), fanfare.ErrNotFound)
	w.ok(w.store.ExpireTask(w.Context(), late.ID, now))
	same(w, "when it expired", w.readTask(late.ID).Export.ExpiresAt, stored(now))
	w.wantParts(late, 0)
	same(w, "swept by hand", w.swept(now), 3)
	w.wantParts(running, 1)
}

func writeTooLate(w *world) {
	app := w.application("")
	t := w.export(app, 1)
	for _, revision := range []int{0, 2} {
		ok, err := w.store.StepTask(w.Context(), &fanfare.TaskStep{
			Task: t.ID, Revision: revision, Time: start, Part: &fanfare.Part{Content: []byte("late"), Messages: 1, Lines: 1},
		})
		w.ok(err)
		same(w, "whether the step was done", ok, false)
	}
	w.wantParts(t, 1)
	same(w, "lines", w.readTask(t.ID).Export.Lines, 3)
}

func knowExpunged(w *world) {
	app, other := w.application(""), w.application("")
	one, two, kept, foreign := w.message(app), w.message(app), w.message(app), w.message(other)
	for _, msg := range []*fanfare.Message{one, two, foreign} {
		w.ok(w.store.ExpungePayload(w.Context(), msg.Application, msg.ID))
	}
	ask := func(app fanfare.ApplicationID) []fanfare.MessageID {
		gone, err := w.store.Expunged(w.Context(), app, []fanfare.MessageID{one.ID, kept.ID, foreign.ID, two.ID, "msg_0", "msg_0000000000000000000000000Z"})
		w.ok(err)
		slices.Sort(gone)
		return gone
	}
	same(w, "expunged", ask(app.ID), []fanfare.MessageID{one.ID, two.ID})
	same(w, "another's", ask(other.ID), []fanfare.MessageID{foreign.ID})
	same(w, "nobody's", ask("app_0"), nil)
	w.ok(w.store.DeleteApplication(w.Context(), app.ID))
	same(w, "of an application that was deleted", ask(app.ID), nil)
}

// wholeCount goes on from piece to piece until the end.
func wholeCount(w *world, walk fanfare.Walk, piece func(fanfare.Walk) (int, fanfare.MessageID, error)) (total int) {
	w.Helper()
	for range 100 {
		n, next, err := piece(walk)
		w.ok(err)
		if n > walk.Look || next != "" && next <= walk.After {
			w.Fatalf("%d counted of at most %d, from %q to %q", n, walk.Look, walk.After, next)
		}
		if total += n; next == "" {
			return total
		}
		walk.After = next
	}
	w.Fatal("counting does not end")
	return 0
}

func countWalks(w *world) {
	app := w.application("")
	ep, other := w.endpoint(app), w.endpoint(app)
	msgs := slices.Concat(w.assortment(app, ep, other), w.assortment(app, other))
	expunged := []fanfare.MessageID{msgs[7].ID, msgs[30].ID}
	for _, id := range expunged {
		w.ok(w.store.ExpungePayload(w.Context(), app.ID, id))
	}
	w.message(w.application(""))
	for n, s := range append(selections(msgs), fanfare.Selection{}, fanfare.Selection{States: []fanfare.State{fanfare.GivenUp}}) {
		walk := fanfare.Walk{Selection: s, Look: sizes[n%len(sizes)][0]}
		ds := wholeWalk(w, 100, 100, func(walk fanfare.Walk) ([]*fanfare.Delivery, fanfare.MessageID, error) {
			walk.Selection = s
			return w.store.WalkDeliveries(w.Context(), app.ID, ep.ID, walk)
		})
		got := wholeCount(w, walk, func(walk fanfare.Walk) (int, fanfare.MessageID, error) {
			return w.store.CountDeliveries(w.Context(), app.ID, ep.ID, walk)
		})
		same(w, fmt.Sprintf("deliveries of %+v", s), got, len(ds))
		want, wantGone, gone := 0, 0, 0
		for _, msg := range msgs {
			if within(msg.CreatedAt, s.Since, s.Until) && matches(msg, s.EventTypes, s.Channel, s.Tag) {
				want++
				if slices.Contains(expunged, msg.ID) {
					wantGone++
				}
			}
		}
		got = wholeCount(w, walk, func(walk fanfare.Walk) (int, fanfare.MessageID, error) {
			n, expunged, next, err := w.store.CountMessages(w.Context(), app.ID, walk)
			gone += expunged
			return n, next, err
		})
		same(w, fmt.Sprintf("messages of %+v", s), [2]int{got, gone}, [2]int{want, wantGone})
	}
	for _, id := range []fanfare.ApplicationID{"app_0", w.application("").ID} {
		n, _, err := w.store.CountDeliveries(w.Context(), id, ep.ID, fanfare.Walk{Look: 10})
		w.ok(err)
		same(w, "another's deliveries", n, 0)
		n, _, _, err = w.store.CountMessages(w.Context(), id, fanfare.Walk{Look: 10})
		w.ok(err)
		same(w, "another's messages", n, 0)
	}
}

func countTo(w *world) {
	app := w.application("")
	var msgs []*fanfare.Message
	for range 6 {
		msgs = append(msgs, w.message(app))
	}
	w.ok(w.store.ExpungePayload(w.Context(), app.ID, msgs[2].ID))
	w.ok(w.store.ExpungePayload(w.Context(), app.ID, msgs[5].ID))
	for _, s := range []fanfare.Selection{{}, {EventTypes: []string{"record.created"}}, {Since: start}} {
		for from := range 7 {
			for to := from; to <= 6; to++ {
				walk := fanfare.Walk{Selection: s, Look: 10}
				if from > 0 {
					walk.After = msgs[from-1].ID
				}
				if to > 0 {
					walk.To = msgs[to-1].ID
				}
				want := [2]int{to - from}
				if to == 0 {
					want[0] = 6 // there is no end
				}
				for _, i := range []int{2, 5} {
					if i >= from && (i < to || to == 0) {
						want[1]++
					}
				}
				n, expunged, next, err := w.store.CountMessages(w.Context(), app.ID, walk)
				w.ok(err)
				same(w, fmt.Sprintf("messages from %d to %d", from, to), [2]int{n, expunged}, want)
				same(w, "next", next, "")
			}
		}
	}
}

func boundPages(w *world) {
	app := w.application("")
	sizes := []int{10, 0, 90, 500, 1, 1, 100, 1}
	var ids []fanfare.MessageID
	for _, size := range sizes {
		ids = append(ids, w.accept(w.draft(app, func(m *fanfare.Message) { m.Payload = bytes.Repeat([]byte("x"), size) })).ID)
	}
	w.ok(w.store.ExpungePayload(w.Context(), app.ID, ids[3]))
	pages := func(f fanfare.MessageFilter) (lengths []int) {
		w.Helper()
		all := 0
		for all < len(ids) {
			page, err := w.store.Messages(w.Context(), app.ID, f)
			w.ok(err)
			if len(page) == 0 {
				w.Fatalf("nothing behind %d messages", all)
			}
			for i, msg := range page {
				want := ids[all+i]
				if !f.Ascending {
					want = ids[len(ids)-1-all-i]
				}
				same(w, "message", msg.ID, want)
			}
			lengths, all = append(lengths, len(page)), all+len(page)
			f.After = string(page[len(page)-1].ID)
		}
		return lengths
	}
	same(w, "pages", pages(fanfare.MessageFilter{Page: everything, Bytes: 100}), []int{3, 4, 1})
	same(w, "pages of one", pages(fanfare.MessageFilter{Page: everything, Bytes: 1}), []int{1, 2, 2, 1, 1, 1})
	same(w, "pages that are short", pages(fanfare.MessageFilter{Page: fanfare.Page{Limit: 2, Ascending: true}, Bytes: 100}), []int{2, 2, 2, 1, 1})
	same(w, "pages downwards", pages(fanfare.MessageFilter{Page: fanfare.Page{Limit: 100}, Bytes: 100}), []int{2, 6})
	same(w, "one page", pages(fanfare.MessageFilter{Page: everything, Bytes: 10_000}), []int{8})
}

func nameMessages(w *world) {
	app, other := w.application(""), w.application("")
	one, two, gone, foreign := w.message(app), w.message(app), w.message(app), w.message(other)
	w.ok(w.store.ExpungePayload(w.Context(), app.ID, gone.ID))
	gone = cloneMessage(gone)
	gone.Payload = nil
	ask := func(app fanfare.ApplicationID, ids ...fanfare.MessageID) []*fanfare.Message {
		msgs, err := w.store.NamedMessages(w.Context(), app, ids)
		w.ok(err)
		return msgs
	}
	got := ask(app.ID, two.ID, gone.ID, foreign.ID, one.ID, two.ID, "msg_0", "msg_0000000000000000000000000Z")
	same(w, "messages", got, []*fanfare.Message{cloneMessage(one), cloneMessage(two), gone})
	same(w, "another's", ask(other.ID, one.ID), nil)
	same(w, "none", ask(app.ID), nil)
	same(w, "nobody's", ask("app_0", one.ID), nil)
	w.ok(w.store.DeleteApplication(w.Context(), app.ID))
	same(w, "of an application that was deleted", ask(app.ID, one.ID), nil)
}
