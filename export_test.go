package fanfare_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
)

// exported are the ids of an export's lines.
func (w *world) exported(t *fanfare.Task) (ids []string) {
	w.t.Helper()
	for line, err := range w.hub.Exported(w.t.Context(), t) {
		switch {
		case err != nil:
			w.t.Fatal(err)
		case line.Attempt != nil:
			ids = append(ids, string(line.Attempt.ID))
		default:
			ids = append(ids, string(line.Message.ID))
		}
	}
	return ids
}

// TestAnExportGoesOnWithinAMessage whose attempts are more than one part.
func TestAnExportGoesOnWithinAMessage(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		var places []fanfare.TaskPlace
		w.bend(&bent{step: func(step *fanfare.TaskStep) error {
			places = append(places, step.At)
			return nil
		}}, nil)
		ep := w.endpoint(fanfare.Endpoint{URL: "http://a.test/", Disabled: true})
		msgs := w.past(3, ep, fanfare.Waiting)
		want := []string{string(msgs[0].ID), string(msgs[1].ID)}
		body := bytes.Repeat([]byte("x"), 64<<10)
		for n := range 40 {
			id := fanfare.AttemptID(fanfare.EncodeID("atmpt_", [16]byte{1, 2, 6: 0x70, 8: 0x80, 15: byte(n)}))
			o := &fanfare.Outcome{
				Attempt: &fanfare.Attempt{
					ID: id, Message: msgs[1].ID, Endpoint: ep.ID, EventType: "a.b", Number: n, URL: ep.URL,
					StartedAt: w.start, Status: 500, Class: fanfare.ClassStatus, ResponseBody: body,
				},
				Delivery: fanfare.Delivery{Message: msgs[1].ID, Endpoint: ep.ID, Due: w.start},
			}
			if err := w.store.Record(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			want = append(want, string(id))
		}
		want = append(want, string(msgs[2].ID))
		started := w.startTask(fanfare.Task{Kind: fanfare.TaskExport, Selection: fanfare.Selection{Attempts: true}})
		if _, err := w.hub.AwaitTask(t.Context(), started.ID, time.Minute); err != nil {
			t.Fatal(err)
		}
		ended := w.wantTask(started.ID, fanfare.TaskFinished, 3, 3)
		if e := ended.Export; e.Parts != 3 || e.Lines != 43 || e.Damaged != 0 {
			t.Errorf("it has written %+v", e)
		}
		if len(places) != 3 || places[0].Message != msgs[1].ID || places[0].Attempt == "" || places[2].Attempt != "" {
			t.Errorf("it went by %v", places)
		}
		if got := w.exported(ended); !slices.Equal(got, want) {
			t.Errorf("exported are %v, want %v", got, want)
		}
	})
}

func TestAnExportKeepsWhatAMessageIs(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.bend(&bent{}, nil)
		synctest.Wait()
		payloads := [][]byte{[]byte(`{"n": 1}`), {}, {0, 0xff}, nil}
		msgs := w.past(len(payloads), nil, 0, func(i int, msg *fanfare.Message) {
			msg.EventID, msg.ContentType, msg.Channels, msg.Tags = fmt.Sprint("e", i), "text/x", []string{"c"}, []string{"t"}
			msg.OrderingKey, msg.DeliverAt = "k", w.start
			if payloads[i] != nil {
				msg.Payload = payloads[i]
			}
		})
		if err := w.hub.ExpungePayload(t.Context(), w.app.ID, msgs[3].ID); err != nil {
			t.Fatal(err)
		}
		started := w.startTask(fanfare.Task{Kind: fanfare.TaskExport})
		ended, err := w.hub.AwaitTask(t.Context(), started.ID, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for line, err := range w.hub.Exported(t.Context(), ended) {
			if err != nil {
				t.Fatal(err)
			}
			want, err := w.hub.Message(t.Context(), w.app.ID, string(msgs[n].ID))
			if err != nil {
				t.Fatal(err)
			}
			got := line.Message
			if fmt.Sprintf("%#v", *got) != fmt.Sprintf("%#v", *want) || (got.Payload == nil) != (payloads[n] == nil) {
				t.Errorf("message %d is %#v, want %#v", n, *got, *want)
			}
			n++
		}
		if n != len(payloads) {
			t.Errorf("%d lines", n)
		}
	})
}

func TestAnExportThatFillsTheDiskFails(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		parts := 0
		w.bend(&bent{step: func(step *fanfare.TaskStep) error {
			if step.Part != nil {
				if parts++; parts == 2 {
					return fanfare.ErrFull
				}
			}
			return nil
		}}, nil)
		w.past(3, nil, 0, func(i int, msg *fanfare.Message) { msg.Payload = bytes.Repeat([]byte("1"), 1<<20) })
		started := w.startTask(fanfare.Task{Kind: fanfare.TaskExport})
		if _, err := w.hub.AwaitTask(t.Context(), started.ID, time.Second); err != nil {
			t.Fatal(err)
		}
		ended := w.wantTask(started.ID, fanfare.TaskFailed, 3, 1)
		if ended.Error != "the disk is full; what was written of it is removed again" {
			t.Errorf("it says %q", ended.Error)
		}
		if n, err := w.store.SweepParts(t.Context(), time.Now(), 10); n != 0 || err != nil {
			t.Errorf("%d parts are left, %v", n, err)
		}
		for _, err := range w.hub.Exported(t.Context(), ended) {
			if !errors.Is(err, fanfare.ErrNotFound) {
				t.Errorf("reading it gives %v", err)
			}
		}
	})
}

func TestAnExportIsRemovedWhenItExpires(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.past(1, nil, 0)
		started := w.startTask(fanfare.Task{Kind: fanfare.TaskExport})
		time.Sleep(time.Minute)
		if ended := w.wantTask(started.ID, fanfare.TaskFinished, 1, 1); ended.Export.Parts != 1 {
			t.Fatalf("it has written %+v", ended.Export)
		}
		time.Sleep(fanfare.ExportRetention + time.Hour)
		if n, err := w.store.SweepParts(t.Context(), time.Now(), 10); n != 0 || err != nil {
			t.Errorf("%d parts were left, %v", n, err)
		}
	})
}
