package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"
)

// channelsOf is an endpoint's column channels.
func channelsOf(ep *fanfare.Endpoint) []string {
	if ep.Channels == nil {
		return []string{}
	}
	return ep.Channels
}

// endpointIs is the condition that an endpoint has some of the channels in @within,
// and no others, if there are such channels.
const endpointIs = `
		AND (@within::text[] IS NULL OR endpoint.channels <> '{}' AND endpoint.channels <@ @within)`

// toEndpointThere is the condition that a delivery's endpoint is there. OFFSET keeps the planner from
// looking at all endpoints first.
const toEndpointThere = `
			AND EXISTS (SELECT 1 FROM endpoint WHERE endpoint.id = delivery.endpoint` + endpointIs + ` OFFSET 0)`

var listEndpointsWithin = inOrder(`
	SELECT `+endpointColumns+`
	FROM endpoint
	WHERE application = @application`+endpointIs, "id")

// EndpointsWithin implements [fanfare.Views].
func (s *Store) EndpointsWithin(ctx context.Context, application fanfare.ApplicationID, within []string, page fanfare.Page) ([]*fanfare.Endpoint, error) {
	app, ok := parse(applicationPrefix, application)
	if !ok {
		return nil, nil
	}
	args := pgx.NamedArgs{"application": app, "within": some(within)}
	return readPage(ctx, s, listEndpointsWithin, afterID(endpointPrefix, page), args, s.scanEndpoint)
}

const countWithin = `
	SELECT delivery.state, count(*)
	FROM (
		SELECT endpoint, message, state, created_at
		FROM delivery
		WHERE endpoint = @endpoint
		ORDER BY message DESC
		LIMIT nullif(@most::bigint, 0)) AS delivery
	JOIN endpoint ON endpoint.id = delivery.endpoint
	WHERE delivery.created_at >= @since
		AND delivery.created_at < @until
		AND NOT EXISTS (SELECT 1 FROM message WHERE ` + isTest + ` AND message.application = @application AND message.id = delivery.message OFFSET 0)
		AND endpoint.application = @application` + endpointIs + `
		AND (@within::text[] IS NULL OR EXISTS (
			SELECT 1
			FROM message
			WHERE message.application = @application AND message.id = delivery.message` + messageIs + ` OFFSET 0))
	GROUP BY delivery.state`

// CountWithin implements [fanfare.Views]; a state without deliveries is not in the map.
func (s *Store) CountWithin(ctx context.Context, application fanfare.ApplicationID, f fanfare.DeliveryFilter) (map[fanfare.State]int, error) {
	counts := make(map[fanfare.State]int)
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, f.Endpoint)
	if !ok1 || !ok2 {
		return counts, nil
	}
	args := messageArgs(pgx.NamedArgs{
		"application": app, "endpoint": ep, "since": stored.From(f.Since), "until": stored.To(f.Until), "most": f.Limit, "within": some(f.Within),
	}, nil, "", "")
	err := s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err := conn.Query(ctx, countWithin, args)
		if err != nil {
			return err
		}
		var state int16
		var n int
		_, err = pgx.ForEachRow(r, []any{&state, &n}, func() error { counts[fanfare.State(state)] = n; return nil })
		return err
	})
	return counts, err
}

const countWaiting = `
	SELECT count(*)
	FROM (
		SELECT endpoint, message
		FROM delivery
		WHERE shard = @shard AND endpoint = @endpoint AND state = 0
		ORDER BY rank, message
		LIMIT @most) AS delivery
	JOIN endpoint ON endpoint.id = delivery.endpoint
	WHERE endpoint.application = @application` + endpointIs + `
		AND (@within::text[] IS NULL OR EXISTS (
			SELECT 1
			FROM message
			WHERE message.application = @application AND message.id = delivery.message` + messageIs + ` OFFSET 0))`

// CountWaiting implements [fanfare.Views].
func (s *Store) CountWaiting(ctx context.Context, application fanfare.ApplicationID, f fanfare.DeliveryFilter) (n int, err error) {
	app, ok1 := parse(applicationPrefix, application)
	ep, ok2 := parse(endpointPrefix, f.Endpoint)
	if !ok1 || !ok2 {
		return 0, nil
	}
	args := messageArgs(pgx.NamedArgs{"application": app, "endpoint": ep, "shard": shardOf(ep), "most": f.Limit, "within": some(f.Within)}, nil, "", "")
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return readByIndex(ctx, conn, func(r pgx.Rows) error {
			_, err := pgx.ForEachRow(r, []any{&n}, func() error { return nil })
			return err
		}, countWaiting, args)
	})
	return n, err
}

// mustBeWithin returns ErrNotFound for a message that has none of these channels, if
// there are any.
func mustBeWithin(ctx context.Context, tx pgx.Tx, msg id, within []string) error {
	if len(within) == 0 {
		return nil
	}
	return mustChange(tx.Exec(ctx, "SELECT 1 FROM message WHERE id = $1 AND channels && $2::text[]", msg, within))
}
