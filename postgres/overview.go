package postgres

import (
	"context"
	"math"
	"slices"
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"github.com/jackc/pgx/v5"
)

// selectEveryEndpoint looks at endpoints without reading their settings.
const selectEveryEndpoint = `
	SELECT id, application, failing_since, disabled, coalesce(paused, false)
	FROM endpoint
	WHERE $1::uuid IS NULL OR id < $1
	ORDER BY id DESC
	LIMIT $2`

const selectTheseEndpoints = `
	SELECT ` + endpointColumns + `
	FROM endpoint
	WHERE id = ANY($1::uuid[])
	ORDER BY id DESC`

// EveryEndpoint implements [fanfare.Overview].
func (s *Store) EveryEndpoint(ctx context.Context, f fanfare.EndpointFilter) (eps []*fanfare.Endpoint, next fanfare.EndpointID, err error) {
	var before *id
	if f.Before != "" {
		at, ok := parse(endpointPrefix, f.Before)
		if !ok {
			return nil, "", nil
		}
		before = &at
	}
	own, _ := parse(applicationPrefix, fanfare.OperationalApplication)
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		eps, next = nil, ""
		r, err := conn.Query(ctx, selectEveryEndpoint, before, f.Look)
		if err != nil {
			return err
		}
		var ep, app, last id
		var failing int64
		var head fanfare.Endpoint
		var found []id
		looked := 0
		_, err = pgx.ForEachRow(r, []any{&ep, &app, &failing, &head.Disabled, &head.Paused}, func() error {
			if len(found) == f.Limit {
				return nil
			}
			looked, last = looked+1, ep
			if head.FailingSince = stored.Instant(failing); f.Which.Is(&head) && app != own {
				found = append(found, ep)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if looked == f.Look || len(found) == f.Limit {
			next = fanfare.EndpointID(fanfare.EncodeID(endpointPrefix, last))
		}
		r, err = conn.Query(ctx, selectTheseEndpoints, found)
		eps, err = rows(r, err, s.scanEndpoint)
		return err
	})
	return eps, next, err
}

const selectRecordedBefore = `
	SELECT attempt.place, attempt.endpoint, attempt.id, attempt.class, endpoint.application
	FROM attempt
	LEFT JOIN endpoint ON endpoint.id = attempt.endpoint
	WHERE attempt.place < $1
	ORDER BY attempt.place DESC
	LIMIT $2`

// RecordedBefore implements [fanfare.Overview]. What has been committed last need not
// have the last places.
func (s *Store) RecordedBefore(ctx context.Context, f fanfare.RecentFilter) (some []fanfare.Recent, next fanfare.Place, err error) {
	own, _ := parse(applicationPrefix, fanfare.OperationalApplication)
	before := int64(f.Before)
	if before == 0 {
		before = math.MaxInt64
	}
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		some, next = nil, 0
		r, err := conn.Query(ctx, selectRecordedBefore, before, f.Look)
		if err != nil {
			return err
		}
		var endpoints, attempts []id
		owners := map[fanfare.EndpointID]fanfare.ApplicationID{}
		var last fanfare.Place
		var ep, attempt id
		var app *id
		var class string
		looked := 0
		_, err = pgx.ForEachRow(r, []any{(*int64)(&last), &ep, &attempt, &class, &app}, func() error {
			if len(attempts) == f.Limit {
				return nil
			}
			looked, next = looked+1, last
			if app != nil && *app != own && f.Wants(fanfare.Class(class)) {
				endpoints, attempts = append(endpoints, ep), append(attempts, attempt)
				owners[fanfare.EndpointID(fanfare.EncodeID(endpointPrefix, ep))] = fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, *app))
			}
			return nil
		})
		if err != nil {
			return err
		}
		if looked < f.Look && len(attempts) < f.Limit {
			next = 0
		}
		r, err = conn.Query(ctx, selectRecords, endpoints, attempts, nil, own, nil)
		some, err = rows(r, err, func(r pgx.Rows) (fanfare.Recent, error) {
			recent := fanfare.Recent{Record: fanfare.Record{Attempt: &fanfare.Attempt{}}}
			err := scanAttemptAnd(r, recent.Attempt, (*int64)(&recent.Place))
			recent.Application = owners[recent.Endpoint]
			return recent, err
		})
		slices.Reverse(some)
		return err
	})
	return some, next, err
}

// selectNewestAttempts reads those of each endpoint by the index that has them in order.
var selectNewestAttempts = `
	SELECT ` + strings.NewReplacer("attempt.response_body", "NULL::bytea", "message.", "attempt.").Replace(attemptColumns) + `
	FROM endpoint
	CROSS JOIN LATERAL (
		SELECT attempt.*, message.event_type, message.tags
		FROM attempt
		JOIN message ON message.application = endpoint.application AND message.id = attempt.message
		WHERE attempt.endpoint = endpoint.id
		ORDER BY attempt.id DESC
		LIMIT $2
	) AS attempt
	WHERE endpoint.id = ANY($1::uuid[]) AND endpoint.application <> $3
	ORDER BY attempt.id DESC`

// NewestAttempts implements [fanfare.Overview].
func (s *Store) NewestAttempts(ctx context.Context, eps []fanfare.EndpointID, most int) (of map[fanfare.EndpointID][]*fanfare.Attempt, err error) {
	own, _ := parse(applicationPrefix, fanfare.OperationalApplication)
	wanted := endpointIDs(eps)
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		of = make(map[fanfare.EndpointID][]*fanfare.Attempt, len(eps))
		return readByIndex(ctx, conn, func(r pgx.Rows) error {
			as, err := rows(r, nil, scanAttempt)
			for _, a := range as {
				of[a.Endpoint] = append(of[a.Endpoint], a)
			}
			return err
		}, selectNewestAttempts, wanted, most, own)
	})
	return of, err
}
