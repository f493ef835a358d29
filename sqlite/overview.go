package sqlite

import (
	"bytes"
	"context"
	"math"
	"strings"

	"github.com/fanfarehq/fanfare"

	"zombiezen.com/go/sqlite"
)

// selectEveryEndpoint looks at endpoints without reading their settings.
const selectEveryEndpoint = `
	SELECT id, application, failing_since, disabled, paused
	FROM endpoint
	WHERE id < ?
	ORDER BY id DESC
	LIMIT ?`

// EveryEndpoint implements [fanfare.Overview].
func (s *Store) EveryEndpoint(ctx context.Context, f fanfare.EndpointFilter) (eps []*fanfare.Endpoint, next fanfare.EndpointID, err error) {
	before := bytes.Repeat([]byte{0xff}, len(id{})+1)
	if f.Before != "" {
		at, ok := parse(endpointPrefix, f.Before)
		if !ok {
			return nil, "", nil
		}
		before = at[:]
	}
	own, _ := parse(applicationPrefix, fanfare.OperationalApplication)
	err = s.readAll(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(selectEveryEndpoint)
		if err != nil {
			return err
		}
		full, err := conn.Prepare(selectEndpoint)
		if err != nil {
			return err
		}
		bind := binder{stmt: stmt}
		bind.blob(before)
		bind.number(int64(f.Look))
		var failed error
		looked := 0
		err = each(stmt, func(at *row) bool {
			ep, app := at.id(), at.id()
			looked, next = looked+1, fanfare.EndpointID(fanfare.EncodeID(endpointPrefix, ep))
			head := fanfare.Endpoint{FailingSince: at.time(), Disabled: at.truth(), Paused: at.truth()}
			if !f.Which.Is(&head) || app == own {
				return true
			}
			bind := binder{stmt: full}
			bind.id(ep)
			bind.null()
			bind.id(app)
			found, err := scanOne(full, s.scanEndpoint)
			if failed = err; err != nil {
				return false
			}
			eps = append(eps, found)
			return len(eps) < f.Limit
		})
		if err == nil {
			err = failed
		}
		if looked < f.Look && len(eps) < f.Limit {
			next = ""
		}
		return err
	})
	return eps, next, err
}

const selectRecordedBefore = `
	SELECT attempt.rowid, attempt.endpoint, attempt.id, endpoint.application, attempt.class
	FROM attempt
	LEFT JOIN endpoint ON endpoint.id = attempt.endpoint
	WHERE attempt.rowid < ?
	ORDER BY attempt.rowid DESC
	LIMIT ?`

// RecordedBefore implements [fanfare.Overview].
func (s *Store) RecordedBefore(ctx context.Context, f fanfare.RecentFilter) (some []fanfare.Recent, next fanfare.Place, err error) {
	own, _ := parse(applicationPrefix, fanfare.OperationalApplication)
	before := int64(f.Before)
	if before == 0 {
		before = math.MaxInt64
	}
	err = s.readAll(ctx, func(conn *sqlite.Conn) error {
		stmt, err := conn.Prepare(selectRecordedBefore)
		if err != nil {
			return err
		}
		full, err := conn.Prepare(selectAttempt)
		if err != nil {
			return err
		}
		bind := binder{stmt: stmt}
		bind.number(before)
		bind.number(int64(f.Look))
		var failed error
		looked := 0
		err = each(stmt, func(at *row) bool {
			looked, next = looked+1, fanfare.Place(at.number())
			ep, attempt, app := at.id(), at.id(), at.id()
			if app == (id{}) || app == own || !f.Wants(fanfare.Class(at.text())) {
				return true
			}
			bindAttempts(full, app, ep, &fanfare.AttemptFilter{})
			full.SetBytes(":id", attempt[:])
			failed = scanEach(full, scanAttempt, func(a *fanfare.Attempt) bool {
				some = append(some, fanfare.Recent{
					Application: fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, app)),
					Record:      fanfare.Record{Place: next, Attempt: a},
				})
				return true
			})
			return failed == nil && len(some) < f.Limit
		})
		if err == nil {
			err = failed
		}
		if looked < f.Look && len(some) < f.Limit {
			next = 0
		}
		return err
	})
	return some, next, err
}

// selectNewestAttempts leaves out the bodies, which may be long.
var selectNewestAttempts = strings.Replace(listAttempts.down, "attempt.response_body", "NULL", 1)

const selectOwner = `
	SELECT application
	FROM endpoint
	WHERE id = ? AND application <> ?`

// NewestAttempts implements [fanfare.Overview].
func (s *Store) NewestAttempts(ctx context.Context, eps []fanfare.EndpointID, most int) (of map[fanfare.EndpointID][]*fanfare.Attempt, err error) {
	own, _ := parse(applicationPrefix, fanfare.OperationalApplication)
	newest := afterID(attemptPrefix, fanfare.Page{})
	err = s.readAll(ctx, func(conn *sqlite.Conn) error {
		of = make(map[fanfare.EndpointID][]*fanfare.Attempt, len(eps))
		owner, err := conn.Prepare(selectOwner)
		if err != nil {
			return err
		}
		stmt, err := conn.Prepare(selectNewestAttempts)
		if err != nil {
			return err
		}
		for _, name := range eps {
			ep, ok := parse(endpointPrefix, name)
			if !ok {
				continue
			}
			bind := binder{stmt: owner}
			bind.id(ep)
			bind.id(own)
			var app id
			found, err := one(owner, func(row *row) { app = row.id() })
			if err != nil || !found {
				if err != nil {
					return err
				}
				continue
			}
			bindAttempts(stmt, app, ep, &fanfare.AttemptFilter{})
			newest.bind(stmt)
			stmt.SetInt64(":limit", int64(most))
			as, err := scanAll(stmt, scanAttempt)
			if err != nil {
				return err
			}
			if len(as) > 0 {
				of[name] = as
			}
		}
		return nil
	})
	return of, err
}
