package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fanfarehq/fanfare"
)

// Codes of errors, and the beginnings of some
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
const (
	codeWarning       = "01000" // of no kind that has a code of its own
	codeByZero        = "22012" // a division
	codeNoText        = "22021" // not UTF-8, or a NUL in it
	codeDuplicate     = "23505"
	codeReadOnly      = "25006" // a standby, or a primary that became one
	codeSerialization = "40001"
	codeDeadlock      = "40P01"
	codeDiskFull      = "53100"
	codeTooMany       = "53300" // connections
	codeLocked        = "55P03" // for longer than lock_timeout
	codeCancelled     = "57014" // by an administrator, or at the server's statement_timeout
	codeEnded         = "57P01" // by an administrator
	codeIdle          = "25P03" // in a transaction, for too long: it was rolled back
	classConnection   = "08"
	classShutdown     = "57P"
)

var (
	// errUnsure says that a COMMIT was answered with a warning: it may be on the
	// primary only, and lost with it. Nobody is told that it was done.
	errUnsure = errors.New("the database committed, but warned that it may not be replicated")

	// errLate says that the database took longer than anything takes it.
	errLate = errors.New("the database does not answer, and may have done it or not")
)

// again reports whether what ended with err may be tried again: the transaction was
// rolled back for the sake of another, or the database did not answer. Then it may
// have been done all the same: every write here can be repeated.
func again(err error) bool {
	var fault *pgconn.PgError
	var refused *pgconn.ConnectError
	switch {
	case err == nil, isAnswer(err):
		return false
	case errors.Is(err, errLate), errors.Is(err, errUnsure):
		return true
	case errors.Is(err, context.Canceled):
		return false
	case errors.Is(err, context.DeadlineExceeded): // the caller's, or connect_timeout
		return errors.As(err, &refused)
	case errors.As(err, &fault):
		return fault.Code == codeSerialization || fault.Code == codeDeadlock || fault.Code == codeTooMany || fault.Code == codeIdle ||
			fault.Code == codeCancelled || isElsewhere(err)
	}
	return isLost(err)
}

// isElsewhere reports whether err says that the connection leads to a server that will
// not do what is asked, where another may.
func isElsewhere(err error) bool {
	var fault *pgconn.PgError
	return errors.As(err, &fault) &&
		(fault.Code == codeReadOnly || strings.HasPrefix(fault.Code, classConnection) || strings.HasPrefix(fault.Code, classShutdown))
}

// isThere reports whether err says that what was to be inserted is there already.
func isThere(err error) bool {
	var fault *pgconn.PgError
	return errors.As(err, &fault) && fault.Code == codeDuplicate
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
	for _, answer := range []error{
		fanfare.ErrNotFound, fanfare.ErrExists, fanfare.ErrConflict, fanfare.ErrTooMany, fanfare.ErrDamaged, fanfare.ErrFenced, pgx.ErrNoRows,
	} {
		if errors.Is(err, answer) {
			return true
		}
	}
	return false
}

// fault makes an error of the database one of package fanfare where there is one.
func fault(err error) error {
	if again(err) { // for too long
		return fmt.Errorf("%w: %w", fanfare.ErrAway, err)
	}
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
