package fanfare

import "slices"

// What Endpoint.OnPause may be: what becomes of messages for an endpoint while it
// is paused.
const (
	OnPauseHold   = "hold"   // they wait until it is resumed
	OnPauseCancel = "cancel" // what waits is cancelled, and what comes is not for it
)

// OnPauses are all of them.
var OnPauses = []string{OnPauseHold, OnPauseCancel}

func (ep *Endpoint) checkOnPause() error {
	return must(ep.OnPause == "" || slices.Contains(OnPauses, ep.OnPause), "onPause", oneOf(OnPauses))
}

// drops reports whether nothing waits for ep, as it is paused and holds nothing. What
// is under way then is seen through, but not tried again (Fulcrum's documentation); it
// stands as cancelled, and its attempt tells how it ended.
func (ep *Endpoint) drops() bool { return ep.Paused && ep.OnPause == OnPauseCancel }
