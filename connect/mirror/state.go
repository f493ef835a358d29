package mirror

import (
	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/row"
)

// A state is what the ledger has of a record: which message its row was last written
// by.
type state struct {
	version string // as it is kept
	message fanfare.MessageID
	columns []string // that were written
}

// newer reports whether what is there is newer than r. Of equal versions, and of those
// that cannot be compared, the message that was accepted later has the newer one. The
// same message is not newer than itself: it may be written again.
func (s state) newer(r *row.Record) bool {
	if order, ok := row.Compare(s.version, r.Version); ok && order != 0 {
		return order > 0
	}
	return s.message > r.Message
}
