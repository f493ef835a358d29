//go:build linux

package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
)

// TestWhoStopsAmidATransactionLetsGo has one stop that has locked a row, as a process does
// that is frozen: another gets the row before it goes on, and then it begins anew.
func TestWhoStopsAmidATransactionLetsGo(t *testing.T) {
	t.Parallel()
	at := database(t)
	s := openAt(t, at, nil)
	execute(t, at, "INSERT INTO counter (name, n) VALUES ('test', 0)")
	other, err := pgx.Connect(t.Context(), at+"&lock_timeout=6000")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.Background())
	calls := 0
	err = s.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		calls++
		if _, err := tx.Exec(ctx, "UPDATE counter SET n = n + 1 WHERE name = 'test'"); err != nil {
			return err
		}
		if calls == 1 {
			begun := time.Now()
			if _, err := other.Exec(t.Context(), "UPDATE counter SET n = n + 10 WHERE name = 'test'"); err != nil {
				t.Errorf("the other: %v", err)
			}
			if took := time.Since(begun); took < 2*time.Second {
				t.Errorf("the row was locked for %v only: nothing was tested", took)
			}
		}
		_, err := tx.Exec(ctx, "SELECT 1")
		return err
	})
	n := 0
	if row(t, at, "SELECT n FROM counter WHERE name = 'test'", &n); err != nil || calls != 2 || n != 11 {
		t.Errorf("it was called %d times and ended with %v; the row says %d, want 11", calls, err, n)
	}
}

// TestRepeatsDoNotWaitForEachOther has two transactions repeated at once, as all are that
// were under way in an outage: both get as far as what they are to do.
func TestRepeatsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	s := openAt(t, database(t), nil)
	var both, done sync.WaitGroup
	both.Add(2)
	for range 2 {
		done.Go(func() {
			calls := 0
			err := s.Write(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
				if calls++; calls == 1 {
					s.Warn(tx)
					return nil
				}
				both.Done()
				both.Wait()
				return nil
			})
			if err != nil || calls != 2 {
				t.Errorf("it was called %d times, and ended with %v", calls, err)
			}
		})
	}
	done.Wait()
}

// TestANodeThatIsCutOffSaysSoSoon has nothing come through between a node and its
// database: once the lease has run out, calls are told within two seconds, and those that
// were under way as soon as that; and that they may have been done.
func TestANodeThatIsCutOffSaysSoSoon(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(database(t))
	if err != nil {
		t.Fatal(err)
	}
	proxy := newGag(t, u.Host)
	defer proxy.end()
	u.Host = proxy.address
	s := openAt(t, u.String(), nil)
	if err := s.Join(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	lease := renewed(t, s, 1)
	shop := newShop(t, s, 1)
	proxy.hush()
	early := make(chan time.Time, 1)
	go func() {
		if err := shop.acceptErr(shop.intake(0)); !errors.Is(err, fanfare.ErrAway) {
			t.Errorf("what was under way ended with %v", err)
		}
		early <- time.Now()
	}()
	if late := (<-early).Sub(lease.Until); late > briefly+5*time.Second {
		t.Errorf("what was under way was told %v after the end of the lease", late)
	}
	time.Sleep(time.Until(lease.Until))
	for _, call := range []func() error{
		func() error { return shop.acceptErr(shop.intake(0)) },
		func() error { _, err := s.Applications(t.Context(), fanfare.Page{Limit: 1}); return err },
	} {
		begun := time.Now()
		if err := call(); !errors.Is(err, fanfare.ErrAway) {
			t.Errorf("a call ended with %v", err)
		}
		if took := time.Since(begun); took > briefly+5*time.Second {
			t.Errorf("a call was told after %v", took)
		}
	}
}

// briefly is how long calls of a node wait that has lost its lease.
const briefly = 2 * time.Second
