// Package mirror keeps a table of a database like what messages tell of: each says what
// has become of one record, and that record's row becomes so, or goes. In whatever order
// messages come, and however often, the row is as the newest one has it.
package mirror

import (
	"database/sql"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
	"github.com/fanfarehq/fanfare/connect/row"
)

// Bounds of a sink.
const (
	maxTables = 100 // that a table template leads to, as long as the sink is open
	maxConns  = 4   // to the database
	connRests = time.Minute
	maxTries  = 3 // of a transaction that another one got in the way of
)

// hidden are the members with secrets; where are those that say to whom they are shown.
var (
	hidden = []string{"password", "url"}
	where  = []string{"host", "port", "tls", "ca"}
)

// A making is a mapping to what may be made.
type making struct {
	row.Mapping
	Create bool `json:"create"` // and altered
}

func newMaking() making { return making{row.New(), true} }

var example = json.RawMessage(`{"host":"db.example.com","user":"fanfare","password":"correct horse","database":"shop",` +
	`"table":"customers","key":"{{payload.id}}"}`)

// PostgreSQL mirrors into tables of PostgreSQL, with PostGIS or without.
func PostgreSQL() fanfare.Connector {
	return fanfare.Connector{
		About: "Keeps a table of PostgreSQL as the messages say.", Example: example,
		Hidden: hidden, Where: where, InFlight: maxConns,
		New: func(text []byte, way fanfare.Way) (fanfare.Sink, error) {
			c := struct {
				server
				making
				Geometry *row.Geometry `json:"geometry"`
			}{server{Port: 5432}, newMaking(), nil}
			if err := connect.Decode(text, &c); err != nil {
				return nil, err
			}
			if err := errors.Join(c.server.read("postgres", "postgresql"), c.making.Read(c.Geometry)); err != nil {
				return nil, err
			}
			db, err := openPostgreSQL(&c.server, way)
			if err != nil {
				return nil, err
			}
			return newSink(db, &postgreSQL, &c.making, c.server.String()), nil
		},
	}
}

// MySQL mirrors into tables of MySQL or MariaDB.
func MySQL() fanfare.Connector {
	return fanfare.Connector{
		About: "Keeps a table of MySQL or MariaDB as the messages say.", Example: example,
		Hidden: hidden, Where: where, InFlight: maxConns,
		New: func(text []byte, way fanfare.Way) (fanfare.Sink, error) {
			c := struct {
				server
				making
			}{server{Port: 3306}, newMaking()}
			if err := connect.Decode(text, &c); err != nil {
				return nil, err
			}
			if err := errors.Join(c.server.read("mysql", "mariadb"), c.making.Read(nil)); err != nil {
				return nil, err
			}
			db, err := openMySQL(&c.server, way)
			if err != nil {
				return nil, err
			}
			return newSink(db, &mySQL, &c.making, c.server.String()), nil
		},
	}
}

var fileName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\.(db|sqlite|sqlite3)$`)

// SQLite mirrors into tables of files in the folder dir, which the operator names, and
// nowhere else; with "" there is none, and each config is refused.
func SQLite(dir string) fanfare.Connector {
	return fanfare.Connector{
		About:    "Keeps a table of an SQLite file on the server as the messages say.",
		Example:  json.RawMessage(`{"file":"customers.db","table":"customers","key":"{{payload.id}}"}`),
		InFlight: 1,
		New: func(text []byte, _ fanfare.Way) (fanfare.Sink, error) {
			if dir == "" {
				return nil, &fanfare.InvalidError{Field: "config", Reason: "this server writes no files; start it with fanfare serve --files DIR, and they are made in DIR"}
			}
			c := struct {
				making
				File string `json:"file"`
			}{making: newMaking()}
			if err := connect.Decode(text, &c); err != nil {
				return nil, err
			}
			if err := errors.Join(
				connect.Must(fileName.MatchString(c.File), "file", "must be the name of a file, without a folder, such as customers.db"),
				c.making.Read(nil),
			); err != nil {
				return nil, err
			}
			path, err := filepath.Abs(filepath.Join(dir, c.File))
			if err != nil {
				return nil, err
			}
			db, err := openSQLite(path)
			if err != nil {
				return nil, err
			}
			return newSink(db, &sqLite, &c.making, c.File), nil
		},
	}
}

// plainFile says why path is no place for a database, such as a link that leads out of
// its folder; one that is not there yet is.
func plainFile(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Mode().IsRegular() {
		return nil
	}
	if err == nil {
		err = errors.New("it is no plain file")
	}
	return err
}

// pooled bounds the connections of a database.
func pooled(db *sql.DB, conns int) *sql.DB {
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxIdleTime(connRests)
	return db
}
