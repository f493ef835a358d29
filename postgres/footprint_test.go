//go:build linux

package postgres_test

import (
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

var footprintFlag = flag.Int("footprint", 0, "how many endpoints TestFootprint makes; 0: it is skipped")

// TestFootprint measures what doc/operating.md reckons with: what messages of 1 KiB
// take on disk and in WAL, and what endpoints take in a node's memory.
func TestFootprint(t *testing.T) {
	if *footprintFlag == 0 {
		t.Skip("it takes minutes: say how many endpoints with -footprint")
	}
	t.Run("Messages", messagesFootprint)
	t.Run("Endpoints", endpointsFootprint)
}

// messagesFootprint stores messages with one delivery each, and an attempt at each.
func messagesFootprint(t *testing.T) {
	const messages, each = 40_960, 64
	url := database(t)
	s := newShop(t, openAt(t, url, nil), 200)
	begun := sizesAt(t, url)
	var ins []*fanfare.Intake
	for first := int64(0); first < messages; first += each {
		var group []*fanfare.Intake
		for i := range int64(each) {
			group = append(group, s.intake(first+i))
		}
		if err := s.acceptErr(group...); err != nil {
			t.Fatal(err)
		}
		ins = append(ins, group...)
	}
	waiting := sizesAt(t, url)
	for ; len(ins) > 0; ins = ins[each:] {
		if err := s.recordErr(ins[:each]...); err != nil {
			t.Fatal(err)
		}
	}
	done := sizesAt(t, url)
	for _, what := range footprints {
		t.Logf("%-9s %5d bytes a message when accepted, %5d more when delivered", what, (waiting[what]-begun[what])/messages, (done[what]-waiting[what])/messages)
	}
}

// footprints are what sizesAt measures: tables with their indexes, and what WAL has
// been written.
var footprints = []string{"message", "delivery", "attempt", "wal"}

func sizesAt(t *testing.T, url string) map[string]int64 {
	t.Helper()
	all := make(map[string]int64)
	for _, what := range footprints {
		query := "SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits WHERE inhparent = '" + what + "'::regclass"
		if what == "wal" {
			query = "SELECT (pg_current_wal_lsn() - '0/0')::bigint"
		}
		var size int64
		row(t, url, query, &size)
		all[what] = size
	}
	return all
}

// multiply makes applications and endpoints of the one there is.
const multiply = `
	WITH apps AS (
		INSERT INTO application
		SELECT made.*
		FROM application, generate_series(1, %d) AS n,
			jsonb_populate_record(application, jsonb_build_object('id', gen_random_uuid(), 'uid', 'app-' || n)) AS made
		RETURNING id
	)
	INSERT INTO endpoint
	SELECT made.*
	FROM endpoint, apps, generate_series(1, %d) AS n,
		jsonb_populate_record(endpoint, jsonb_build_object('id', gen_random_uuid(), 'application', apps.id, 'uid', 'ep-' || n)) AS made`

// endpointsFootprint makes endpoints, a hundred of an application, and starts a node,
// which is to send one message to each, and then none.
func endpointsFootprint(t *testing.T) {
	const each = 100
	url := database(t)
	var came atomic.Int64
	sink := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { came.Add(1) }))
	defer sink.Close()
	maker := startNode(t, url, "maker")
	app := &fanfare.Application{Name: "Acme"}
	if err := maker.hub.CreateApplication(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	if err := maker.hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: app.ID, URL: sink.URL + "/in"}); err != nil {
		t.Fatal(err)
	}
	if err := maker.stop(); err != nil {
		t.Fatal(err)
	}
	execute(t, url, fmt.Sprintf(multiply, *footprintFlag/each, each))
	before := heap()
	n := startNode(t, url, "measured")
	shares(t, n, 1)
	report := func(what string) {
		t.Logf("%s: %d bytes an endpoint", what, (heap()-before)/int64(*footprintFlag))
	}
	report("a node that has sent nothing")
	for i := range *footprintFlag / each {
		if _, err := n.hub.Send(t.Context(), fmt.Sprintf("app-%d", i+1), "record.created", 1); err != nil {
			t.Fatal(err)
		}
	}
	report("each with a delivery under way or made")
	for deadline := time.Now().Add(10 * time.Minute); came.Load() < int64(*footprintFlag); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d deliveries came", came.Load())
		}
	}
	time.Sleep(5 * time.Second)
	report("each idle again")
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
