package api

import "github.com/fanfarehq/fanfare"

// batching is how an endpoint's messages are sent together.
type batching struct {
	Size          int     `json:"size" doc:"How many there are in a request at most, 2 to 500."`
	WindowSeconds seconds `json:"windowSeconds" doc:"How long the first waits for others once it is due, in seconds, 0.1 to 86400."`
}

// batching is none where b is null.
func (b *batching) batching() fanfare.Batching {
	if b == nil {
		return fanfare.Batching{}
	}
	return fanfare.Batching{Size: b.Size, Window: b.WindowSeconds.duration()}
}

func showBatching(b fanfare.Batching) *batching {
	if b == (fanfare.Batching{}) {
		return nil
	}
	return &batching{b.Size, secondsOf(b.Window)}
}
