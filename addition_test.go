package fanfare_test

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/fanfarehq/fanfare"
)

// TestWhatOthersHaveAcceptedIsLookedForInTurns has a store that answers late, while much is
// told of: few look for it at a time, and what is told of meanwhile is read together. What
// is too much to be remembered is read with its lane.
func TestWhatOthersHaveAcceptedIsLookedForInTurns(t *testing.T) {
	for _, repeated := range []int{0, 5000} {
		atTable(t, func(t *testing.T, w *world, s *table) {
			const n = 1000
			rcv := w.receiver("a.test", nil)
			ep := w.endpoint(fanfare.Endpoint{URL: rcv.url})
			w.send("x.y", "first") // the node knows the lane from then on
			synctest.Wait()
			s.mu.Lock()
			s.late, s.reads = make(chan struct{}), 0
			s.mu.Unlock()
			other := s.aside(w)
			var want []string
			var told []fanfare.Addition
			for i := range n {
				want = append(want, fmt.Sprint(i))
				msg := &fanfare.Message{EventType: "x.y", Payload: []byte(want[i])}
				if errs, err := other.SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil); err != nil || errs[0] != nil {
					t.Fatal(err, errs)
				}
				told = append(told, fanfare.Addition{Lane: fanfare.Lane{Application: ep.Application, Endpoint: ep.ID}, Messages: []fanfare.MessageID{msg.ID}})
			}
			for some := range slices.Chunk(told, 30) {
				s.news <- &fanfare.News{Additions: some}
				synctest.Wait()
			}
			s.news <- &fanfare.News{Additions: slices.Repeat(told[:1], repeated)}
			synctest.Wait()
			if asking, _, _ := s.lookedFor(); asking != 4 {
				t.Errorf("%d look for it at a time", asking)
			}
			if repeated > 0 {
				if got := len(rcv.bodies()) - 1; got != n {
					t.Errorf("%d of %d were delivered when there was too much", got, n)
				}
			}
			close(s.late)
			synctest.Wait()
			got := rcv.bodies()[1:]
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("it delivered %d, want each of %d once", len(got), n)
			}
			_, times, reads := s.lookedFor()
			if most := 4 + (n+63)/64; repeated == 0 && (times > most || reads > 0) {
				t.Errorf("it looked %d times, want at most %d, and read the lane %d times", times, most, reads)
			}
		})
	}
}

// lookedFor says how many look for what was added, how often somebody did, and how often a
// lane was read.
func (s *table) lookedFor() (asking, times, reads int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asking, s.asked, s.reads
}
