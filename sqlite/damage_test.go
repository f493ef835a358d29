//go:build unix

package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/sqlite"

	zombiezen "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// integrity runs SQLite's own check of a database that nobody has open.
func integrity(t *testing.T, path string) {
	t.Helper()
	conn, err := zombiezen.OpenConn(path, zombiezen.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	err = sqlitex.ExecuteTransient(conn, "PRAGMA integrity_check", &sqlitex.ExecOptions{ResultFunc: func(stmt *zombiezen.Stmt) error {
		if answer := stmt.ColumnText(0); answer != "ok" {
			t.Errorf("integrity check: %s", answer)
		}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// keep stores one message with a payload that is easily found in the file.
func keep(t *testing.T, s *sqlite.Store, n uint32, payload []byte) fanfare.MessageID {
	t.Helper()
	msg := &fanfare.Message{ID: fanfare.MessageID(idOf("msg_", n)), EventType: "record.created", Payload: payload}
	if _, err := s.Accept(t.Context(), application, []*fanfare.Intake{{Message: msg}}, nil); err != nil {
		t.Fatal(err)
	}
	return msg.ID
}

func TestADamagedPayloadIsNotGivenOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	setUp(t, path)
	s := open(t, path)
	bad, good := keep(t, s, 10, []byte(`{"amount": 100}`)), keep(t, s, 11, []byte(`{"amount": 200}`))
	s.Close()
	spoil(t, path, []byte(`{"amount": 100}`), []byte(`{"amount": 900}`))
	s = open(t, path)
	if msg, err := s.Message(t.Context(), application, string(bad)); !errors.Is(err, fanfare.ErrDamaged) || !strings.Contains(err.Error(), string(bad)) || msg.Payload != nil {
		t.Errorf("the damaged message gives %v, %v, want an error that names it", msg, err)
	}
	if _, err := s.Message(t.Context(), application, string(good)); err != nil {
		t.Errorf("the other message gives %v", err)
	}
}

// spoil changes a database behind its back.
func spoil(t *testing.T, path string, from, to []byte) {
	t.Helper()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(file, from); n != 1 {
		t.Fatalf("%q is there %d times, want once", from, n)
	}
	if err := os.WriteFile(path, bytes.Replace(file, from, to, 1), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestADamagedMessageIsNotInTheWay of those beside it, in a list and to who polls.
func TestADamagedMessageIsNotInTheWay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	setUp(t, path)
	s := open(t, path)
	var ids []fanfare.MessageID
	for n := range uint32(4) {
		msg := &fanfare.Message{
			ID: fanfare.MessageID(idOf("msg_", 10+n)), EventType: "record.created", Payload: fmt.Appendf(nil, `{"amount": %d}`, 100+n),
			Channels: []string{fmt.Sprint("channel-", n)}, Tags: []string{fmt.Sprint("tag-", n)},
		}
		if _, err := s.Accept(t.Context(), application, []*fanfare.Intake{{Message: msg}}, nil); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, msg.ID)
	}
	s.Close()
	spoil(t, path, []byte(`{"amount": 100}`), []byte(`{"amount": 900}`))
	spoil(t, path, []byte(`["channel-1"]`), []byte(`["channel-1"}`))
	spoil(t, path, []byte(`["tag-2"]`), []byte(`["tag-2}}`))
	s = open(t, path)
	check := func(how string, msgs []*fanfare.Message, err error) {
		t.Helper()
		if err != nil || len(msgs) != len(ids) {
			t.Fatalf("%s gives %d, %v; want %d", how, len(msgs), err, len(ids))
		}
		for i, msg := range msgs {
			if damaged := i < 3; msg.ID != ids[i] || msg.Damaged != damaged || (msg.Payload == nil) != damaged || msg.EventType != "record.created" {
				t.Errorf("%s: number %d is %+v", how, i, msg)
			}
		}
	}
	msgs, err := s.Messages(t.Context(), application, fanfare.MessageFilter{Page: fanfare.Page{Limit: 10, Ascending: true}})
	check("the list", msgs, err)

	p, err := fanfare.New(s, nil).Poller(t.Context(), string(application), idOf("ep_", 2))
	if err != nil {
		t.Fatal(err)
	}
	b, err := p.Read(t.Context(), fanfare.PollQuery{Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	check("polling", b.Messages, nil)
}

func TestADamagedDatabaseBreaksTheStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	setUp(t, path)
	s := open(t, path)
	for n := range uint32(1000) { // more than a page
		keep(t, s, 10+n, payload)
	}
	s.Close()
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	middle := len(file) / 2 // neither the root of the table nor its end, which Open reads
	page := (middle + bytes.Index(file[middle:], payload)) / 8192 * 8192
	file[page] = 0xfe // there is no such kind of page
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	if _, err := s.Messages(t.Context(), application, fanfare.MessageFilter{Page: fanfare.Page{Limit: 1000, Ascending: true}}); !errors.Is(err, fanfare.ErrBroken) {
		t.Fatalf("reading gives %v, want %v", err, fanfare.ErrBroken)
	}
	if err := s.SetSetting(t.Context(), "colour", nil); !errors.Is(err, fanfare.ErrBroken) {
		t.Errorf("writing then gives %v, want %v", err, fanfare.ErrBroken)
	}
}

func TestAnExpungedPayloadIsNotInTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fanfare.db")
	setUp(t, path)
	s := open(t, path)
	short, long := bytes.Repeat([]byte("telltale"), 10), bytes.Repeat([]byte("telltale"), 10_000)
	for n, payload := range [][]byte{short, long} {
		id := keep(t, s, uint32(10+n), payload)
		if err := s.ExpungePayload(t.Context(), application, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal"} {
		file, err := os.ReadFile(path + suffix)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if n := bytes.Count(file, []byte("telltale")); n > 0 {
			t.Errorf("fanfare.db%s still has it %d times", suffix, n)
		}
	}
}

// TestABackupIsOneMoment copies the database in the midst of writing.
func TestABackupIsOneMoment(t *testing.T) {
	dir := t.TempDir()
	path, target := filepath.Join(dir, "fanfare.db"), filepath.Join(dir, "backup.db")
	setUp(t, path)
	s := open(t, path)
	h := &shop{store: s, app: application, eps: []fanfare.EndpointID{fanfare.EndpointID(idOf("ep_", 2))}}
	h.made.Store(100)
	before := make([]fanfare.MessageID, 1500)
	var wg sync.WaitGroup
	for i := range before {
		wg.Go(func() {
			in := h.accept(t, int64(i))
			h.record(t, int64(i), in)
			before[i] = in.Message.ID
		})
	}
	wg.Wait()
	stop := make(chan struct{})
	for i := range int64(16) {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					h.record(t, i, h.accept(t, i))
				}
			}
		})
	}
	calls, last := 0, int64(-1)
	err := sqlite.Backup(t.Context(), path, target, func(done, total int64) {
		h.record(t, 0, h.accept(t, 0)) // committed while the copy is under way, for certain
		if calls++; done <= last || done > total {
			t.Errorf("progress went from %d to %d of %d bytes", last, done, total)
		}
		last = done
	})
	close(stop)
	wg.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if calls < 3 {
		t.Errorf("progress was called %d times, want more", calls)
	}
	if info, err := os.Stat(target); err != nil || info.Size() != last {
		t.Errorf("the file is %v, %v, and progress ended at %d bytes", info, err, last)
	}
	if err := sqlite.Backup(t.Context(), path, target, nil); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second backup to the same name gives %v, want %v", err, os.ErrExist)
	}
	integrity(t, target)
	restored(t, open(t, target), before)
}

// restored checks that a backup is what the store once was: all from before it
// was begun, and of the rest every message with its delivery, and an attempt if
// and only if it is delivered.
func restored(t *testing.T, s *sqlite.Store, before []fanfare.MessageID) {
	t.Helper()
	for _, id := range before {
		if _, err := s.Message(t.Context(), application, string(id)); err != nil {
			t.Fatalf("message %s: %v", id, err)
		}
	}
	page := fanfare.Page{Limit: fanfare.MaxPage, Ascending: true}
	for {
		msgs, err := s.Messages(t.Context(), application, fanfare.MessageFilter{Page: page})
		if err != nil {
			t.Fatal(err)
		}
		for _, msg := range msgs {
			only := fanfare.Page{Limit: 2}
			ds, err := s.Deliveries(t.Context(), application, fanfare.DeliveryFilter{Page: only, Message: msg.ID})
			if err != nil || len(ds) != 1 {
				t.Fatalf("message %s has %d deliveries, %v", msg.ID, len(ds), err)
			}
			as, err := s.Attempts(t.Context(), application, fanfare.AttemptFilter{Page: only, Message: msg.ID})
			if err != nil || (ds[0].State == fanfare.Delivered) != (len(as) == 1) {
				t.Fatalf("message %s is %v with %d attempts, %v", msg.ID, ds[0].State, len(as), err)
			}
		}
		if len(msgs) < page.Limit {
			return
		}
		page.After = string(msgs[len(msgs)-1].ID)
	}
}

func TestABackupThatFailsLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "fanfare.db")
	setUp(t, path)
	open(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := sqlite.Backup(ctx, path, filepath.Join(dir, "backup.db"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v, want %v", err, context.Canceled)
	}
	for _, name := range []string{"backup.db", "backup.db.partial"} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is there", name)
		}
	}
}
