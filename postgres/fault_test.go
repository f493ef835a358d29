package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

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
		{of("25P03"), true, nil}, // it was stopped amid a transaction
		{of("57014"), true, nil}, // cancelled by an administrator
		{of("08006"), true, nil}, // the connection broke
		{io.ErrUnexpectedEOF, true, nil},
		{errUnsure, true, nil},
		{fmt.Errorf("%w: %w", errLate, context.DeadlineExceeded), true, nil},
		{of("53100"), false, fanfare.ErrFull},
		{of("23505"), false, fanfare.ErrExists},
		{of("22021"), false, fanfare.ErrNotFound},
		{of("42601"), false, nil}, // our own mistake
		{unanswered(t), true, nil},
		{context.Canceled, false, context.Canceled},
		{context.DeadlineExceeded, false, context.DeadlineExceeded},
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

// unanswered is what connecting ends with to a host that says nothing.
func unanswered(t *testing.T) error {
	t.Helper()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	config, err := pgconn.ParseConfig("postgres://" + silent.Addr().String() + "/x?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	config.ConnectTimeout = 20 * time.Millisecond
	_, err = pgconn.ConnectConfig(t.Context(), config)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("connecting ended with %v", err)
	}
	return err
}
