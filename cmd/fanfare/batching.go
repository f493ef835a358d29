package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A batching is how an endpoint's messages are sent together, as the API has it.
type batching struct {
	Size          int     `json:"size"`
	WindowSeconds float64 `json:"windowSeconds"`
}

// readBatching reads a size and a window, such as 100,30s; nil is none.
func readBatching(text string) (*batching, error) {
	if text == "" || text == "none" {
		return nil, nil
	}
	size, window, _ := strings.Cut(text, ",")
	n, err := strconv.Atoi(strings.TrimSpace(size))
	d, errWindow := time.ParseDuration(strings.TrimSpace(window))
	if err != nil || errWindow != nil {
		return nil, usagef("--batch %q is not how many messages and how long the first waits, such as 100,30s, nor none", text)
	}
	return &batching{n, d.Seconds()}, nil
}

func (b *batching) String() string {
	if b == nil {
		return ""
	}
	return fmt.Sprintf("up to %d, gathered for %s", b.Size, span(b.WindowSeconds))
}
