package api

import "github.com/fanfarehq/fanfare"

// noteHops notes on messages how many deliveries have led to the request they came
// with.
func noteHops(msgs []*fanfare.Message, hops []string) error {
	if len(hops) != 1 {
		return &fanfare.InvalidError{Field: fanfare.HeaderHops, Reason: "must be there once, as it came with the delivery"}
	}
	for _, msg := range msgs {
		if err := msg.Passed(hops[0]); err != nil {
			return err
		}
	}
	return nil
}
