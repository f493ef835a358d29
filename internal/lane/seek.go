package lane

// A Seek asks how some deliveries stand that a lane is said to have more than before,
// so that it need not be read as a whole.
type Seek struct {
	Endpoint string
	Messages []string

	seq uint64
}

// Seek says that the store is about to be asked for some deliveries of a lane, which Found
// answers; nothing has to, and the latest to ask for a delivery is the one answered. It
// reports whether that will do: an ordered lane has to be read from its beginning.
func (s *Scheduler) Seek(endpoint string, messages []string) (_ Seek, ok bool) {
	l := s.lanes[endpoint]
	if l == nil || !l.known || l.removed || l.set.Ordered || len(l.sought)+len(messages) > s.limits.Window {
		return Seek{}, false
	}
	s.seq++
	if l.sought == nil {
		l.sought = make(map[string]uint64)
	}
	for _, m := range messages {
		l.sought[m] = s.seq
	}
	return Seek{endpoint, messages, s.seq}, true
}

// Found answers ask with those of its deliveries that wait. What the scheduler has heard
// of one since it was asked for is newer than the answer.
func (s *Scheduler) Found(ask Seek, ds []Delivery) {
	l := s.lanes[ask.Endpoint]
	if l == nil {
		return
	}
	for i := range ds {
		if l.sought[ds[i].Message] == ask.seq && l.flying[ds[i].Message] == nil {
			s.take(l, &ds[i])
		}
	}
	for _, m := range ask.Messages {
		if l.sought[m] == ask.seq {
			delete(l.sought, m)
		}
	}
	s.stir(l)
}

// touch remembers that what the store may say of message is out of date.
func (l *lane) touch(message string) {
	delete(l.sought, message)
	l.load.touch(message)
}
