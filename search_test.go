package fanfare_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/fanfarehq/fanfare"
)

// asked counts how often a store is asked what became of messages.
type asked struct {
	fanfare.Store
	times int
}

func (a *asked) DeliveriesOf(ctx context.Context, messages map[fanfare.ApplicationID][]fanfare.MessageID, within []string) (map[fanfare.MessageID][]*fanfare.Delivery, error) {
	a.times++
	return a.Store.DeliveriesOf(ctx, messages, within)
}

// TestASearchAsksOnceWhatBecameOfItsMessages, of however many applications they are.
func TestASearchAsksOnceWhatBecameOfItsMessages(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		const n = 40
		to := make(map[fanfare.ApplicationID]fanfare.EndpointID)
		for i := range n {
			app := &fanfare.Application{Name: fmt.Sprintf("Shop %d", i)}
			if err := w.hub.CreateApplication(t.Context(), app); err != nil {
				t.Fatal(err)
			}
			ep := &fanfare.Endpoint{Application: app.ID, URL: "http://a.test/", Paused: true}
			if err := w.hub.CreateEndpoint(t.Context(), ep); err != nil {
				t.Fatal(err)
			}
			msg := &fanfare.Message{EventID: "one", EventType: "a.b", Payload: []byte("{}")}
			if errs, err := w.hub.SendBatch(t.Context(), string(app.ID), []*fanfare.Message{msg}, nil); err != nil || errs[0] != nil {
				t.Fatal(errs, err)
			}
			to[app.ID] = ep.ID
		}
		store := &asked{Store: w.store}
		hub := fanfare.New(store, nil)
		for name, search := range map[string]func() (*fanfare.MessageFinding, error){
			"by what they are": func() (*fanfare.MessageFinding, error) {
				return hub.SearchMessages(t.Context(), fanfare.MessageSearch{MessageLook: fanfare.MessageLook{Limit: n}})
			},
			"by event id": func() (*fanfare.MessageFinding, error) {
				return hub.FindMessages(t.Context(), "one", "", nil, n)
			},
		} {
			store.times = 0
			f, err := search()
			if err != nil {
				t.Fatal(err)
			}
			if len(f.Messages) != n || store.times != 1 {
				t.Errorf("%s: of %d messages it asked %d times what became", name, len(f.Messages), store.times)
			}
			for _, msg := range f.Messages {
				if ds := f.Deliveries[msg.ID]; len(ds) != 1 || ds[0].Endpoint != to[msg.Application] {
					t.Errorf("%s: of %s it says %v", name, msg.ID, ds)
				}
			}
		}
	})
}
