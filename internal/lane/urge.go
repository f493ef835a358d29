package lane

// Urge has a lane tried at once with a delivery that waits to be tried again, whatever
// the receiver has asked for; if that goes well, with the others too. It ends with the
// first that fails. Deliveries that were not tried yet wait for their time, and those
// that are gathered for their like. It reports whether anything waits that can be tried.
func (s *Scheduler) Urge(endpoint string) bool {
	l := s.lanes[endpoint]
	if l == nil || !l.known || l.removed || l.set.Paused || l.window.len() == 0 && !l.more {
		return false
	}
	l.hold = 0
	l.health.urge()
	s.stir(l)
	return true
}
