package api

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

// shortly is how long a request that starts a task waits for it to end: most are
// small, and then the answer says what came of them.
const shortly = 500 * time.Millisecond

// planParams are those of requests that may only plan.
var planParams = []param{
	{name: "plan", kind: "boolean", doc: "Only count what there is to do, and do nothing; false unless told."},
	{name: "planTime", kind: "integer", doc: "With plan: count for about so many milliseconds, 1 to 10,000; more says whether there is more. To the end unless told."},
}

func (s *server) taskRoutes() []*route {
	status := param{name: "status", kind: "string", doc: "Only with this status; those that were cancelled count as failed too.", enum: []string{"running", "finished", "failed", "cancelled"}}
	task := param{name: "task", kind: "string", doc: "Only of this kind.", enum: taskKinds}
	again := func(pattern, summary string, in func(*call, *bulkReplayIn) (*startedOut, error)) *route {
		return on(pattern, summary, in, planParams...).answering(http.StatusAccepted).needs(fanfare.ScopeWriteMessages, fanfare.CreateAttempts).inChannels().exactly()
	}
	read := describe[none, *taskOut]("GET /background-task/{task}", "Read a background task")
	read.serve = readTask
	return []*route{
		on("GET /background-task", "List background tasks; those that ended are kept for 90 days", listTasks, params(status, task)...).needs(fanfare.ScopeReadMessages, fanfare.ViewBase).inChannels().toAll(),
		read.needs(fanfare.ScopeReadMessages, fanfare.ViewBase).inChannels().toAll(),
		on("POST /background-task/{task}/cancel", "End a background task; what it has done stays done", cancelTask).needs(fanfare.ScopeWriteMessages, fanfare.CreateAttempts).inChannels().toAll().doing("task.cancel"),
		on("POST /app/{app}/endpoint/{endpoint}/replay-missing", "Send an endpoint the messages that it wants and was never sent", replayMissing, planParams...).
			answering(http.StatusAccepted).needs(fanfare.ScopeWriteMessages, fanfare.CreateAttempts).inChannels().exactly().doing("endpoint.replay-missing"),
		again("POST /app/{app}/endpoint/{endpoint}/bulk-replay", "Send an endpoint messages again, whatever became of them", bulkReplay).doing("endpoint.bulk-replay"),
		again("POST /app/{app}/msg/bulk-replay", "Send messages again to all endpoints that had them", bulkReplayAll).doing("message.bulk-replay"),
		on("POST /app/{app}/msg/bulk-expunge", "Remove payloads for good: of the messages named at once, or of all that a filter picks", bulkExpunge, planParams...).needs(fanfare.ScopeWriteMessages, noSession).inChannels().exactly().doing("message.bulk-expunge"),
		on("POST /app/{app}/msg/expunge-all-contents", "Remove the payloads of all messages for good", expungeAll, planParams...).answering(http.StatusAccepted).needs(fanfare.ScopeWriteMessages, noSession).inChannels().exactly().doing("message.expunge-all"),
		on("DELETE /app/{app}/msg/{msg}/attempt/{attempt}/content", "Remove an attempt's response, body and headers, for good", expungeAttempt).needs(fanfare.ScopeWriteMessages, noSession).inChannels().doing("attempt.expunge"),
	}
}

// exactly refuses bodies with members that are not known, rather than ignoring
// them: one that was to narrow what is done would have it done to everything.
func (rt *route) exactly() *route {
	rt.exact = true
	return rt
}

// taskKinds are the names of what tasks do, which are those that clients know.
var taskKinds = []string{
	string(fanfare.TaskReplayMissing), string(fanfare.TaskRecover), string(fanfare.TaskPurge), string(fanfare.TaskBulkReplay), string(fanfare.TaskExport),
}

// strictKinds are those that clients know which refuse a list with another one.
var strictKinds = []fanfare.TaskKind{fanfare.TaskReplayMissing, fanfare.TaskRecover}

// A taskOut is a background task as clients know them.
type taskOut struct {
	ID        fanfare.TaskID `json:"id"`
	Status    string         `json:"status" enum:"running,finished,failed" doc:"Failed if it was cancelled too: clients know no other word."`
	Task      string         `json:"task"`
	Data      map[string]int `json:"data" doc:"How many deliveries wait again, as messagesSent, or payloads are removed, as messagesPurged. Of an export how many messagesExported, lines there are in all with their attempts, and payloads in them were damaged on the server's disk."`
	UpdatedAt time.Time      `json:"updatedAt" newer:"true"`
	taskFields
}

// A startedOut is a background task as those are shown it who start one.
type startedOut struct {
	ID        fanfare.TaskID `json:"id" doc:"Empty if it was only planned."`
	Status    string         `json:"status" enum:"planned,running,finished,failed" doc:"Mostly finished, if there was little to do."`
	Task      string         `json:"task"`
	Data      map[string]int `json:"data" newer:"true"`
	UpdatedAt time.Time      `json:"updatedAt" newer:"true"`
	More      bool           `json:"more,omitzero" newer:"true" doc:"Of a plan whose time was over before all was counted: there may be more than total."`
	taskFields
}

// taskFields are what is ours of tasks.
type taskFields struct {
	State      string         `json:"state" newer:"true" enum:"planned,running,finished,failed,cancelled"`
	AppID      string         `json:"appId" newer:"true"`
	EndpointID *string        `json:"endpointId" newer:"true"`
	Parameters taskParameters `json:"parameters" newer:"true"`
	Total      int            `json:"total" newer:"true" doc:"How much there was to do when it was planned."`
	Done       int            `json:"done" newer:"true" doc:"How much is done; in the end it differs from total if things have changed meanwhile."`
	Error      *string        `json:"error" newer:"true" doc:"Why it failed."`
	ExpiresAt  *time.Time     `json:"expiresAt" newer:"true" doc:"When the content of an export that has finished is removed."`
	CreatedAt  time.Time      `json:"createdAt" newer:"true"`
}

// taskParameters are what a task was asked to do.
type taskParameters struct {
	Since           *time.Time `json:"since"`
	Until           *time.Time `json:"until"`
	EventTypes      *[]string  `json:"eventTypes"`
	Channel         *string    `json:"channel"`
	Tag             *string    `json:"tag"`
	States          *[]string  `json:"states" doc:"Of deliveries: success, pending, fail or canceled."`
	IDs             *[]string  `json:"ids" newer:"true"`
	Attempts        bool       `json:"attempts" newer:"true" doc:"Of an export: whether messages are followed by their attempts."`
	Channels        *[]string  `json:"channels" newer:"true" doc:"Only messages that have one of these, to endpoints that have no others, as whoever began it is let into no others; null: all."`
	StatusCodeClass int        `json:"statusCodeClass" doc:"Of the last response, 100 to 500; 0 for any."`
	WhenHealthy     bool       `json:"whenHealthy" newer:"true" doc:"Of a recovery: whether it waits until its endpoint takes what it is sent."`
}

func showTask(t *fanfare.Task) (*taskOut, error) {
	out := &taskOut{
		ID: t.ID, Status: t.State.String(), Task: string(t.Kind), UpdatedAt: t.UpdatedAt,
		Data: map[string]int{"messagesSent": t.Done},
		taskFields: taskFields{
			State: t.State.String(), AppID: string(t.Application), EndpointID: pointer(string(t.Endpoint)),
			Total: t.Total, Done: t.Done, Error: pointer(t.Error), CreatedAt: t.CreatedAt,
		},
	}
	if t.Kind == fanfare.TaskPurge {
		out.Data = map[string]int{"messagesPurged": t.Done}
	}
	if e := t.Export; t.Kind == fanfare.TaskExport {
		out.Data = map[string]int{"messagesExported": t.Done, "lines": e.Lines, "damaged": e.Damaged}
		out.ExpiresAt = pointer(e.ExpiresAt)
	}
	if t.State == fanfare.TaskCancelled {
		out.Status, out.Error = "failed", pointer("It was cancelled.")
	}
	s := &t.Selection
	var states []string
	for _, state := range s.States {
		_, word := statusOf(state, true)
		states = append(states, word)
	}
	var ids []string
	for _, id := range s.Messages {
		ids = append(ids, string(id))
	}
	out.Parameters = taskParameters{IDs: someOf(ids), Attempts: s.Attempts, Channels: someOf(s.Within),
		Since: pointer(s.Since), Until: pointer(s.Until), EventTypes: someOf(s.EventTypes),
		Channel: pointer(s.Channel), Tag: pointer(s.Tag), States: someOf(states), StatusCodeClass: 100 * s.StatusClass, WhenHealthy: s.WhenHealthy,
	}
	return out, nil
}

// start carries out what was asked for: it plans it only, or starts it.
func (c *call) start(t *fanfare.Task) (*startedOut, error) {
	plan, long := c.boolean("plan", false), c.integer("planTime", 1, 10_000, 0)
	if long > 0 && !plan {
		c.mistake("planTime", "goes with plan=true; leave it out")
	}
	if err := c.mistakes(); err != nil {
		return nil, err
	}
	t.Selection.Within = c.who.channels()
	ctx := c.r.Context()
	if c.planned = plan; plan {
		total, more, err := c.hub.PlanTask(ctx, t, time.Duration(long)*time.Millisecond)
		if err != nil {
			return nil, err
		}
		c.status = http.StatusOK
		t.Total, t.CreatedAt, t.UpdatedAt = total, t.Selection.Until, t.Selection.Until
		out := showStarted(t)
		out.Status, out.State, out.More = "planned", "planned", more
		return out, nil
	}
	if err := c.hub.StartTask(ctx, t); err != nil {
		return nil, err
	}
	c.status = http.StatusAccepted
	if t.Selection.WhenHealthy {
		return showStarted(t), nil // it is not there to end shortly
	}
	if now, err := c.hub.AwaitTask(ctx, t.ID, shortly); err == nil {
		t = now
	}
	return showStarted(t), nil
}

func showStarted(t *fanfare.Task) *startedOut {
	out, _ := showTask(t) // never fails
	return &startedOut{out.ID, out.Status, out.Task, out.Data, out.UpdatedAt, false, out.taskFields}
}

type recoverIn struct {
	Since       time.Time        `json:"since"`
	Until       field[time.Time] `json:"until,omitzero" doc:"Now unless told."`
	WhenHealthy bool             `json:"whenHealthy,omitzero" doc:"Whether they wait again only once the endpoint takes what it is sent. Until then it is tried with one of them a minute at most, and with none while it is paused or disabled."`
}

func recoverEndpoint(c *call, in *recoverIn) (*startedOut, error) {
	return c.startAt(fanfare.TaskRecover, fanfare.Selection{Since: in.Since, Until: in.Until.value, WhenHealthy: in.WhenHealthy})
}

type replayMissingIn struct {
	Since time.Time        `json:"since"`
	Until field[time.Time] `json:"until,omitzero" doc:"Now unless told."`
}

func replayMissing(c *call, in *replayMissingIn) (*startedOut, error) {
	return c.startAt(fanfare.TaskReplayMissing, fanfare.Selection{Since: in.Since, Until: in.Until.value})
}

// startAt starts a task of the endpoint in the path.
func (c *call) startAt(kind fanfare.TaskKind, s fanfare.Selection) (*startedOut, error) {
	ep, err := c.endpoint()
	if err != nil {
		return nil, err
	}
	return c.start(&fanfare.Task{Kind: kind, Application: ep.Application, Endpoint: ep.ID, Selection: s})
}

type bulkReplayIn struct {
	IDs             field[[]string]  `json:"ids,omitzero" doc:"Messages by id or event id, 250 at most, instead of all from since on; beside them there can be a status only."`
	Since           field[time.Time] `json:"since,omitzero" doc:"Required unless there are ids."`
	Until           field[time.Time] `json:"until,omitzero" doc:"Now unless told."`
	EventTypes      field[[]string]  `json:"eventTypes,omitzero" doc:"Only of these event types."`
	Channel         field[string]    `json:"channel,omitzero"`
	Tag             field[string]    `json:"tag,omitzero"`
	Status          field[int]       `json:"status,omitzero" doc:"Only deliveries that stand so: 0 Success, 1 Pending, 2 Fail, 4 Canceled. What is pending is left alone unless it is asked for."`
	StatusCodeClass field[int]       `json:"statusCodeClass,omitzero" doc:"Only those whose last response was of this class: 100 to 500; 0 for any."`
}

func (in *bulkReplayIn) selection() (s fanfare.Selection, err error) {
	s = fanfare.Selection{
		Since: in.Since.value, Until: in.Until.value, EventTypes: in.EventTypes.value,
		Channel: in.Channel.value, Tag: in.Tag.value, StatusClass: in.StatusCodeClass.value / 100,
	}
	for _, id := range in.IDs.value {
		s.Messages = append(s.Messages, fanfare.MessageID(id))
	}
	switch {
	case !in.IDs.set && !in.Since.set:
		return s, invalid(fieldError{[]string{"body", "since"}, "is missing; or name messages by ids", "value_error.missing"})
	case in.IDs.set && len(s.Messages) == 0:
		return s, &fanfare.InvalidError{Field: "ids", Reason: "must name a message"}
	}
	if class := in.StatusCodeClass.value; class%100 != 0 || class < 0 || class > 500 {
		return s, &fanfare.InvalidError{Field: "statusCodeClass", Reason: "must be 100, 200, 300, 400 or 500, or 0 for any"}
	}
	if in.Status.set {
		if s.States = statesOf(in.Status.value, true); s.States == nil {
			return s, &fanfare.InvalidError{Field: "status", Reason: "must be from 0 to 4"}
		}
	}
	return s, nil
}

func bulkReplay(c *call, in *bulkReplayIn) (*startedOut, error) {
	s, err := in.selection()
	if err != nil {
		return nil, err
	}
	return c.startAt(fanfare.TaskBulkReplay, s)
}

func bulkReplayAll(c *call, in *bulkReplayIn) (*startedOut, error) {
	app, err := c.application()
	if err != nil {
		return nil, err
	}
	s, err := in.selection()
	if err != nil {
		return nil, err
	}
	return c.start(&fanfare.Task{Kind: fanfare.TaskBulkReplay, Application: app.ID, Selection: s})
}

func listTasks(c *call, _ *none) (*list[*taskOut], error) {
	f := fanfare.TaskFilter{Application: c.who.application(), Within: c.who.channels()}
	if kind := c.choice("task", "", taskKinds...); kind != "" {
		f.Kinds = []fanfare.TaskKind{fanfare.TaskKind(kind)}
	} else if c.strict() {
		f.Kinds = strictKinds
	}
	switch c.choice("status", "", "running", "finished", "failed", "cancelled") {
	case "running":
		f.States = []fanfare.TaskState{fanfare.TaskRunning}
	case "finished":
		f.States = []fanfare.TaskState{fanfare.TaskFinished}
	case "failed":
		f.States = []fanfare.TaskState{fanfare.TaskFailed, fanfare.TaskCancelled}
	case "cancelled":
		f.States = []fanfare.TaskState{fanfare.TaskCancelled}
	}
	return paged(c, listing[*fanfare.Task]{
		scope:      []string{string(f.Application)},
		descending: true,
		id:         func(t *fanfare.Task) string { return string(t.ID) },
		fetch: func(p fanfare.Page) ([]*fanfare.Task, error) {
			f.Page = p
			return c.hub.Tasks(c.r.Context(), f)
		},
	}, showTask)
}

// task is the one the path names, if it is of what the caller is let into.
func (c *call) task() (*fanfare.Task, error) {
	ref, err := c.ref("task")
	if err != nil {
		return nil, err
	}
	t, err := c.hub.Task(c.r.Context(), fanfare.TaskID(ref))
	if own := c.who.application(); err == nil && (own != "" && t.Application != own || !t.Within(c.who.channels())) {
		err = fanfare.ErrNotFound
	}
	if err == nil && t.Application == fanfare.OperationalApplication && c.who.may(access{}) != nil {
		err = fanfare.ErrNotFound // those routes are for admins
	}
	return t, missing(err, "task", ref, here)
}

// readTask is as the other handlers, but that a count answers for itself.
func readTask(c *call) error {
	t, err := c.task()
	if errors.Is(err, fanfare.ErrNotFound) {
		if kept, fault := c.keptUsage(c.r.PathValue("task")); kept || fault != nil {
			return fault
		}
	}
	if err != nil {
		return err
	}
	out, err := showTask(t)
	if err != nil {
		return err
	}
	return c.answer(out)
}

func cancelTask(c *call, _ *none) (*taskOut, error) {
	t, err := c.task()
	if err != nil {
		return nil, err
	}
	if c.who.session() != nil && !slices.Contains(strictKinds, t.Kind) && t.Kind != fanfare.TaskBulkReplay {
		return nil, insufficient("A portal session can only end what one can start.")
	}
	if t, err = c.hub.CancelTask(c.r.Context(), t.ID); err != nil {
		return nil, err
	}
	return showTask(t)
}
