package sqlite

import (
	"context"

	"github.com/fanfarehq/fanfare"

	"zombiezen.com/go/sqlite"
)

// DeliveriesOf implements [fanfare.Log].
func (s *Store) DeliveriesOf(ctx context.Context, messages map[fanfare.ApplicationID][]fanfare.MessageID, within []string) (map[fanfare.MessageID][]*fanfare.Delivery, error) {
	named := make(map[id]bool)
	for _, names := range messages {
		for _, name := range names {
			if msg, ok := parse(messagePrefix, name); ok {
				named[msg] = true
			}
		}
	}
	if len(named) == 0 {
		return nil, nil
	}
	if err := s.settleFreshIf(ctx, func(d *freshDelivery) bool { return named[d.id] }); err != nil {
		return nil, err
	}
	of := make(map[fanfare.MessageID][]*fanfare.Delivery)
	err := s.readAll(ctx, func(conn *sqlite.Conn) error {
		for application, names := range messages {
			app, _ := parse(applicationPrefix, application)
			for _, name := range names {
				f := fanfare.DeliveryFilter{Message: name, Within: within, Page: fanfare.Page{Limit: fanfare.MaxPage, Ascending: true}}
				ds, err := deliveriesOfMessage(conn, app, &f)
				if err != nil {
					return err
				}
				if len(ds) > 0 {
					of[name] = ds
				}
			}
		}
		return nil
	})
	return of, err
}
