package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
)

const selectDeliveriesOf = `
	SELECT delivery.*
	FROM unnest(@applications::uuid[], @messages::uuid[]) AS named (application, id)
	JOIN message ON message.application = named.application AND message.id = named.id
	CROSS JOIN LATERAL (
		SELECT ` + deliveryColumns + `
		FROM delivery
		WHERE delivery.endpoint = ANY(message.endpoints)
			AND delivery.message = message.id` + toEndpointThere + `
		ORDER BY delivery.endpoint
		LIMIT @limit) AS delivery
	WHERE (@within::text[] IS NULL OR message.channels && @within)
		AND EXISTS (SELECT 1 FROM application WHERE id = message.application)
	ORDER BY delivery.message, delivery.endpoint`

// DeliveriesOf implements [fanfare.Log].
func (s *Store) DeliveriesOf(ctx context.Context, named map[fanfare.ApplicationID][]fanfare.MessageID, within []string) (map[fanfare.MessageID][]*fanfare.Delivery, error) {
	var apps, messages []id
	for application, names := range named {
		app, ok := parse(applicationPrefix, application)
		if !ok {
			continue
		}
		for _, msg := range messageIDs(names) {
			apps, messages = append(apps, app), append(messages, msg)
		}
	}
	if len(messages) == 0 {
		return nil, nil
	}
	args := pgx.NamedArgs{"applications": apps, "messages": messages, "within": some(within), "limit": fanfare.MaxPage}
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
