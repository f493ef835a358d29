package fanfare

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"
)

// Bounds on exports.
const (
	// ExportRetention is how long what an export has written is kept.
	ExportRetention = 24 * time.Hour
	// MaxExports is how many exports of one application may be kept at once.
	MaxExports = 20
	// MaxExportSize is how large one may become, in bytes as it is stored. One that
	// is larger fails, and says so.
	MaxExportSize = 8 << 30

	partBytes    = 1 << 20 // of what a part is made of, and what the last one has
	partPage     = 250     // messages read at a time
	partAttempts = 50      // attempts read at a time
	sweepParts   = 16      // removed in one transaction
	sweepEvery   = 10 * time.Minute
)

// An Export is what a task has written.
type Export struct {
	Parts     int
	Lines     int       // messages and attempts
	Damaged   int       // of the messages, those whose payload was not what was stored
	Size      int64     // of the parts, in bytes
	ExpiresAt time.Time // when they are removed; zero: there are none, or the task runs
}

// A Part is a piece of an export on its way into the store.
type Part struct {
	Content  []byte
	Messages int // by which the task's Done grows
	Lines    int
	Damaged  int
}

// Exports keeps what exports have written. A part is there as long as its task is,
// runs or has finished, and has not expired; what is not is removed by SweepParts.
type Exports interface {
	// TaskPart reads a part, by its number from 0 on.
	TaskPart(ctx context.Context, id TaskID, n int) ([]byte, error)
	// ExpireTask sets when the parts of a task that has finished expire. ErrNotFound:
	// there is no such task, or it has not finished.
	ExpireTask(ctx context.Context, id TaskID, t time.Time) error
	// SweepParts removes at most limit of the parts that are not there any more at now,
	// and returns how many.
	SweepParts(ctx context.Context, now time.Time, limit int) (int, error)
	// Expunged are those of an application's messages that have no payload any more.
	// One that is gone is not among them.
	Expunged(ctx context.Context, app ApplicationID, ids []MessageID) ([]MessageID, error)
}

// An Exported is one line of an export: a message or an attempt.
type Exported struct {
	Message *Message
	Attempt *Attempt
}

// An exportedLine is how a part has it. Payload tells an empty payload from one that
// was removed, which gob does not.
type exportedLine struct {
	Message *Message
	Payload bool
	Attempt *Attempt
}

// A partWriter makes a part. It is the concatenation of what gob makes of the lines,
// compressed: what reads it a day later at most knows the same types.
type partWriter struct {
	Part
	raw int
	buf bytes.Buffer
	zip *gzip.Writer
	gob *gob.Encoder
}

func newPartWriter() *partWriter {
	p := &partWriter{}
	p.zip, _ = gzip.NewWriterLevel(&p.buf, gzip.BestSpeed) // the level is a known one
	p.gob = gob.NewEncoder(p.zip)
	return p
}

func (p *partWriter) full() bool { return p.raw >= partBytes }

func (p *partWriter) message(msg *Message) error {
	p.raw += len(msg.Payload) + 512
	p.Messages++
	if msg.Damaged {
		p.Damaged++
	}
	p.Lines++
	return p.gob.Encode(exportedLine{Message: msg, Payload: msg.Payload != nil})
}

func (p *partWriter) attempt(a *Attempt) error {
	p.raw += len(a.ResponseBody) + 1024
	p.Lines++
	return p.gob.Encode(exportedLine{Attempt: a})
}

// part is what is to be stored; nil if nothing was written.
func (p *partWriter) part() (*Part, error) {
	if p.Lines == 0 {
		return nil, nil
	}
	if err := p.zip.Close(); err != nil {
		return nil, err
	}
	p.Content = p.buf.Bytes()
	return &p.Part, nil
}

var (
	errExportLarge = fmt.Errorf("it has come to %d GiB, and may be no larger; export a part at a time, with since and until", MaxExportSize>>30)
	errExportRoom  = errors.New("the disk is full; what was written of it is removed again")
)

// advanceExport does the next piece of an export.
func (h *Hub) advanceExport(ctx context.Context, t *Task) error {
	if t.Export.Size >= MaxExportSize {
		return errExportLarge
	}
	step := &TaskStep{Task: t.ID, Revision: t.Revision, At: t.At, Time: h.now()}
	p := newPartWriter()
	last, err := h.writePart(ctx, t, &step.At, p)
	if err == nil {
		step.Part, err = p.part()
	}
	if err != nil {
		return err
	}
	if last {
		step.State, step.Expires = TaskFinished, step.Time.Add(ExportRetention)
	}
	_, err = h.store.StepTask(ctx, step)
	return err
}

// writePart writes on from a place, which it sets to behind what is written, until
// the part is full or there is nothing behind it.
func (h *Hub) writePart(ctx context.Context, t *Task, at *TaskPlace, p *partWriter) (last bool, err error) {
	if at.Attempt != "" {
		if err := h.writeAttempts(ctx, t, at, p); err != nil || p.full() {
			return false, err
		}
	}
	s := &t.Selection
	if at.Message == "" {
		at.Message = lastBefore(s.Since)
	}
	for {
		f := MessageFilter{
			Page:  Page{Limit: partPage, After: string(at.Message), Ascending: true},
			Since: s.Since, Until: s.Until, EventTypes: s.EventTypes, Channel: s.Channel, Tag: s.Tag, Within: s.Within,
			Bytes: partBytes - p.raw,
		}
		msgs, err := h.store.Messages(ctx, t.Application, f)
		if err != nil {
			return false, err
		}
		for _, msg := range msgs {
			if err := p.message(msg); err != nil {
				return false, err
			}
			at.Message, at.Attempt = msg.ID, ""
			if s.Attempts {
				if err := h.writeAttempts(ctx, t, at, p); err != nil {
					return false, err
				}
			}
			if p.full() {
				return false, nil
			}
		}
		if f.ends(msgs) {
			return true, nil
		}
	}
}

// writeAttempts writes those of a message that are behind a place.
func (h *Hub) writeAttempts(ctx context.Context, t *Task, at *TaskPlace, p *partWriter) error {
	for {
		f := AttemptFilter{
			Page:    Page{Limit: partAttempts, After: string(at.Attempt), Ascending: true},
			Message: at.Message, Within: t.Selection.Within,
		}
		as, err := h.store.Attempts(ctx, t.Application, f)
		if err != nil {
			return err
		}
		for _, a := range as {
			if err := p.attempt(a); err != nil {
				return err
			}
			at.Attempt = a.ID
			if p.full() {
				return nil
			}
		}
		if len(as) < f.Limit {
			at.Attempt = ""
			return nil
		}
	}
}

// Exported reads what an export has written, a part at a time, as it is when the task
// has finished. It breaks off with an error: [ErrNotFound] if a part is not there any
// more, and [ErrDamaged] if one is not what was stored. A payload that was expunged
// since is gone here too.
func (h *Hub) Exported(ctx context.Context, t *Task) iter.Seq2[Exported, error] {
	return func(yield func(Exported, error) bool) {
		for n := range t.Export.Parts {
			lines, err := h.readPart(ctx, t, n)
			if err != nil {
				yield(Exported{}, fmt.Errorf("part %d of task %s: %w", n, t.ID, err))
				return
			}
			for _, line := range lines {
				if !yield(line, nil) {
					return
				}
			}
		}
	}
}

func (h *Hub) readPart(ctx context.Context, t *Task, n int) (lines []Exported, err error) {
	content, err := h.store.TaskPart(ctx, t.ID, n)
	if err != nil {
		return nil, err
	}
	if lines, err = decodePart(content); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	byID := make(map[MessageID]*Message)
	var ids []MessageID
	for _, line := range lines {
		if line.Message != nil && line.Message.Payload != nil {
			byID[line.Message.ID] = line.Message
			ids = append(ids, line.Message.ID)
		}
	}
	gone, err := h.store.Expunged(ctx, t.Application, ids)
	for _, id := range gone {
		byID[id].Payload = nil
	}
	return lines, err
}

func decodePart(content []byte) (lines []Exported, err error) {
	zip, err := gzip.NewReader(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	for dec := gob.NewDecoder(zip); ; {
		var line exportedLine
		err := dec.Decode(&line)
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return nil, err
		}
		if line.Payload && line.Message.Payload == nil {
			line.Message.Payload = []byte{}
		}
		lines = append(lines, Exported{line.Message, line.Attempt})
	}
}

// DropExport removes what an export has written, before its time. ErrNotFound: it
// has not finished.
func (h *Hub) DropExport(ctx context.Context, id TaskID) error {
	if err := h.store.ExpireTask(ctx, id, h.now()); err != nil {
		return fmt.Errorf("task %q: %w", id, err)
	}
	h.tasks.rouse()
	return nil
}

// checkExports refuses one more export than may be kept.
func (h *Hub) checkExports(ctx context.Context, app ApplicationID) error {
	kept, now := 0, h.now()
	f := TaskFilter{Page: Page{Limit: MaxPage}, Application: app, Kinds: []TaskKind{TaskExport}, States: []TaskState{TaskRunning, TaskFinished}}
	for {
		page, err := h.store.Tasks(ctx, f)
		if err != nil {
			return err
		}
		for _, t := range page {
			if t.State == TaskRunning || t.Export.ExpiresAt.After(now) {
				kept++
			}
		}
		if kept >= MaxExports {
			return &InvalidError{"", fmt.Sprintf("%d exports of the application are kept; remove the content of one, or wait until one expires", MaxExports)}
		}
		if len(page) < f.Limit || page[len(page)-1].CreatedAt.Before(now.Add(-2*ExportRetention)) {
			return nil
		}
		f.After = string(page[len(page)-1].ID)
	}
}

// sweepParts removes the parts of exports that are not there any more.
func (d *dispatcher) sweepParts(ctx context.Context) {
	for n := sweepParts; n == sweepParts; {
		var err error
		if n, err = d.h.store.SweepParts(ctx, d.h.now(), sweepParts); err != nil {
			d.fault(ctx, "removing what exports have written", err)
			return
		}
	}
}
