package fanfare_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

// An interloper is a store in which somebody else changes an endpoint's metadata
// right before each of the next changes to it.
type interloper struct {
	*storetest.Model
	times int
}

func (s *interloper) UpdateEndpoint(ctx context.Context, ep *fanfare.Endpoint) error {
	if s.times > 0 {
		s.times--
		other, err := s.Model.Endpoint(ctx, ep.Application, string(ep.ID))
		if err != nil {
			return err
		}
		other.Metadata = map[string]string{"changed": "meanwhile"}
		if err := s.Model.UpdateEndpoint(ctx, other); err != nil {
			return err
		}
	}
	return s.Model.UpdateEndpoint(ctx, ep)
}

// TestWhatTheHubNotesOfAnEndpointUndoesNoChange of somebody else's, and that of
// somebody else does not undo what it notes.
func TestWhatTheHubNotesOfAnEndpointUndoesNoChange(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		willing := true
		rcv := w.receiver("hooks.example", func(_ int, rw http.ResponseWriter, r *http.Request) {
			if willing {
				echo(rw, r)
			} else {
				rw.WriteHeader(http.StatusGone)
			}
		})
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		store := &interloper{Model: w.store}
		hub := fanfare.New(store, &fanfare.Options{Dial: w.net.DialContext, AllowLoopback: true, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- hub.Run(ctx) }()
		store.times = 3
		ep := &fanfare.Endpoint{Application: w.app.ID, URL: rcv.url, Handshake: fanfare.Handshake{Kind: "dropbox"}}
		if err := hub.CreateEndpoint(t.Context(), ep); err != nil {
			t.Fatal(err)
		}
		check := func(disabled bool) {
			t.Helper()
			if got := w.reload(ep); !got.Verified() || got.Metadata["changed"] != "meanwhile" || got.Disabled != disabled {
				t.Errorf("verified %v, metadata %v, disabled %v", got.Verified(), got.Metadata, got.Disabled)
			}
		}
		check(false)
		if err := hub.UpdateEndpoint(t.Context(), ep); !errors.Is(err, fanfare.ErrConflict) {
			t.Errorf("what the caller has not seen is overwritten: %v", err)
		}
		now := w.reload(ep)
		now.Metadata = nil
		if err := hub.UpdateEndpoint(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		willing, store.times = false, 2
		if _, err := hub.Send(t.Context(), "acme", "a.b", 1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		check(true)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// TestAHandshakeAboutWhatIsNoMoreIsNotKept: somebody changes the URL while the
// receiver at the old one is asked.
func TestAHandshakeAboutWhatIsNoMoreIsNotKept(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		asked := 0
		var rcv *receiver
		rcv = w.receiver("hooks.example", func(_ int, rw http.ResponseWriter, r *http.Request) {
			if asked++; asked == 1 {
				eps, err := w.hub.Endpoints(r.Context(), w.app.ID, fanfare.Page{Limit: 1})
				if err != nil {
					t.Error(err)
					return
				}
				eps[0].URL, eps[0].Handshake.Kind = rcv.url+"elsewhere", "websub"
				if err := w.hub.UpdateEndpoint(r.Context(), eps[0]); err != nil {
					t.Error(err)
				}
			}
			echo(rw, r)
		})
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Handshake: fanfare.Handshake{Kind: "dropbox"}})
		if got := w.reload(ep); asked != 2 || got.Handshake.Kind != "websub" || !got.Verified() {
			t.Errorf("asked %d times; it is verified by %s: %v, %q", asked, got.Handshake.Kind, got.Verified(), got.Unverified())
		}
	})
}
