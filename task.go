package fanfare

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// TaskID identifies a task: qtask_…
type TaskID string

// A Task is long work on what is stored. It is done a piece at a time by
// [Hub.Run], beside everything else, and goes on after a restart where it was.
type Task struct {
	ID          TaskID
	Kind        TaskKind
	Application ApplicationID
	Endpoint    EndpointID // "": of a bulk replay all of the application's; a purge has none
	Selection   Selection
	State       TaskState
	Total       int       // what there was to do when the task was started
	Done        int       // what it has done: more or less than Total if things change meanwhile
	At          TaskPlace // how far it has come
	Error       string    // in words, why it failed
	Export      Export    // what it has written, if that is what it is for
	Revision    int       // counts the changes
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// TaskKind says what a task does. The names are those of Svix's API.
type TaskKind string

// The kinds. A message whose payload was expunged is passed over by all of them but
// an export, as there is nothing to send or to remove.
const (
	// TaskRecover makes the deliveries to an endpoint that were given up wait again.
	TaskRecover TaskKind = "endpoint.recover"
	// TaskReplayMissing makes deliveries of the messages that an endpoint wants and
	// has none of, as it came later or wanted others then.
	TaskReplayMissing TaskKind = "endpoint.replay"
	// TaskBulkReplay makes deliveries wait again whatever became of them. Those that
	// wait already are left alone unless the selection names Waiting.
	TaskBulkReplay TaskKind = "endpoint.bulk-replay"
	// TaskPurge removes the payloads of messages for good.
	TaskPurge TaskKind = "application.purge_content"
	// TaskExport writes messages down, to be read with [Hub.Exported].
	TaskExport TaskKind = "application.export"
)

// TaskState is where a task stands. Stores keep the number.
type TaskState uint8

// A task runs until it ends in one of the other three, for good.
const (
	TaskRunning TaskState = iota
	TaskFinished
	TaskFailed
	TaskCancelled
)

func (s TaskState) String() string {
	switch s {
	case TaskRunning:
		return "running"
	case TaskFinished:
		return "finished"
	case TaskFailed:
		return "failed"
	case TaskCancelled:
		return "cancelled"
	}
	return fmt.Sprintf("TaskState(%d)", s)
}

// A Selection picks messages, and deliveries by their message and how they
// stand. Zero fields do not restrict.
type Selection struct {
	Since, Until time.Time // accepted in [Since, Until)
	EventTypes   []string  // exact names
	Channel      string
	Tag          string
	States       []State // of the delivery
	StatusClass  int     // 1 to 5: the delivery's last attempt was answered 1xx to 5xx

	// Messages are named by id, in order; a bulk replay alone has them, and the Hub
	// alone heeds them.
	Messages []MessageID

	Attempts bool // each message with its attempts; an export alone heeds it

	// WhenHealthy has deliveries wait again only once their endpoint takes what it is
	// sent. Until then it is tried with one of them a minute at most, and with none while
	// it is paused or disabled. A recovery alone has it, and the Hub alone heeds it.
	WhenHealthy bool

	// Within narrows the task for good: to messages that have one of these channels
	// and, which the Hub alone heeds, to endpoints that have no others.
	Within []string
}

// A TaskPlace is where a task goes on: behind a message, and of a task that goes
// through several endpoints at which of them. The zero place is the beginning.
type TaskPlace struct {
	Endpoint EndpointID
	Message  MessageID
	Attempt  AttemptID // not "": the message's attempts behind it are still to come
	Probe    MessageID // what a recovery that waits for its endpoint has tried last
}

// Bounds on tasks.
const (
	// MaxRunningTasks is how many tasks of one application may run at once.
	MaxRunningTasks = 20
	// TaskRetention is how long a task is kept once it has ended.
	TaskRetention = 90 * 24 * time.Hour

	maxEndedTasks = 10_000 // are kept, the newest
	maxSelected   = 100    // event types of a selection
	countLook     = 10_000 // rows that are looked at in one read while counting
	countFew      = 1000   // the same, where there is little time for it
)

// Tasks keeps tasks, and does their work a piece at a time.
type Tasks interface {
	// CreateTask stores a new task, and forgets those that have ended before keep.Since
	// and all but the keep.Most newest that have ended. ErrNotFound: no such application.
	// ErrTooMany: the task runs, and MaxRunningTasks of its application do already.
	CreateTask(ctx context.Context, t *Task, keep TaskKeep) error
	Task(ctx context.Context, id TaskID) (*Task, error)
	Tasks(ctx context.Context, f TaskFilter) ([]*Task, error)
	// StepTask does a piece of a task's work and notes how far it has come, in one
	// transaction. It reports false, and has changed nothing, if the task is gone,
	// does not run any more, or is not of that revision any more. What cannot be
	// done any more is left out: it was changed by someone else in the meantime.
	StepTask(ctx context.Context, step *TaskStep) (ok bool, err error)
	// WalkDeliveries looks at the deliveries to an endpoint in order of message
	// and returns those of the selection whose message has a payload. next is ""
	// at the end; otherwise it goes into Walk.After of the next call.
	WalkDeliveries(ctx context.Context, app ApplicationID, ep EndpointID, w Walk) (found []*Delivery, next MessageID, err error)
	// WalkMessages looks at the messages of an application in order and returns those
	// of the selection that have a payload and, unless ep is "", no delivery to ep.
	// Their payloads are left out, and it does not heed what the selection says of
	// deliveries. next is as in WalkDeliveries.
	WalkMessages(ctx context.Context, app ApplicationID, ep EndpointID, w Walk) (found []*Message, next MessageID, err error)
	Counts
	Exports
}

// TaskKeep says which tasks that have ended are kept.
type TaskKeep struct {
	Since time.Time // those that ended at this time or later
	Most  int       // of them the newest
}

// TaskFilter picks tasks by id. Zero fields do not restrict.
type TaskFilter struct {
	Page
	Application ApplicationID
	Kinds       []TaskKind
	States      []TaskState
	Within      []string // that were narrowed to some of these channels
}

// A Walk looks through what is stored, a piece at a time: at Look rows at most, or
// until Limit are found.
type Walk struct {
	Selection
	After       MessageID // only behind this message
	To          MessageID // and not behind this one; "": no end. CountMessages alone heeds it
	Look, Limit int
}

// A TaskStep is a piece of a task's work, and where the task stands after it.
type TaskStep struct {
	Task     TaskID
	Revision int // that the piece was worked out from; afterwards it is one more
	State    TaskState
	At       TaskPlace
	Error    string
	Time     time.Time // the task's UpdatedAt

	// Again are deliveries that wait again, from the first attempt: from Due on, in
	// a manual round. One that is not in State any more is left out.
	Again []*Delivery
	// New are deliveries that there are none of yet, which wait from Due on, in a
	// manual round. One that there is by now is left out, and so is one of a message
	// or to an endpoint that is gone.
	New []*Delivery
	// Expunge are messages whose payloads are removed.
	Expunge []MessageID
	// Undone is how much of what was done before is to be done again: it is not counted
	// as done any more.
	Undone int

	Part    *Part     // what is written; nil: nothing is
	Expires time.Time // the task's Export.ExpiresAt
}

// PlanTask counts what a task would do, and changes nothing. It counts about so long, if
// that is not 0, and says then whether there may be more. What is wrong with the task is
// an [InvalidError].
func (h *Hub) PlanTask(ctx context.Context, t *Task, long time.Duration) (total int, more bool, err error) {
	if err := h.checkTask(ctx, t); err != nil {
		return 0, false, err
	}
	until := h.now()
	if t.Selection.Until.IsZero() || t.Selection.Until.After(until) {
		t.Selection.Until = until // what is accepted from now on is none of its business
	}
	c := counting{look: countLook}
	if long > 0 {
		c = counting{look: countFew, until: time.Now().Add(long)}
	}
	if err := h.count(ctx, t, &c); err != nil {
		return 0, false, fmt.Errorf("planning: %w", err)
	}
	return c.total, c.more, nil
}

// StartTask plans a task and stores it, for Run to carry out: it fills in its
// ID, Total and times. ErrNotFound: no such application or endpoint.
func (h *Hub) StartTask(ctx context.Context, t *Task) error {
	total, _, err := h.PlanTask(ctx, t, 0)
	if err != nil {
		return err
	}
	if t.Kind == TaskExport {
		err = h.checkExports(ctx, t.Application)
	}
	if err = cmp.Or(err, h.floor(ctx)); err != nil {
		return err
	}
	now := h.now()
	t.ID = TaskID(h.ids.next(now, "qtask_"))
	t.State, t.Total, t.Done, t.At, t.Error, t.Export, t.Revision = TaskRunning, total, 0, TaskPlace{}, "", Export{}, 0
	t.CreatedAt, t.UpdatedAt = now, now
	err = h.store.CreateTask(ctx, t, TaskKeep{now.Add(-TaskRetention), maxEndedTasks})
	if errors.Is(err, ErrTooMany) {
		return &InvalidError{"", fmt.Sprintf("%d tasks of the application run; wait until one has ended, or cancel one", MaxRunningTasks)}
	}
	if err != nil {
		return fmt.Errorf("application %s: starting a task: %w", t.Application, err)
	}
	h.tasks.rouse()
	return nil
}

// checkTask holds a task to what its kind can do.
func (h *Hub) checkTask(ctx context.Context, t *Task) error {
	s := &t.Selection
	switch t.Kind {
	case TaskRecover, TaskReplayMissing:
		if t.Endpoint == "" {
			return &InvalidError{"endpoint", "must be named"}
		}
	case TaskPurge, TaskExport:
		if t.Endpoint != "" {
			return &InvalidError{"endpoint", "has no payloads: they are the application's"}
		}
	case TaskBulkReplay:
	default:
		return &InvalidError{"task", "is not known"}
	}
	switch {
	case t.Kind != TaskBulkReplay && (len(s.States) > 0 || s.StatusClass != 0):
		return &InvalidError{"status", "can be asked for in a bulk replay only"}
	case t.Kind != TaskRecover && s.WhenHealthy:
		return &InvalidError{"whenHealthy", "can be asked for in a recovery only"}
	case slices.ContainsFunc(s.States, func(state State) bool { return state > Cancelled }):
		return &InvalidError{"status", "is not known"}
	case s.StatusClass < 0 || s.StatusClass > 5:
		return &InvalidError{"statusCodeClass", "must be from 1 to 5, or 0 for any"}
	case !s.Until.IsZero() && !s.Since.Before(s.Until):
		return &InvalidError{"until", "must be later than since"}
	case len(s.EventTypes) > maxSelected:
		return &InvalidError{"eventTypes", fmt.Sprintf("at most %d", maxSelected)}
	}
	for _, name := range s.EventTypes {
		if err := checkEventType("eventTypes", name); err != nil {
			return err
		}
	}
	if err := h.checkNamed(ctx, t); err != nil {
		return err
	}
	if t.Endpoint == "" {
		return nil
	}
	ep, err := h.Endpoint(ctx, t.Application, string(t.Endpoint))
	if err == nil && !ep.Within(s.Within) {
		err = ErrNotFound
	}
	if err == nil {
		err = ep.checkSent()
	}
	return err
}

// Task finds a task.
func (h *Hub) Task(ctx context.Context, id TaskID) (*Task, error) {
	t, err := h.store.Task(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("task %q: %w", id, err)
	}
	return t, nil
}

// Tasks lists tasks by age. Those of the operational application are listed only if
// the filter names it.
func (h *Hub) Tasks(ctx context.Context, f TaskFilter) ([]*Task, error) {
	if f.Application != "" {
		return h.store.Tasks(ctx, f)
	}
	var some []*Task
	for limit := f.Limit; ; {
		page, err := h.store.Tasks(ctx, f)
		if err != nil {
			return nil, err
		}
		for _, t := range page {
			if t.Application != OperationalApplication && len(some) < limit {
				some = append(some, t)
			}
		}
		if len(page) < f.Limit || len(some) == limit {
			return some, nil
		}
		f.After, f.Limit = string(page[len(page)-1].ID), MaxPage
	}
}

// CancelTask ends a task that runs; what it has done stays done. One that has
// ended stays as it is. It returns the task as it then stands.
func (h *Hub) CancelTask(ctx context.Context, id TaskID) (*Task, error) {
	for {
		t, err := h.Task(ctx, id)
		if err != nil || t.State != TaskRunning {
			return t, err
		}
		ok, err := h.store.StepTask(ctx, &TaskStep{
			Task: t.ID, Revision: t.Revision, State: TaskCancelled, At: t.At, Time: h.now(),
		})
		if err != nil {
			return nil, fmt.Errorf("task %s: cancelling: %w", id, err)
		}
		if ok {
			h.tasks.tell()
			h.tasks.rouse() // to remove what it has written
		}
	}
}

// AwaitTask returns a task once it has ended or, if that takes longer, as it
// stands after patience. While Run does not run nothing ends by itself, and it
// does not wait.
func (h *Hub) AwaitTask(ctx context.Context, id TaskID, patience time.Duration) (*Task, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	waiting := h.inbox.open.Load()
	for {
		stepped := h.tasks.next()
		t, err := h.Task(ctx, id)
		if err != nil || t.State != TaskRunning || !waiting {
			return t, err
		}
		select {
		case <-stepped:
		case <-timer.C:
			waiting = false
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// ExpungeResponse removes what a receiver answered to an attempt, body and
// headers, for good. The status stays.
func (h *Hub) ExpungeResponse(ctx context.Context, app ApplicationID, msg MessageID, id AttemptID) error {
	if err := h.store.ExpungeResponse(ctx, app, msg, id); err != nil {
		return fmt.Errorf("attempt %q: %w", id, err)
	}
	return nil
}

// These end a task whose endpoint has nothing left to be done.
var (
	errEndpointGone   = errors.New("the endpoint was deleted")
	errEndpointPolled = errors.New("the endpoint has become a poller, which is sent nothing")
	errEndpointMoved  = errors.New("the endpoint has other channels now than those that the task is narrowed to")
)

// finalErrors end a task at the first try, as another would come to the same.
var finalErrors = []error{errEndpointGone, errEndpointPolled, errEndpointMoved, errExportLarge, errExportRoom}
