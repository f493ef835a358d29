package fanfare

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// A step changes so many rows, or looks at so many, that it is a matter of
// milliseconds; in the pause after it others get their turn.
const (
	taskChunk = 250
	taskLook  = 2500
	taskPause = 20 * time.Millisecond
)

// A step that fails is tried again, at a pause that doubles up to maxSetback.
// When taskTries in a row have failed the task has.
const (
	taskTries    = 12 // about half an hour
	firstSetback = time.Second
	maxSetback   = 5 * time.Minute
)

// A taskRunner carries out the tasks that run. What it must remember is in the
// store; only one of them runs at a time, but none would be done twice by two.
type taskRunner struct {
	d        *dispatcher
	setbacks map[TaskID]setback // of tasks whose last step failed, or that wait for their endpoint
}

// A setback is that a task's steps have failed, or that there is none to be done yet.
type setback struct {
	tries int // that failed
	again time.Time
}

// runTasks carries out tasks until ctx ends.
func (d *dispatcher) runTasks(ctx context.Context) {
	r := &taskRunner{d: d, setbacks: make(map[TaskID]setback)}
	for swept := (time.Time{}); ctx.Err() == nil; {
		if !d.doesChores() {
			pause(ctx, renewEvery)
			continue
		}
		turns, err := r.turns(ctx)
		if err != nil {
			d.fault(ctx, "reading the tasks that run", err)
			r.rest(ctx, firstSetback)
			continue
		}
		for _, t := range turns {
			if r.step(ctx, t) {
				pause(ctx, taskPause)
			}
		}
		if len(turns) == 0 || time.Since(swept) >= sweepEvery {
			d.sweepParts(ctx)
			swept = time.Now()
		}
		if len(turns) == 0 {
			r.rest(ctx, r.d.soon(cmp.Or(r.untilAgain(time.Now()), sweepEvery)))
		}
	}
}

// turns are the tasks whose turn it is: of each application the one that was
// stepped longest ago, so that none holds up another, and many of one
// application hold up nobody else's.
func (r *taskRunner) turns(ctx context.Context) (turns []*Task, err error) {
	now := time.Now()
	running := make(map[TaskID]bool)
	byApplication := make(map[ApplicationID]int)
	f := TaskFilter{Page: Page{Limit: MaxPage, Ascending: true}, States: []TaskState{TaskRunning}}
	for {
		page, err := r.d.h.store.Tasks(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, t := range page {
			running[t.ID] = true
			if now.Before(r.setbacks[t.ID].again) {
				continue
			}
			i, ok := byApplication[t.Application]
			if !ok {
				byApplication[t.Application] = len(turns)
				turns = append(turns, t)
			} else if cmp.Or(t.UpdatedAt.Compare(turns[i].UpdatedAt), cmp.Compare(t.Revision, turns[i].Revision)) < 0 {
				turns[i] = t
			}
		}
		if len(page) < f.Limit {
			break
		}
		f.After = string(page[len(page)-1].ID)
	}
	maps.DeleteFunc(r.setbacks, func(id TaskID, _ setback) bool { return !running[id] })
	return turns, nil
}

// untilAgain is how long it is until the first task that had a setback is tried again;
// 0: there is none.
func (r *taskRunner) untilAgain(now time.Time) time.Duration {
	var first time.Time
	for _, s := range r.setbacks {
		first = earlier(first, s.again)
	}
	if first.IsZero() {
		return 0
	}
	return max(first.Sub(now), time.Millisecond)
}

// rest sleeps until there is a new task, or for that long if it is not 0.
func (r *taskRunner) rest(ctx context.Context, long time.Duration) {
	var timer <-chan time.Time
	if long > 0 {
		timer = time.After(long)
	}
	select {
	case <-r.d.h.tasks.wake:
	case <-timer:
	case <-ctx.Done():
	}
}

func pause(ctx context.Context, long time.Duration) {
	select {
	case <-time.After(long):
	case <-ctx.Done():
	}
}

// step does the next piece of a task, if there is one to be done yet. If that fails it is
// tried again, and in the end the task has failed.
func (r *taskRunner) step(ctx context.Context, t *Task) (done bool) {
	most, err := r.d.h.mayAgain(ctx, t)
	if err == nil && most == 0 {
		r.setbacks[t.ID] = setback{again: time.Now().Add(healthLook)}
		return false
	}
	if err == nil {
		err = r.advance(ctx, t, most)
	}
	r.settle(ctx, t, err)
	return true
}

// settle notes what has come of a piece of a task.
func (r *taskRunner) settle(ctx context.Context, t *Task, err error) {
	if err == nil {
		delete(r.setbacks, t.ID)
		r.d.h.tasks.tell()
		return
	}
	if ctx.Err() != nil {
		return
	}
	s := r.setbacks[t.ID]
	s.tries++
	s.again = time.Now().Add(min(firstSetback<<min(s.tries-1, 16), maxSetback))
	r.setbacks[t.ID] = s
	if t.Kind == TaskExport && errors.Is(err, ErrFull) {
		err = errExportRoom // at once: what it has written may be what fills the disk
	}
	final := slices.ContainsFunc(finalErrors, func(f error) bool { return errors.Is(err, f) })
	if !final {
		r.d.fault(ctx, "carrying out task "+string(t.ID), err)
	}
	if !final && s.tries < taskTries {
		return
	}
	failed := &TaskStep{
		Task: t.ID, Revision: t.Revision, State: TaskFailed, At: t.At,
		Error: plain(err.Error()), Time: r.d.h.now(),
	}
	if _, err := r.d.h.store.StepTask(ctx, failed); err != nil {
		r.d.fault(ctx, "ending task "+string(t.ID), err)
		return
	}
	if t.Kind == TaskExport {
		r.d.sweepParts(ctx) // others may have tasks for hours, and no room
	}
	r.d.h.tasks.tell()
}

// advance does the next piece of a task, with so many deliveries at most. That someone
// else has changed the task meanwhile is no error: it is looked at again.
func (r *taskRunner) advance(ctx context.Context, t *Task, most int) error {
	h := r.d.h
	if t.Kind == TaskExport {
		return h.advanceExport(ctx, t)
	}
	p, err := h.piece(ctx, t, t.At, taskChunk, taskLook)
	if errors.Is(err, ErrNotFound) {
		return errEndpointGone
	}
	if err != nil {
		return err
	}
	undone := p.undone(t)
	if most == 1 {
		p.probe(t)
	}
	if err := h.findKeys(ctx, p.to, p.missing); err != nil {
		return err
	}
	step := &TaskStep{Task: t.ID, Revision: t.Revision, At: p.next, Time: h.now(), Again: p.again, New: p.missing, Expunge: p.expunge, Undone: undone}
	if p.last {
		step.State = TaskFinished
	}
	waited := make([]MessageID, 0, len(p.again))
	for _, d := range p.again {
		if d.State == Waiting {
			waited = append(waited, d.Message)
		}
	}
	if ok, err := h.store.StepTask(ctx, step); !ok || err != nil {
		return err
	}
	for _, id := range p.expunge {
		h.recent.drop(id)
	}
	for _, id := range waited { // from the place where they waited
		h.inbox.put(cancelled{t.Application, id, []EndpointID{p.endpoint}})
	}
	if len(p.again)+len(p.missing) > 0 {
		r.wake(ctx, t.Application, p.endpoint)
	}
	return nil
}

// wake tells the scheduler of what a step has stored, which nobody else will.
func (r *taskRunner) wake(ctx context.Context, app ApplicationID, ep EndpointID) {
	for {
		err := r.d.h.wake(ctx, app, ep)
		if err == nil || errors.Is(err, ErrNotFound) || ctx.Err() != nil {
			return
		}
		r.d.fault(ctx, "reading an endpoint", err)
		pause(ctx, time.Second)
	}
}
