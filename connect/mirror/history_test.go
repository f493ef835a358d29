//go:build linux

package mirror_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
)

// An event is what became of a record, in order of version.
type event struct {
	record  int
	deleted bool
	members map[string]any
	message *fanfare.Message
}

// history is what becomes of records: each event has the version that is its place. Of
// what is accepted the order is another one, unless versioned is false.
func history(chance *rand.Rand, records, events int, versioned bool) []event {
	all := make([]event, events)
	for i := range all {
		e := event{record: 1 + chance.IntN(records), deleted: chance.IntN(4) == 0, members: map[string]any{}}
		for _, name := range []string{"a", "b", "c", "d"} {
			if chance.IntN(3) > 0 {
				e.members[name] = value(chance, name)
			}
		}
		all[i] = e
	}
	accepted := make([]int, events)
	for i := range accepted {
		accepted[i] = i
	}
	if versioned {
		chance.Shuffle(events, func(i, j int) { accepted[i], accepted[j] = accepted[j], accepted[i] })
	}
	for _, i := range accepted {
		e := &all[i]
		payload := map[string]any{"id": e.record, "v": i}
		eventType := "customer.deleted"
		if !e.deleted {
			eventType = "customer.updated"
			for name, v := range e.members {
				payload[name] = v
			}
		}
		text, err := json.Marshal(payload)
		if err != nil {
			panic(err)
		}
		e.message = connecttest.Message(eventType, string(text))
	}
	return all
}

// value is one for a member; those of d are of all kinds.
func value(chance *rand.Rand, name string) any {
	n := chance.IntN(1000)
	switch name {
	case "a":
		return n
	case "b":
		return fmt.Sprintf("it's \"%d\"\\ ☃", n)
	case "c":
		return map[string]any{"n": n}
	}
	return []any{n, fmt.Sprint("d", n), true, float64(n) + 0.5, nil, []any{n}}[chance.IntN(6)]
}

// newest is what the table must hold.
func newest(all []event, versioned bool) []string {
	now := make(map[int]event)
	for i, e := range all {
		e.members["v"] = i
		now[e.record] = e
	}
	var rows []string
	for id, e := range now {
		if e.deleted {
			continue
		}
		row := fmt.Sprint("id=", id)
		for _, name := range []string{"a", "b", "c", "d", "v"} {
			v, there := e.members[name]
			row += " " + name + "=" + shown(v, there)
		}
		rows = append(rows, row)
	}
	slices.Sort(rows)
	return rows
}

func shown(v any, there bool) string {
	if !there || v == nil {
		return "<nil>"
	}
	if s, ok := v.(string); ok {
		return s
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return plain(string(text))
}

// plain is a value as all three databases can be told to agree on it.
func plain(text string) string {
	text = strings.Trim(strings.ReplaceAll(text, " ", ""), `"`) // in a column of JSON text is quoted
	switch text {
	case "true":
		return "1"
	case "false":
		return "0"
	}
	return text
}

func TestHistories(t *testing.T) {
	for _, versioned := range []bool{false, true} {
		t.Run(fmt.Sprint("versioned ", versioned), func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				for round := range uint64(2) {
					replay(t, w, round, versioned)
				}
			})
		})
	}
}

// replay has a history come in any order, some of it twice, by two servers at once, of
// which each crashes now and then, and compares the table with what it must be.
func replay(t *testing.T, w *world, round uint64, versioned bool) {
	chance := rand.New(rand.NewPCG(round, 7))
	all := history(chance, 12, 100, versioned)
	members := fmt.Sprintf(`"table":"history_%d_%t","columns":{}`, round, versioned)
	if versioned {
		members += `,"version":"{{payload.v}}"`
	}
	var messages []*fanfare.Message
	for _, e := range all {
		messages = append(messages, e.message)
		for range chance.IntN(3) {
			messages = append(messages, e.message)
		}
	}
	chance.Shuffle(len(messages), func(i, j int) { messages[i], messages[j] = messages[j], messages[i] })
	crashes := make([]bool, len(messages))
	for i := range crashes {
		crashes[i] = chance.IntN(10) == 0
	}
	var wg sync.WaitGroup
	const lines = 4
	for line := range lines {
		wg.Go(func() {
			sink, err := w.connector.New([]byte(w.with(members)), w.way)
			for i := line; i < len(messages) && err == nil; i += lines {
				if crashes[i] {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%20)*100*time.Microsecond)
					_, _ = sink.Send(ctx, messages[i]) // whatever became of it
					cancel()
					if err = sink.Close(); err == nil {
						sink, err = w.connector.New([]byte(w.with(members)), w.way)
					}
				}
				if err == nil {
					err = until(t.Context(), sink, messages[i])
				}
			}
			if err == nil {
				err = sink.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	var got []string
	for _, row := range w.rows(t, fmt.Sprintf("SELECT id, a, b, c, d, v FROM history_%d_%t", round, versioned)) {
		line := "id=" + row[0]
		for i, name := range []string{"a", "b", "c", "d", "v"} {
			v := row[i+1]
			if name != "b" {
				v = plain(v)
			}
			line += " " + name + "=" + v
		}
		got = append(got, line)
	}
	slices.Sort(got)
	if want := newest(all, versioned); !slices.Equal(got, want) {
		t.Errorf("round %d: the table has\n%s\nand must have\n%s", round, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// until sends a message until it is taken, as the engine does.
func until(ctx context.Context, sink fanfare.Sink, msg *fanfare.Message) error {
	var reply fanfare.Reply
	var err error
	for range 50 {
		reply, err = sink.Send(ctx, msg)
		if err == nil && reply.Class == fanfare.ClassSuccess {
			return nil
		}
		if err == nil && reply.Class == fanfare.ClassRejected {
			break
		}
	}
	return fmt.Errorf("%s: %s %s, %w", msg.Payload, reply.Class, reply.Detail, err)
}
