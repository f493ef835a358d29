package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
)

// selectAdded finds deliveries by their keys. That they are to wait is hidden from the
// planner, which else may look for them among all that do.
const selectAdded = `
	SELECT ` + deliveryColumns + `
	FROM unnest($1::uuid[], $2::uuid[]) AS named (endpoint, message)
	CROSS JOIN LATERAL (
		SELECT ` + deliveryColumns + `
		FROM delivery
		WHERE delivery.endpoint = named.endpoint AND delivery.message = named.message
		LIMIT 1) AS delivery
	WHERE delivery.state = 0
		AND EXISTS (SELECT 1 FROM endpoint WHERE endpoint.id = named.endpoint)`

const selectAddedMessages = `
	SELECT ` + messageColumns + `
	FROM unnest($1::uuid[], $2::uuid[]) AS named (application, id)
	CROSS JOIN LATERAL (
		SELECT ` + messageColumns + `
		FROM message
		WHERE message.application = named.application AND message.id = named.id
		LIMIT 1) AS message
	WHERE EXISTS (SELECT 1 FROM application WHERE application.id = named.application)`

// Added implements [fanfare.Shared].
func (s *Store) Added(ctx context.Context, some []fanfare.Addition) (ds []*fanfare.Delivery, msgs []*fanfare.Message, err error) {
	var endpoints, messages, apps, distinct []id
	seen := make(map[id]bool)
	for _, a := range some {
		app, ok1 := parse(applicationPrefix, a.Application)
		ep, ok2 := parse(endpointPrefix, a.Endpoint)
		if !ok1 || !ok2 {
			continue
		}
		for _, msg := range messageIDs(a.Messages) {
			endpoints, messages = append(endpoints, ep), append(messages, msg)
			if !seen[msg] {
				seen[msg] = true
				apps, distinct = append(apps, app), append(distinct, msg)
			}
		}
	}
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		ds, msgs = nil, nil
		batch := &pgx.Batch{}
		batch.Queue(planByIndex)
		batch.Queue(selectAdded, endpoints, messages).Query(func(r pgx.Rows) (err error) {
			ds, err = rows(r, nil, scanDelivery)
			return err
		})
		batch.Queue(selectAddedMessages, apps, distinct).Query(func(r pgx.Rows) (err error) {
			msgs, err = rows(r, nil, scanMessage)
			return err
		})
		return conn.SendBatch(ctx, batch).Close()
	})
	return ds, msgs, err
}
