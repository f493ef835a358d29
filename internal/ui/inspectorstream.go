package ui

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// maxWatching bounds the pages that are told of changes in bins.
const maxWatching = 500

// followBin tells a page when a bin has changed, for a minute: then the browser asks
// again, and whether it may is asked again too.
func followBin(v *visit) error {
	b, err := v.bin()
	if err != nil {
		return err
	}
	if v.watching.Add(1) > maxWatching {
		v.watching.Add(-1)
		return &refusal{Status: http.StatusServiceUnavailable, Detail: "Too many look on at present. Load the page anew in a while."}
	}
	defer v.watching.Add(-1)
	news, end := v.bins.Watch(b.ID)
	defer end()
	if b, err = v.bin(); err != nil { // what came before the watch began is told here
		return err
	}
	v.w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(v.w)
	// Not all writers have deadlines.
	_ = out.SetReadDeadline(time.Time{})
	write := func(text string) error {
		_ = out.SetWriteDeadline(time.Now().Add(30 * time.Second))
		if _, err := fmt.Fprint(v.w, text); err != nil {
			return err
		}
		return out.Flush()
	}
	hello := fmt.Sprintf("retry: 500\nid: %d\n\n", b.Received)
	last := v.r.Header.Get("Last-Event-Id")
	if last == "" {
		last = v.asked("seen") // when the page was made
	}
	if last != "" && last != strconv.Itoa(b.Received) {
		hello += fmt.Sprintf("id: %d\nevent: attempt\ndata: {}\n\n", b.Received)
	}
	if write(hello) != nil {
		return nil // the visitor has gone
	}
	over := time.After(time.Minute)
	for {
		select {
		case <-news:
			if b, err = v.bin(); err != nil {
				return nil // the bin has gone
			}
			if write(fmt.Sprintf("id: %d\nevent: attempt\ndata: {}\n\n", b.Received)) != nil {
				return nil
			}
		case <-over:
			_ = write(": again\n\n") // so that there is time to write the end of the answer too
			return nil
		case <-v.r.Context().Done():
			return nil
		}
	}
}

func sorted(all []string) []string { return slices.Sorted(slices.Values(all)) }
