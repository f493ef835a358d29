package main

import (
	"fmt"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A patience is how long an endpoint may do nothing but fail; "never" and "0"
// stand for without end.
type patience time.Duration

// Set implements pflag.Value.
func (p *patience) Set(text string) error {
	if text == "never" || text == "0" {
		*p = patience(fanfare.Never)
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is neither a time such as 120h nor never", text)
	}
	*p = patience(d)
	return nil
}

func (p *patience) String() string {
	if time.Duration(*p) == fanfare.Never {
		return "never"
	}
	return span(time.Duration(*p).Seconds())
}

// Type implements pflag.Value.
func (p *patience) Type() string { return "duration" }
