package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fanfarehq/fanfare"
)

// Codes of errors, and the beginnings of some
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
const (
	codeSerialization = "40001"
	codeDeadlock      = "40P01"
	codeReadOnly      = "25006" // a standby, or a primary that became one
	codeDuplicate     = "23505"
	codeNoText        = "22021" // not UTF-8, or a NUL in it
	codeDiskFull      = "53100"
	codeTooMany       = "53300"
	classConnection   = "08"
	classShutdown     = "57P"
	classWarning      = "01"
)

const (
	// patience is how long a call waits for a database that is gone, such as while it
	// fails over. Then its caller is told; whether it was done only the database knows.
	patience = 20 * time.Second
	retryGap = 50 * time.Millisecond
)

// errUnsure says that a COMMIT was answered with a warning: it may be on the primary
// only, and lost with it. Nobody is told that it was done.
var errUnsure = errors.New("the database committed, but warned that it may not be replicated")

// again reports whether what ended with err may be tried again: the transaction was
// rolled back for the sake of another, or the connection was lost. In that case it
// may have been done all the same: every write here can be repeated.
func again(err error) bool {
	var fault *pgconn.PgError
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded), errors.Is(err, errClosed), isAnswer(err):
		return false
	case !errors.As(err, &fault):
		return errors.Is(err, errUnsure) || isLost(err)
	}
	switch fault.Code {
	case codeSerialization, codeDeadlock, codeReadOnly, codeTooMany:
		return true
	}
	return strings.HasPrefix(fault.Code, classConnection) || strings.HasPrefix(fault.Code, classShutdown)
}

// isLost reports whether err is of a connection that broke off, or was not made.
func isLost(err error) bool {
	var refused *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &refused) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// isAnswer reports whether an error is what a call found out rather than what went
// wrong with it.
func isAnswer(err error) bool {
	for _, answer := range []error{fanfare.ErrNotFound, fanfare.ErrExists, fanfare.ErrConflict, fanfare.ErrTooMany, fanfare.ErrDamaged, pgx.ErrNoRows} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}

// persist calls f until it does not fail for a reason that may pass.
func persist(ctx context.Context, f func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := f()
		if !again(err) || time.Now().After(deadline) {
			return fault(err)
		}
		select {
		case <-ctx.Done():
			return fault(err)
		case <-time.After(retryGap):
		}
	}
}

// fault makes an error of the database one of package fanfare where there is one.
func fault(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		switch pg.Code {
		case codeDiskFull:
			return fmt.Errorf("%w: %w", fanfare.ErrFull, err)
		case codeDuplicate:
			return fanfare.ErrExists
		case codeNoText: // what cannot be stored is nobody's name
			return fanfare.ErrNotFound
		}
	}
	return err
}

// notice takes down that a connection was warned.
func (s *Store) notice(conn *pgconn.PgConn, n *pgconn.Notice) {
	if strings.HasPrefix(n.Code, classWarning) && strings.Contains(strings.ToLower(n.Message), "synchronous replication") {
		s.warned.Store(conn, true)
	}
}

// unsure reports whether the connection was warned since this was last asked.
func (s *Store) unsure(conn *pgx.Conn) bool {
	_, warned := s.warned.LoadAndDelete(conn.PgConn())
	return warned
}

// read calls f with a connection on which it only reads.
func (s *Store) read(ctx context.Context, f func(conn *pgx.Conn) error) error {
	if s.closed.Load() {
		return errClosed
	}
	return persist(ctx, func() error {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		return f(conn.Conn())
	})
}

// write calls f in a transaction, and again if that could not be committed for a
// reason that may pass: f sets all of its results anew each time. Nothing is kept
// of what f did before it failed, unless it failed with [errUnsure].
func (s *Store) write(ctx context.Context, f func(tx pgx.Tx) error) error {
	if s.closed.Load() {
		return errClosed
	}
	return persist(ctx, func() error {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		err = pgx.BeginFunc(ctx, conn, f)
		if s.unsure(conn.Conn()) && err == nil {
			err = errUnsure
		}
		return err
	})
}
