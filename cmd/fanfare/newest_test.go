package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestTheNewestOfSeveralListsAreKept(t *testing.T) {
	n := &newest{limit: 3}
	for _, list := range [][]int{{5, 2, 1}, {6, 3, 0}, {4}} {
		for _, second := range list {
			err := n.add(json.RawMessage(fmt.Sprintf(`{"id":"a%d","timestamp":"2026-01-31T12:00:0%dZ"}`, second, second)))
			if errors.Is(err, errOlder) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	var ids []string
	for _, a := range n.found {
		ids = append(ids, a.ID)
	}
	if got, want := strings.Join(ids, " "), "a6 a5 a4"; got != want {
		t.Errorf("kept %s, want %s", got, want)
	}
	if err := n.add(json.RawMessage(`{"id":"a3","timestamp":"2026-01-31T12:00:03Z"}`)); !errors.Is(err, errOlder) {
		t.Errorf("one older than all gives %v, want %v", err, errOlder)
	}
}
