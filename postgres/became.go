package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
)

const selectDeliveriesOf = `
	SELECT delivery.*
	FROM message
	CROSS JOIN LATERAL (
		SELECT ` + deliveryColumns + `
		FROM delivery
		JOIN endpoint ON endpoint.id = delivery.endpoint
		WHERE delivery.endpoint = ANY(message.endpoints)
			AND delivery.message = message.id` + endpointIs + `
		ORDER BY delivery.endpoint
		LIMIT @limit) AS delivery
	WHERE message.application = @application
		AND message.id = ANY(@messages)
		AND (@within::text[] IS NULL OR message.channels && @within)
		AND EXISTS (SELECT 1 FROM application WHERE id = @application)
	ORDER BY delivery.message, delivery.endpoint`

// DeliveriesOf implements [fanfare.Log].
func (s *Store) DeliveriesOf(ctx context.Context, application fanfare.ApplicationID, names []fanfare.MessageID, within []string) (map[fanfare.MessageID][]*fanfare.Delivery, error) {
	app, ok := parse(applicationPrefix, application)
	messages := messageIDs(names)
	if !ok || len(messages) == 0 {
		return nil, nil
	}
	args := pgx.NamedArgs{"application": app, "messages": messages, "within": some(within), "limit": fanfare.MaxPage}
	of := make(map[fanfare.MessageID][]*fanfare.Delivery)
	err := s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err := conn.Query(ctx, selectDeliveriesOf, args)
		ds, err := rows(r, err, scanDelivery)
		clear(of)
		for _, d := range ds {
			of[d.Message] = append(of[d.Message], d)
		}
		return err
	})
	return of, unlessNone(err)
}
