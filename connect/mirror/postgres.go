package mirror

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/row"
)

var postgreSQL = dialect{
	quote: `"`, numbered: true,
	isolation: &sql.TxOptions{Isolation: sql.LevelReadCommitted},
	ledger: `
		CREATE TABLE IF NOT EXISTS ` + row.Ledger + ` (
			mirrored text NOT NULL,
			record text NOT NULL,
			version text NOT NULL,
			message text NOT NULL,
			deleted boolean NOT NULL,
			written text NOT NULL,
			PRIMARY KEY (mirrored, record))`,
	claim: claimState + `ON CONFLICT (mirrored, record) DO NOTHING`,
	state: readState + ` FOR UPDATE`,
	columns: `
		SELECT column_name, udt_name FROM information_schema.columns
		WHERE table_schema = coalesce(?::text, current_schema()) AND table_name = ?`,
	kindOf: func(name string) row.Kind {
		switch name {
		case "text", "varchar", "bpchar", "citext":
			return row.Text
		case "int8", "int4", "int2":
			return row.Integer
		case "numeric", "float8", "float4":
			return row.Number
		case "bool":
			return row.Boolean
		case "json", "jsonb":
			return row.JSON
		case "timestamptz", "timestamp":
			return row.Time
		}
		return row.Other
	},
	types: map[row.Kind]string{
		row.Text: "text", row.Integer: "bigint", row.Number: "numeric", row.Boolean: "boolean",
		row.JSON: "jsonb", row.Time: "timestamptz", row.Point: "geometry(Point, 4326)",
	},
	keys: map[row.Kind]string{row.Text: "text", row.Integer: "bigint"},
	retype: func(t, c, k string) string {
		return "ALTER TABLE " + t + " ALTER COLUMN " + c + " TYPE " + k + " USING " + c + "::" + k
	},
	alone: func(ctx context.Context, db *sql.DB, f func(by maker) error) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }() // of what was not committed
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(hashtext('"+row.Ledger+"'))"); err != nil {
			return err
		}
		if err := f(tx); err != nil {
			return err
		}
		return tx.Commit()
	},
	bind: func(c row.Cell, in row.Kind) any { return textFor(c, in) }, // which the server reads as what the column holds
	judge: func(err error) fault {
		var refused *pgconn.PgError
		if !errors.As(err, &refused) {
			return fault{}
		}
		f := fault{class: fanfare.ClassConnector, detail: refused.Message + " (SQLSTATE " + refused.Code + ")"}
		switch code := refused.Code; {
		case code == "42P07", code == "42701", code == "23505" && strings.HasPrefix(refused.ConstraintName, "pg_"):
			f.exists = true
		case code == "23503":
			f.detail += waits
		case strings.HasPrefix(code, "22"), strings.HasPrefix(code, "23"), code == "42804":
			f.class = fanfare.ClassRejected
		case strings.HasPrefix(code, "40"), code == "55P03":
			f.again = true
		case code == "42703", code == "42P01", code == "0A000": // the last: a prepared statement's table was altered
			f.stale = true
		case strings.HasPrefix(code, "28"):
			f.detail += "; check user and password, and that the server lets them in from here"
		case code == "3D000":
			f.detail += "; check database"
		case code == "42501":
			f.detail += "; grant it to user, or make the tables and set create to false"
		case code == "42704" && strings.Contains(refused.Message, "geometry"):
			f.detail += "; run CREATE EXTENSION postgis in the database"
		}
		return f
	},
}

// openPostgreSQL makes a pool whose connections take the way out. What the program's
// environment says about PostgreSQL does not hold for it.
func openPostgreSQL(s *server, way fanfare.Way) (*sql.DB, error) {
	c, err := pgx.ParseConfig("host=localhost sslmode=disable user=fanfare password=none database=fanfare")
	if err != nil {
		return nil, err
	}
	c.Host, c.Port, c.Database, c.User, c.Password = s.Host, uint16(s.Port), s.Database, s.User, s.Password
	c.TLSConfig, c.Fallbacks, c.SSLNegotiation, c.KerberosSpn, c.KerberosSrvName = s.secure, nil, "", "", ""
	c.RuntimeParams = map[string]string{"application_name": "fanfare", "timezone": "UTC"}
	c.ConnectTimeout, c.ValidateConnect, c.AfterConnect, c.AfterNetConnect = time.Minute, nil, nil, nil
	c.DialFunc = pgconn.DialFunc(way.Dial)
	// Who the host is, is for the way out to find, and to judge.
	c.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	// Each statement is described anew, as others alter tables.
	c.DefaultQueryExecMode, c.StatementCacheCapacity, c.DescriptionCacheCapacity = pgx.QueryExecModeDescribeExec, 0, 0
	return pooled(stdlib.OpenDB(*c), maxConns), nil
}
