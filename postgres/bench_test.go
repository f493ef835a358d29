//go:build linux

package postgres_test

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/pgtest"
	"github.com/fanfarehq/fanfare/postgres"
)

// BenchmarkLife stores messages of 1 KiB with one delivery each, and then their
// attempts, so many in each call, and says what that costs both sides.
func BenchmarkLife(b *testing.B) {
	for _, each := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("%d a call", each), func(b *testing.B) {
			s := newShop(b, openAt(b, database(b), nil), 200)
			s.load(b, 2, each)
		})
	}
	b.Run("256 callers", func(b *testing.B) {
		s := newShop(b, openAt(b, database(b), nil), 200)
		s.load(b, 256, 1)
	})
}

// load has callers store b.N messages, so many a call, and record an attempt at each.
func (s *shop) load(b *testing.B, callers, each int) {
	var next atomic.Int64
	var wg sync.WaitGroup
	ours, theirs := cpuTime(b), serverTime(b, server)
	b.ReportAllocs()
	b.ResetTimer()
	for range callers {
		wg.Go(func() {
			for first := next.Add(int64(each)) - int64(each); first < int64(b.N); first = next.Add(int64(each)) - int64(each) {
				var ins []*fanfare.Intake
				for i := first; i < min(first+int64(each), int64(b.N)); i++ {
					ins = append(ins, s.intake(i))
				}
				if err := s.acceptErr(ins...); err != nil {
					b.Error(err)
				}
				if err := s.recordErr(ins...); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	per := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(b.N) }
	b.ReportMetric(per(cpuTime(b)-ours), "go-µs/op")
	b.ReportMetric(per(serverTime(b, server)-theirs), "server-µs/op")
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// serverTime is the processor time that the processes of a server have used, those
// that have ended included (proc(5)).
func serverTime(b *testing.B, s *pgtest.Server) (total time.Duration) {
	const tick = 10 * time.Millisecond // USER_HZ is 100 wherever Go runs
	for i, pid := range s.Processes() {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		use := fields[11:13] // utime, stime
		if i == 0 {
			use = fields[11:15] // and of the children that have ended
		}
		for _, field := range use {
			n, err := strconv.Atoi(field)
			if err != nil {
				b.Fatal(err)
			}
			total += time.Duration(n) * tick
		}
	}
	return total
}

// A shop is a store with one application, and what it takes to fill it.
type shop struct {
	tb    testing.TB
	store *postgres.Store
	app   fanfare.ApplicationID
	eps   []fanfare.EndpointID
	made  atomic.Uint32
}

func newShop(tb testing.TB, store *postgres.Store, endpoints int) *shop {
	tb.Helper()
	s := &shop{tb: tb, store: store}
	s.app = fanfare.ApplicationID(s.id("app_"))
	now := time.Now()
	if err := store.CreateApplication(tb.Context(), &fanfare.Application{ID: s.app, Name: "Acme", CreatedAt: now, UpdatedAt: now}); err != nil {
		tb.Fatal(err)
	}
	for range endpoints {
		ep := &fanfare.Endpoint{
			ID: fanfare.EndpointID(s.id("ep_")), Application: s.app, URL: "https://example.com/in", CreatedAt: now, UpdatedAt: now,
		}
		if err := store.CreateEndpoint(tb.Context(), ep); err != nil {
			tb.Fatal(err)
		}
		s.eps = append(s.eps, ep.ID)
	}
	return s
}

// id makes an identifier larger than those before, of now.
func (s *shop) id(prefix string) string { return idAt(prefix, time.Now(), s.made.Add(1)) }

// idAt makes the identifier of something made at that time: a version 7 UUID.
func idAt(prefix string, at time.Time, n uint32) string {
	raw := [16]byte{6: 0x70, 8: 0x80}
	ms := at.UnixMilli()
	for i := range 6 {
		raw[i] = byte(ms >> (8 * (5 - i)))
	}
	for i := range 4 {
		raw[12+i] = byte(n >> (8 * (3 - i)))
	}
	return fanfare.EncodeID(prefix, raw)
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

// intake makes ready to store a message to one of the endpoints.
func (s *shop) intake(i int64) *fanfare.Intake { return s.intakeAt(i, time.Now()) }

func (s *shop) intakeAt(i int64, at time.Time) *fanfare.Intake {
	msg := &fanfare.Message{
		ID: fanfare.MessageID(idAt("msg_", at, s.made.Add(1))), Application: s.app, EventType: "record.created", Payload: payload, CreatedAt: at,
	}
	return &fanfare.Intake{Message: msg, Deliveries: []fanfare.Delivery{{
		Message: msg.ID, Endpoint: s.eps[i%int64(len(s.eps))], Due: at, Rank: fanfare.RankOf(false, at),
	}}}
}

func (s *shop) acceptErr(ins ...*fanfare.Intake) error {
	_, err := s.store.Accept(s.tb.Context(), s.app, ins, nil)
	return err
}

// recordErr records that each was delivered.
func (s *shop) recordErr(ins ...*fanfare.Intake) error {
	os := make([]*fanfare.Outcome, len(ins))
	for i, in := range ins {
		os[i] = s.outcome(in)
	}
	return s.store.Record(s.tb.Context(), os...)
}

func (s *shop) outcome(in *fanfare.Intake) *fanfare.Outcome {
	d := in.Deliveries[0]
	d.State, d.Attempts = fanfare.Delivered, 1
	a := &fanfare.Attempt{
		ID: fanfare.AttemptID(idAt("atmpt_", in.Message.CreatedAt, s.made.Add(1))), Message: d.Message, Endpoint: d.Endpoint, Number: 1,
		URL: "https://example.com/in", StartedAt: in.Message.CreatedAt, Duration: 20 * time.Millisecond, FirstByte: 19 * time.Millisecond,
		RequestHeader: requestHeader, Status: 200, ResponseHeader: responseHeader, ResponseBody: []byte("ok"),
		Class: fanfare.ClassSuccess, State: fanfare.Delivered,
	}
	return &fanfare.Outcome{Attempt: a, Delivery: d}
}
