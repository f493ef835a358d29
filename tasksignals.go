package fanfare

import "sync"

// taskSignals tell the runner of new tasks, and those who wait of progress.
type taskSignals struct {
	wake chan struct{} // has room for one

	mu      sync.Mutex
	stepped chan struct{} // closed when a task is changed; nil: nobody waits
}

func (s *taskSignals) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// next is closed when a task is changed the next time.
func (s *taskSignals) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stepped == nil {
		s.stepped = make(chan struct{})
	}
	return s.stepped
}

func (s *taskSignals) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stepped != nil {
		close(s.stepped)
		s.stepped = nil
	}
}
