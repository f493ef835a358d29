package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fanfarehq/fanfare"
)

// TestFaults says which errors are tried again, and what becomes of those that are not.
func TestFaults(t *testing.T) {
	of := func(code string) error { return fmt.Errorf("doing it: %w", &pgconn.PgError{Code: code}) }
	for _, test := range []struct {
		err   error
		again bool
		is    error
	}{
		{of("40001"), true, nil}, // serialization
		{of("40P01"), true, nil}, // deadlock
		{of("57P01"), true, nil}, // shut down
		{of("57P03"), true, nil}, // starting
		{of("25006"), true, nil}, // a standby by now
		{of("08006"), true, nil}, // the connection broke
		{io.ErrUnexpectedEOF, true, nil},
		{errUnsure, true, nil},
		{fmt.Errorf("%w: %w", errLate, context.DeadlineExceeded), true, nil},
		{of("53100"), false, fanfare.ErrFull},
		{of("23505"), false, fanfare.ErrExists},
		{of("22021"), false, fanfare.ErrNotFound},
		{of("42601"), false, nil}, // our own mistake
		{context.Canceled, false, context.Canceled},
		{fanfare.ErrConflict, false, fanfare.ErrConflict},
	} {
		if got := again(test.err); got != test.again {
			t.Errorf("%v: tried again: %t", test.err, got)
		}
		if is := errors.Is(fault(test.err), fanfare.ErrAway); is != test.again {
			t.Errorf("%v becomes %v, which says that the database is away: %t", test.err, fault(test.err), is)
		}
		if test.is != nil && !errors.Is(fault(test.err), test.is) {
			t.Errorf("%v becomes %v, want %v", test.err, fault(test.err), test.is)
		}
	}
}
