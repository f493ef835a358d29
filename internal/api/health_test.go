package api

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

// TestAServerThatLeavesSaysSo asks after the health of a server that is about to stop.
func TestAServerThatLeavesSaysSo(t *testing.T) {
	w := newWorld(t)
	leaving := make(chan struct{})
	w.api = New(w.hub, w.store, &Options{KeyHash: HashKey(testKey), Leaving: leaving})
	w.do("GET", "/api/v1/health", "").want(204)
	close(leaving)
	for _, path := range []string{"/api/v1/health", "/api/v1/health/ping"} {
		w.do("GET", path, "").want(503)
	}
	w.do("GET", "/api/v1/app", "").want(200)
}

// A lone node's store grants one lease, and does not answer after that.
type lone struct {
	*storetest.Model
	granted bool
}

func (s *lone) Join(context.Context, string) error { return nil }
func (s *lone) Renew(context.Context, uint64, bool) (*fanfare.Lease, error) {
	if s.granted {
		return nil, fanfare.ErrAway
	}
	s.granted = true
	return &fanfare.Lease{Until: time.Now().Add(8 * time.Second)}, nil
}
func (s *lone) GiveUp(context.Context, []int) error                    { return nil }
func (s *lone) Leave(context.Context) error                            { return nil }
func (s *lone) Nodes(context.Context) ([]*fanfare.Node, error)         { return nil, nil }
func (s *lone) Tell(context.Context, []fanfare.Lane) error             { return nil }
func (s *lone) TellMore([]fanfare.Addition)                            {}
func (s *lone) LanesOf(context.Context, []int) ([]fanfare.Lane, error) { return nil, nil }
func (s *lone) ShardOf(fanfare.EndpointID) int                         { return 0 }
func (s *lone) Added(context.Context, []fanfare.Addition) ([]*fanfare.Delivery, []*fanfare.Message, error) {
	return nil, nil, nil
}

func (s *lone) Hear(ctx context.Context) (*fanfare.News, error) {
	<-ctx.Done()
	return &fanfare.News{}, nil
}

// TestANodeThatIsCutOffSaysSo asks after the health of a node that cannot renew its lease:
// it is well until that has run out.
func TestANodeThatIsCutOffSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := worldOn(t, &lone{Model: storetest.NewModel()}, &fanfare.Options{})
		ctx, end := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- w.hub.Run(ctx) }()
		time.Sleep(7 * time.Second)
		w.do("GET", "/api/v1/health", "").want(204)
		time.Sleep(2 * time.Second)
		for _, path := range []string{"/api/v1/health", "/api/v1/health/ping"} {
			a := w.do("GET", path, "")
			a.want(503)
			if got := a.header.Get("Retry-After"); got != "1" {
				t.Errorf("%s: Retry-After is %q", path, got)
			}
		}
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		synctest.Wait()
	})
}
