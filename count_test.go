package fanfare_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/storetest"
)

// TestAPlanIsCountedForSomeTime, and says that there may be more.
func TestAPlanIsCountedForSomeTime(t *testing.T) {
	const many = 5500
	hub := fanfare.New(storetest.NewModel(), nil)
	app := &fanfare.Application{Name: "Acme"}
	if err := hub.CreateApplication(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	for range many / 500 {
		var msgs []*fanfare.Message
		for range 500 {
			msgs = append(msgs, &fanfare.Message{EventType: "x.y", Payload: []byte("1")})
		}
		if _, err := hub.SendBatch(t.Context(), string(app.ID), msgs, nil); err != nil {
			t.Fatal(err)
		}
	}
	ep := &fanfare.Endpoint{Application: app.ID, URL: "https://example.com/late"}
	if err := hub.CreateEndpoint(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind fanfare.TaskKind
		long time.Duration
		want string
	}{
		{fanfare.TaskPurge, 0, "5500 false"}, {fanfare.TaskPurge, time.Hour, "5500 false"}, {fanfare.TaskPurge, 1, "5000 true"},
		{fanfare.TaskReplayMissing, 0, "5500 false"}, {fanfare.TaskReplayMissing, 1, "5000 true"},
	} {
		task := &fanfare.Task{Kind: c.kind, Application: app.ID}
		if c.kind == fanfare.TaskReplayMissing {
			task.Endpoint = ep.ID
		}
		total, more, err := hub.PlanTask(t.Context(), task, c.long)
		if got := fmt.Sprint(total, more); got != c.want || err != nil {
			t.Errorf("%s for %v: %s, %v, want %s", c.kind, c.long, got, err, c.want)
		}
	}
}
