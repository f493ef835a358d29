package sqlite

import (
	"context"
	"slices"

	"github.com/fanfarehq/fanfare"

	"zombiezen.com/go/sqlite"
)

// DeliveriesOf implements [fanfare.Log].
func (s *Store) DeliveriesOf(ctx context.Context, application fanfare.ApplicationID, messages []fanfare.MessageID, within []string) (map[fanfare.MessageID][]*fanfare.Delivery, error) {
	app, ok := parse(applicationPrefix, application)
	if !ok || len(messages) == 0 {
		return nil, nil
	}
	var raw []id
	for _, name := range messages {
		if msg, ok := parse(messagePrefix, name); ok {
			raw = append(raw, msg)
		}
	}
	if err := s.settleFreshIf(ctx, func(d *freshDelivery) bool { return slices.Contains(raw, d.id) }); err != nil {
		return nil, err
	}
	of := make(map[fanfare.MessageID][]*fanfare.Delivery)
	err := s.readAll(ctx, func(conn *sqlite.Conn) error {
		for _, name := range messages {
			f := fanfare.DeliveryFilter{Message: name, Within: within, Page: fanfare.Page{Limit: fanfare.MaxPage, Ascending: true}}
			ds, err := deliveriesOfMessage(conn, app, &f)
			if err != nil {
				return err
			}
			if len(ds) > 0 {
				of[name] = ds
			}
		}
		return nil
	})
	return of, err
}
