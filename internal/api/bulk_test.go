package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/fanfarehq/fanfare"
)

// pruned is a store in which one message is there no more, though what became of it
// is, as it is while messages are removed. It counts how messages are looked up.
type pruned struct {
	fanfare.Store
	gone       fanfare.MessageID
	one, named int
}

func (s *pruned) Message(ctx context.Context, app fanfare.ApplicationID, ref string) (*fanfare.Message, error) {
	if s.one++; ref == string(s.gone) {
		return nil, fanfare.ErrNotFound
	}
	return s.Store.Message(ctx, app, ref)
}

func (s *pruned) NamedMessages(ctx context.Context, app fanfare.ApplicationID, ids []fanfare.MessageID) (msgs []*fanfare.Message, err error) {
	s.named++
	all, err := s.Store.NamedMessages(ctx, app, ids)
	for _, msg := range all {
		if msg.ID != s.gone {
			msgs = append(msgs, msg)
		}
	}
	return msgs, err
}

func TestListsReadTheirMessagesAtOnce(t *testing.T) {
	running(t, func(w http.ResponseWriter, r *http.Request) {}, func(t *testing.T, w *world) {
		w.app("acme")
		w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"http://example.com/in","uid":"ep"}`).want(201)
		var all []string
		for i := range 8 {
			all = append(all, w.message("acme", fmt.Sprintf(`{"eventType":"a.b","payload":%d}`, i)))
			synctest.Wait()
		}
		store := &pruned{Store: w.store, gone: fanfare.MessageID(all[3])}
		w = worldOn(t, store, &fanfare.Options{})
		for _, path := range []string{"/endpoint/ep/msg?order=ascending&limit=5", "/attempt/endpoint/ep?with_msg=true&order=ascending&limit=5"} {
			store.one, store.named = 0, 0
			items := w.do("GET", "/api/v1/app/acme"+path, "").items()
			if store.one != 0 || store.named != 1 {
				t.Errorf("%s: %d messages are read by themselves, and %d times several; want 0 and 1", path, store.one, store.named)
			}
			if len(items) != 5 {
				t.Fatalf("%s: %d rows, want 5", path, len(items))
			}
			for i, item := range items {
				msg := item
				if strings.HasPrefix(path, "/attempt") {
					msg = item["msg"].(map[string]any)
					if item["msgId"] != all[i] || item["eventType"] != "a.b" {
						t.Errorf("%s: row %d is %v", path, i, item)
					}
				}
				want := fmt.Sprint(i)
				if i == 3 {
					want = `{"expired":true}`
				}
				if msg["id"] != all[i] || asJSON(t, msg["payload"]) != want || !strings.HasPrefix(fmt.Sprint(msg["timestamp"]), "2000-01-01T") {
					t.Errorf("%s: message %d is %v", path, i, msg)
				}
			}
		}
	})
}
