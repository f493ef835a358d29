package postgres_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/postgres"
)

// hears listens until it has heard of n messages of lanes, or of a lane as a whole.
func hears(t *testing.T, s *postgres.Store, n int) (named map[fanfare.MessageID]fanfare.EndpointID, whole []fanfare.Lane) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	named = make(map[fanfare.MessageID]fanfare.EndpointID)
	for len(named) < n && whole == nil {
		news, err := s.Hear(ctx)
		if err != nil || ctx.Err() != nil {
			t.Fatalf("it has heard of %d messages: %v", len(named), err)
		}
		for _, a := range news.Additions {
			for _, msg := range a.Messages {
				named[msg] = a.Endpoint
			}
		}
		whole = append(whole, news.More...)
	}
	return named, whole
}

// TestWhatIsNewInALaneIsTold has one store accept, and another one, which runs the lanes,
// be told of the messages, and read them.
func TestWhatIsNewInALaneIsTold(t *testing.T) {
	t.Parallel()
	url := database(t)
	s, _ := joined(t, url, "a")
	if _, err := s.Hear(t.Context()); err != nil { // it listens from now on
		t.Fatal(err)
	}
	shop := newShop(t, openAt(t, url, nil), 2)
	var ins []*fanfare.Intake
	want := make(map[fanfare.MessageID]fanfare.EndpointID)
	var all []fanfare.Addition
	for i := range 40 {
		in := shop.intake(int64(i))
		want[in.Message.ID] = in.Deliveries[0].Endpoint
		ins = append(ins, in)
		all = append(all, fanfare.Addition{
			Lane:     fanfare.Lane{Application: shop.app, Endpoint: in.Deliveries[0].Endpoint},
			Messages: []fanfare.MessageID{in.Message.ID},
		})
	}
	if err := shop.acceptErr(ins...); err != nil {
		t.Fatal(err)
	}
	if named, whole := hears(t, s, len(want)); !maps.Equal(named, want) || whole != nil {
		t.Errorf("told of %v and, as a whole, of %v; want %v", named, whole, want)
	}

	unknown := fanfare.Lane{Application: shop.app, Endpoint: fanfare.EndpointID(shop.id("ep_"))}
	ask := append(all, fanfare.Addition{Lane: unknown, Messages: []fanfare.MessageID{ins[0].Message.ID}},
		fanfare.Addition{Lane: all[0].Lane, Messages: []fanfare.MessageID{fanfare.MessageID(shop.id("msg_")), "msg_", ""}})
	if err := shop.recordErr(ins[:10]...); err != nil {
		t.Fatal(err)
	}
	ds, msgs, err := s.Added(t.Context(), ask)
	if err != nil {
		t.Fatal(err)
	}
	waits := make(map[fanfare.MessageID]fanfare.EndpointID)
	for _, d := range ds {
		waits[d.Message] = d.Endpoint
		if d.State != fanfare.Waiting || d.Due.IsZero() {
			t.Errorf("%s is in state %v, due %v", d.Message, d.State, d.Due)
		}
	}
	for _, in := range ins[:10] {
		delete(want, in.Message.ID)
	}
	if !maps.Equal(waits, want) || len(ds) != len(want) {
		t.Errorf("%v wait, want %v", waits, want)
	}
	var got []string
	for _, msg := range msgs {
		got = append(got, string(msg.ID)+" "+string(msg.Payload))
	}
	slices.Sort(got)
	for i, in := range ins {
		if text := string(in.Message.ID) + " " + string(in.Message.Payload); i >= len(got) || got[i] != text {
			t.Fatalf("message %d of %d is not %q", i, len(got), text)
		}
	}
	if len(got) != len(ins) {
		t.Errorf("%d messages, want %d", len(got), len(ins))
	}
	if ds, msgs, err := s.Added(t.Context(), nil); len(ds)+len(msgs) > 0 || err != nil {
		t.Errorf("of nothing: %v %v %v", ds, msgs, err)
	}

	many := make([]*fanfare.Intake, 600)
	for i := range many {
		many[i] = shop.intake(0)
	}
	if err := shop.acceptErr(many...); err != nil {
		t.Fatal(err)
	}
	if _, whole := hears(t, s, len(many)); fmt.Sprint(whole) != fmt.Sprint([]fanfare.Lane{all[0].Lane}) {
		t.Errorf("told of %v as a whole, want %v", whole, all[0].Lane)
	}
	late := shop.intake(0)
	late.Deliveries[0].Latest, late.Deliveries[0].OrderingKey = true, "k"
	if err := shop.acceptErr(late); err != nil {
		t.Fatal(err)
	}
	if named, whole := hears(t, s, 1); len(whole) != 1 {
		t.Errorf("of one that may take another's place it was told %v, want of the lane as a whole", named)
	}
}
