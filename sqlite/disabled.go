package sqlite

import (
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/stored"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

const selectUntold = `
	SELECT id, settings, sealed_by
	FROM endpoint
	WHERE disabled IS NULL OR paused IS NULL OR channels IS NULL`

const tell = `
	UPDATE endpoint
	SET disabled = ?, paused = ?, channels = ?
	WHERE id = ?`

// tellAll fills in the columns disabled, paused and channels of endpoints whose settings were
// sealed when there were no such columns, so that no migration could read them. What
// cannot be unsealed is left for who reads the endpoint, and is told why.
func (s *Store) tellAll(conn *sqlite.Conn) (err error) {
	end, err := sqlitex.ImmediateTransaction(conn)
	if err != nil {
		return err
	}
	defer end(&err)
	type untold struct {
		id id
		fanfare.Endpoint
	}
	stmt, err := conn.Prepare(selectUntold)
	if err != nil {
		return err
	}
	var all []untold
	err = each(stmt, func(row *row) bool {
		var ep fanfare.Endpoint
		raw := row.id()
		text, err := s.unseal(endpointPlace(raw), []byte(strings.Trim(row.text(), `"`)), row.text())
		if err == nil && stored.ReadSettings(text, &ep) == nil {
			all = append(all, untold{raw, ep})
		}
		return true
	})
	if err != nil {
		return err
	}
	for _, u := range all {
		if err := sqlitex.Execute(conn, tell, &sqlitex.ExecOptions{Args: []any{u.Disabled, u.Paused, channelsOf(&u.Endpoint), u.id[:]}}); err != nil {
			return err
		}
	}
	return nil
}
