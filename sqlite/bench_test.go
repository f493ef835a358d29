//go:build unix

package sqlite_test

import (
	"bytes"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/sqlite"
)

// callers is how many use the store at once in a benchmark.
const callers = 256

// BenchmarkAccept stores messages of 1 KiB with one delivery each.
func BenchmarkAccept(b *testing.B) {
	for _, endpoints := range []int{1, 200} {
		b.Run(strconv.Itoa(endpoints)+" endpoints", func(b *testing.B) {
			s := newShop(b, endpoints)
			s.load(b, func(i int64) {
				s.accept(b, i)
			})
		})
	}
}

// BenchmarkLife stores a message with one delivery, and then its attempt.
func BenchmarkLife(b *testing.B) {
	for _, endpoints := range []int{1, 200} {
		b.Run(strconv.Itoa(endpoints)+" endpoints", func(b *testing.B) {
			s := newShop(b, endpoints)
			s.load(b, func(i int64) {
				s.record(b, i, s.accept(b, i))
			})
		})
	}
}

// A shop is a store with one application, and what it takes to fill it.
type shop struct {
	store *sqlite.Store
	app   fanfare.ApplicationID
	eps   []fanfare.EndpointID
	made  atomic.Uint32
}

func newShop(tb testing.TB, endpoints int) *shop {
	tb.Helper()
	store, err := sqlite.Open(tb.Context(), filepath.Join(tb.TempDir(), "fanfare.db"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { store.Close() })
	s := &shop{store: store}
	s.app = fanfare.ApplicationID(s.id("app_"))
	now := time.Now()
	if err := store.CreateApplication(tb.Context(), &fanfare.Application{ID: s.app, Name: "Acme", CreatedAt: now, UpdatedAt: now}); err != nil {
		tb.Fatal(err)
	}
	for range endpoints {
		ep := &fanfare.Endpoint{
			ID: fanfare.EndpointID(s.id("ep_")), Application: s.app, URL: "https://example.com/in",
			CreatedAt: now, UpdatedAt: now,
		}
		if err := store.CreateEndpoint(tb.Context(), ep); err != nil {
			tb.Fatal(err)
		}
		s.eps = append(s.eps, ep.ID)
	}
	return s
}

// id makes an identifier larger than those before.
func (s *shop) id(prefix string) string { return idOf(prefix, s.made.Add(1)) }

func idOf(prefix string, n uint32) string {
	raw := [16]byte{0: 1, 6: 0x70, 8: 0x80}
	for i := range 4 {
		raw[12+i] = byte(n >> (8 * (3 - i)))
	}
	return fanfare.EncodeID(prefix, raw)
}

// load runs f with i from 0 to b.N, by all callers at once.
func (s *shop) load(b *testing.B, f func(i int64)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	before := cpuTime(b)
	b.ReportAllocs()
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
				f(i)
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	b.ReportMetric(float64((cpuTime(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var (
	payload       = bytes.Repeat([]byte("0123456789abcdef"), 64)
	requestHeader = []fanfare.Header{
		{Name: "Content-Type", Value: "application/json"},
		{Name: "User-Agent", Value: "Fanfare/1.0"},
		{Name: "Webhook-Id", Value: "msg_06H022M3M1R010000000000004"},
		{Name: "Webhook-Timestamp", Value: "1795320000"},
		{Name: "Webhook-Signature", Value: "v1," + strings.Repeat("A", 44)},
		{Name: "X-Request", Value: strings.Repeat("r", 140)},
	}
	responseHeader = []fanfare.Header{
		{Name: "Content-Type", Value: "text/plain; charset=utf-8"},
		{Name: "Content-Length", Value: "2"},
		{Name: "Date", Value: "Sun, 22 Nov 2026 04:00:00 GMT"},
	}
)

func (s *shop) accept(tb testing.TB, i int64) *fanfare.Intake {
	now := time.Now()
	msg := &fanfare.Message{ID: fanfare.MessageID(s.id("msg_")), Application: s.app, EventType: "record.created", Payload: payload, CreatedAt: now}
	in := &fanfare.Intake{Message: msg, Deliveries: []fanfare.Delivery{{
		Message: msg.ID, Endpoint: s.eps[i%int64(len(s.eps))], Due: now, Rank: fanfare.RankOf(false, now),
	}}}
	if _, err := s.store.Accept(tb.Context(), s.app, []*fanfare.Intake{in}, nil); err != nil {
		tb.Error(err)
	}
	return in
}

func (s *shop) record(tb testing.TB, i int64, in *fanfare.Intake) {
	d := in.Deliveries[0]
	d.State, d.Attempts = fanfare.Delivered, 1
	a := &fanfare.Attempt{
		ID: fanfare.AttemptID(s.id("atmpt_")), Message: d.Message, Endpoint: d.Endpoint, Number: 1,
		URL: "https://example.com/in", StartedAt: time.Now(), Duration: 20 * time.Millisecond, FirstByte: 19 * time.Millisecond,
		RequestHeader: requestHeader, Status: 200, ResponseHeader: responseHeader, ResponseBody: []byte("ok"),
		Class: fanfare.ClassSuccess, State: fanfare.Delivered,
	}
	if err := s.store.Record(tb.Context(), &fanfare.Outcome{Attempt: a, Delivery: d}); err != nil {
		tb.Error(err)
	}
}
