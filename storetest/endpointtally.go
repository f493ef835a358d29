package storetest

import (
	"slices"
	"time"

	"github.com/fanfarehq/fanfare"
)

var endpointTallyTests = []test{
	{"what stands on sheets is summed up", sheetsSummed},
	{"what a sheet says again counts once", sheetsSaidAgain},
	{"old tallies of endpoints are removed", sheetsPruned},
	{"many sheets are stored at once", sheetsAtOnce},
	{"more than is removed at once is removed", sheetsMany},
}

// hour is the beginning of the n-th hour.
func hour(n int) time.Time {
	return start.Truncate(fanfare.EndpointTallyLasts).Add(time.Duration(n) * fanfare.EndpointTallyLasts)
}

func hourOf(ep fanfare.EndpointID, n int, counts int64) fanfare.EndpointTally {
	return fanfare.EndpointTally{Endpoint: ep, Begins: hour(n), Succeeded: counts, Failed: 10 * counts}
}

// endpointID is the n-th of some that need not be there.
func endpointID(n int) fanfare.EndpointID {
	return fanfare.EndpointID(fanfare.EncodeID("ep_", [16]byte{1, 6: 0x70, 8: 0x80, 14: byte(n >> 8), 15: byte(n)}))
}

// onSheets is what stands on all sheets but one.
func (w *world) onSheets(but byte, since time.Time, eps ...fanfare.EndpointID) []fanfare.EndpointTally {
	w.Helper()
	all, err := w.store.EndpointTallies(w.Context(), [][16]byte{{but}}, eps, since)
	w.ok(err)
	return all
}

func (w *world) keepSheet(sheet byte, some ...fanfare.EndpointTally) {
	w.Helper()
	w.ok(w.store.KeepEndpointTallies(w.Context(), [16]byte{sheet}, some))
}

func sheetsSummed(w *world) {
	a, b, c := endpointID(1), endpointID(2), endpointID(3)
	none := time.Time{}
	same(w, "none", w.onSheets(0, none, a, b), nil)
	w.keepSheet(1)
	w.keepSheet(1, hourOf(b, 2, 1), hourOf(a, 1, 2), hourOf(c, 1, 7))
	w.keepSheet(2, hourOf(a, 1, 3), hourOf(a, 2, 1<<40))
	w.keepSheet(3, hourOf(a, 1, 5))
	for range 2 {
		same(w, "all", w.onSheets(0, none, b, a), []fanfare.EndpointTally{hourOf(a, 1, 10), hourOf(a, 2, 1<<40), hourOf(b, 2, 1)})
		same(w, "of one", w.onSheets(0, none, b), []fanfare.EndpointTally{hourOf(b, 2, 1)})
		same(w, "of nobody", w.onSheets(0, none), nil)
		same(w, "of some who are not there", w.onSheets(0, none, endpointID(4), "ep_x"), nil)
		same(w, "but the first's", w.onSheets(1, none, a, b), []fanfare.EndpointTally{hourOf(a, 1, 8), hourOf(a, 2, 1<<40)})
		same(w, "since", w.onSheets(0, hour(2), a, b), []fanfare.EndpointTally{hourOf(a, 2, 1<<40), hourOf(b, 2, 1)})
		same(w, "since, a little later", w.onSheets(0, hour(1).Add(1), a), []fanfare.EndpointTally{hourOf(a, 2, 1<<40)})
		for _, but := range [][][16]byte{nil, {}} {
			all, err := w.store.EndpointTallies(w.Context(), but, []fanfare.EndpointID{b}, none)
			w.ok(err)
			same(w, "but no sheet's", all, []fanfare.EndpointTally{hourOf(b, 2, 1)})
		}
		all, err := w.store.EndpointTallies(w.Context(), [][16]byte{{2}, {1}}, []fanfare.EndpointID{a, b}, none)
		w.ok(err)
		same(w, "but two sheets'", all, []fanfare.EndpointTally{hourOf(a, 1, 5)})
		w.reopen()
	}
}

func sheetsSaidAgain(w *world) {
	a, b := endpointID(1), endpointID(2)
	w.keepSheet(1, hourOf(a, 1, 1))
	w.keepSheet(2, hourOf(a, 1, 1))
	for range 2 {
		w.keepSheet(1, hourOf(a, 1, 3), hourOf(b, 1, 1))
	}
	same(w, "all", w.onSheets(0, time.Time{}, a, b), []fanfare.EndpointTally{hourOf(a, 1, 4), hourOf(b, 1, 1)})
}

func sheetsPruned(w *world) {
	a, b := endpointID(1), endpointID(2)
	w.keepSheet(1, hourOf(a, 1, 1), hourOf(b, 2, 1), hourOf(a, 3, 1))
	w.keepSheet(2, hourOf(a, 1, 1), hourOf(a, 3, 1))
	w.ok(w.store.PruneEndpointTallies(w.Context(), hour(1)))
	same(w, "before the first", len(w.onSheets(0, time.Time{}, a, b)), 3)
	w.ok(w.store.PruneEndpointTallies(w.Context(), hour(2).Add(1)))
	for range 2 {
		same(w, "what is left", w.onSheets(0, time.Time{}, a, b), []fanfare.EndpointTally{hourOf(a, 3, 2)})
		w.reopen()
	}
}

func sheetsAtOnce(w *world) {
	const sheets, times = 8, 10
	a, b := endpointID(1), endpointID(2)
	w.atOnce(sheets, func(i int) error {
		for n := range times {
			some := []fanfare.EndpointTally{hourOf(a, 1, int64(n+1)), hourOf(b, 1+i%2, int64(n+1))}
			if i%2 == 0 {
				slices.Reverse(some)
			}
			if err := w.store.KeepEndpointTallies(w.Context(), [16]byte{byte(i + 1)}, some); err != nil {
				return err
			}
		}
		return nil
	})
	same(w, "all", w.onSheets(0, time.Time{}, a, b), []fanfare.EndpointTally{hourOf(a, 1, sheets*times), hourOf(b, 1, sheets/2*times), hourOf(b, 2, sheets/2*times)})
}

func sheetsMany(w *world) {
	const n = 2500
	var eps []fanfare.EndpointID
	for i := range n {
		eps = append(eps, endpointID(i))
	}
	for hours := range 3 {
		var some []fanfare.EndpointTally
		for i, ep := range eps {
			some = append(some, hourOf(ep, 1+hours, int64(i)))
		}
		w.keepSheet(1, some...)
	}
	w.ok(w.store.PruneEndpointTallies(w.Context(), hour(3)))
	left := w.onSheets(0, time.Time{}, eps...)
	same(w, "how many are left", len(left), n)
	same(w, "the last of them", left[n-1], hourOf(eps[n-1], 3, n-1))
}
