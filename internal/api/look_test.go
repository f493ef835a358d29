package api

import (
	"context"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

// A slowStore takes as long for each look at messages as a page may take.
type slowStore struct {
	*storetest.Model
	most int // that was looked at
}

func (s *slowStore) Messages(ctx context.Context, app fanfare.ApplicationID, f fanfare.MessageFilter) ([]*fanfare.Message, error) {
	time.Sleep(listTime)
	if f.Look != nil {
		s.most = max(s.most, f.Look.Most)
	}
	return s.Model.Messages(ctx, app, f)
}

// TestAListIsLookedForAPageAtATime where its filter finds only the oldest of many messages.
func TestAListIsLookedForAPageAtATime(t *testing.T) {
	store := &slowStore{Model: storetest.NewModel()}
	w := worldOn(t, store, &fanfare.Options{})
	w.app("acme")
	rare := w.message("acme", `{"eventType":"rare","payload":{}}`)
	const others = 2*listPiece + listPiece/2
	for range others / 10 {
		var msgs []*fanfare.Message
		for range 10 {
			msgs = append(msgs, &fanfare.Message{EventType: "usual", Payload: []byte(`{}`)})
		}
		if _, err := w.hub.SendBatch(t.Context(), "acme", msgs, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, list := range []string{"msg", "log"} {
		path := "/api/v1/app/acme/" + list + "?event_types=rare"
		var last map[string]any
		at := ""
		for page := range 3 {
			last = w.do("GET", path+at, "").want(200).object()
			found, done := last["data"].([]any), last["done"].(bool)
			if want := page / 2; len(found) != want || done != (page == 2) {
				t.Fatalf("%s: page %d has %d, want %d, and is the last: %v", list, page, len(found), want, done)
			}
			if page == 2 && found[0].(map[string]any)["id"] != rare {
				t.Errorf("%s: found is %v, want %s", list, found[0], rare)
			}
			at = "&iterator=" + last["iterator"].(string)
		}
		at = "&iterator=" + last["prevIterator"].(string)
		for page := range 3 {
			back := w.do("GET", path+at, "").want(200).object()
			if found := back["data"].([]any); len(found) != 0 || back["done"] != (page == 2) {
				t.Fatalf("%s: back, page %d has %d, and is the last: %v", list, page, len(found), back["done"])
			}
			at = "&iterator=" + back["prevIterator"].(string)
		}
	}
	store.most = 0
	w.do("GET", "/api/v1/app/acme/msg?limit=1", "").want(200)
	if store.most != 0 {
		t.Errorf("of a list without a filter %d are looked at", store.most)
	}
}
