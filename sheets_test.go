package fanfare

import (
	"fmt"
	"testing"
	"time"
)

// TestSheetsAreBounded counts attempts at more and more endpoints, of which nothing is
// stored, and then of which everything is.
func TestSheetsAreBounded(t *testing.T) {
	var s sheets
	s.begin()
	now := time.Now().UTC()
	next := 0
	count := func(n int) {
		for range n {
			next++
			s.count(&Attempt{Endpoint: EndpointID(fmt.Sprint("ep_", next)), StartedAt: now, Class: ClassSuccess})
		}
	}
	count((sheetsMost + 3) * sheetMost)
	if n := len(s.all); n != sheetsMost {
		t.Errorf("there are %d sheets, want %d", n, sheetsMost)
	}
	for range 10 {
		count(sheetMost / 2)
		for on, some := range s.unstored() {
			s.noteStored(on, some)
		}
		s.drop(now)
		if n := len(s.all); n > sheetsKept+1 {
			t.Fatalf("there are %d sheets, of which all are stored", n)
		}
	}
	s.drop(now.Add(EndpointTallyLasts))
	if n := len(s.all); n != 0 {
		t.Errorf("there are %d sheets when the hour is over", n)
	}
}

// TestMoreEndpointsThanASheetHas are counted on the same sheets all the hour.
func TestMoreEndpointsThanASheetHas(t *testing.T) {
	var s sheets
	s.begin()
	now := time.Now().UTC()
	for range 3 {
		for n := range 2 * sheetMost {
			s.count(&Attempt{Endpoint: EndpointID(fmt.Sprint("ep_", n)), StartedAt: now, Class: ClassSuccess})
		}
		for on, some := range s.unstored() {
			s.noteStored(on, some)
		}
		s.drop(now)
	}
	if n := len(s.all); n != 2 {
		t.Errorf("they stand on %d sheets", n)
	}
}

// TestASheetThatIsAddedToWhileItIsStoredStays until it is stored again.
func TestASheetThatIsAddedToWhileItIsStoredStays(t *testing.T) {
	var s sheets
	s.begin()
	now := time.Now().UTC()
	for n := range int64(3) {
		s.count(&Attempt{Endpoint: "ep_1", StartedAt: now, Class: ClassTimeout})
		some := s.unstored()
		if n < 2 {
			s.count(&Attempt{Endpoint: "ep_1", StartedAt: now, Class: ClassSuccess})
		}
		for on, some := range some {
			if len(some) != 1 || some[0].Succeeded != n || some[0].Failed != n+1 {
				t.Errorf("the %d. time it is %+v", n+1, some)
			}
			s.noteStored(on, some)
		}
		s.drop(now.Add(EndpointTallyLasts))
		if kept := len(s.all) == 1; kept != (n < 2) {
			t.Errorf("the %d. time there are %d sheets", n+1, len(s.all))
		}
	}
}

func TestCountingAgainAllocatesNothing(t *testing.T) {
	var s sheets
	s.begin()
	a := &Attempt{Endpoint: "ep_1", StartedAt: time.Now(), Class: ClassSuccess}
	s.count(a)
	if n := testing.AllocsPerRun(100, func() { s.count(a) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCountAttempt(b *testing.B) {
	var s sheets
	s.begin()
	var all []*Attempt
	for i := range sheetMost {
		all = append(all, &Attempt{Endpoint: EndpointID(fmt.Sprintf("ep_%026d", i)), StartedAt: time.Now(), Class: ClassSuccess})
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.count(all[i%len(all)])
	}
}
