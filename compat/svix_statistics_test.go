package compat

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	svix "github.com/svix/svix-webhooks/go"
)

// TestSvixStatisticsGo asks for counts with the official Go client, and reads what
// they are of the background task, as it is meant to be done.
func TestSvixStatisticsGo(t *testing.T) {
	t.Parallel()
	s := newGoSession(t)
	ctx, stats := t.Context(), s.client.Statistics
	s.message(t, &svix.MessageIn{EventType: "go.counted", Payload: map[string]any{"n": 1.0}})
	now := time.Now()
	byApp := ok[*svix.AppUsageStatsOut](t)(stats.AggregateAppStats(ctx, &svix.AppUsageStatsIn{
		AppIds: []string{s.app, "nobody"}, Since: now.Add(-time.Hour), Until: now.Add(time.Hour),
	}, nil))
	is(t, "kind and end", []any{string(byApp.Task), string(byApp.Status)}, []any{"application.stats", "finished"})
	is(t, "not there", byApp.UnresolvedAppIds, []string{"nobody"})
	byType := ok[*svix.AggregateEventTypesOut](t)(stats.AggregateEventTypes(ctx))
	is(t, "kind and end", []any{string(byType.Task), string(byType.Status)}, []any{"event-type.aggregate", "finished"})
	for id, want := range map[string]string{
		byApp.Id:  `{"applications":[{"appId":"` + s.app + `","messages":1,"messageDestinations":0}]}`,
		byType.Id: `{"eventTypes":[{"eventType":"go.counted","messages":1,"messageDestinations":0}]}`,
	} {
		var task struct{ Data json.RawMessage }
		s.server.call(t, "GET", "/background-task/"+id, "", 200, &task)
		is(t, "counts", string(task.Data), want)
	}
	resource := reflect.TypeFor[*svix.Statistics]()
	for i := range resource.NumMethod() {
		if name := "Statistics." + resource.Method(i).Name; !s.calls.made[name] {
			t.Errorf("%s was not called", name)
		}
	}
}

// TestSvixStatisticsNPM does so with the clients for JavaScript.
func TestSvixStatisticsNPM(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for _, name := range []string{"svix", "svix1"} {
		var told struct{ Methods, Problems []string }
		out := node(t, nil, "statistics.mjs", name, s.url, s.key)
		if err := json.Unmarshal(out, &told); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		is(t, name+": methods", told.Methods, []string{"aggregateAppStats", "aggregateEventTypes"})
		for _, problem := range told.Problems {
			t.Errorf("%s: %s", name, problem)
		}
	}
}
