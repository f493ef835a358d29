package mirror

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/row"
)

var mySQL = dialect{
	quote:     "`",
	isolation: &sql.TxOptions{Isolation: sql.LevelReadCommitted},
	ledger: `
		CREATE TABLE IF NOT EXISTS ` + row.Ledger + ` (
			mirrored VARBINARY(127) NOT NULL,
			record VARBINARY(255) NOT NULL,
			version VARBINARY(127) NOT NULL,
			message VARBINARY(127) NOT NULL,
			deleted BOOLEAN NOT NULL,
			written TEXT NOT NULL,
			PRIMARY KEY (mirrored, record)) DEFAULT CHARACTER SET utf8mb4`,
	claim: claimState + `ON DUPLICATE KEY UPDATE record = VALUES(record)`, // which locks it as a write does
	state: readState,
	columns: `
		SELECT column_name, column_type FROM information_schema.columns
		WHERE table_schema = coalesce(?, DATABASE()) AND table_name = ?`,
	kindOf: func(name string) row.Kind {
		if name == "tinyint(1)" {
			return row.Boolean
		}
		switch name, _, _ = strings.Cut(name, "("); strings.Fields(name)[0] {
		case "varchar", "char", "tinytext", "text", "mediumtext", "longtext":
			return row.Text
		case "tinyint", "smallint", "mediumint", "int", "bigint":
			return row.Integer
		case "float", "double", "decimal":
			return row.Number
		case "json":
			return row.JSON
		case "datetime", "timestamp":
			return row.Time
		}
		return row.Other
	},
	types: map[row.Kind]string{
		row.Text: "LONGTEXT CHARACTER SET utf8mb4", row.Integer: "BIGINT", row.Number: "DOUBLE", row.Boolean: "BOOLEAN",
		row.JSON: "LONGTEXT CHARACTER SET utf8mb4", row.Time: "DATETIME(6)",
	},
	keys: map[row.Kind]string{row.Text: "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", row.Integer: "BIGINT"},
	retype: func(t, c, k string) string {
		return "ALTER TABLE " + t + " MODIFY COLUMN " + c + " " + k
	},
	alone: aloneInMySQL,
	bind: func(c row.Cell, in row.Kind) any {
		switch t, isTime := row.TimeOf(c.Text); {
		case c.Kind == row.Boolean && c.Text == "true" && in != row.JSON:
			return "1"
		case c.Kind == row.Boolean && in != row.JSON:
			return "0"
		case in == row.Time && isTime:
			return t.Format("2006-01-02 15:04:05.999999")
		}
		return textFor(c, in)
	},
	judge: judgeMySQL,
}

// aloneInMySQL has a lock of the server's, as statements that alter tables end each
// transaction. The lock goes with the connection at the latest.
func aloneInMySQL(ctx context.Context, db *sql.DB, f func(by maker) error) (err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var got sql.NullInt64
	if err := conn.QueryRowContext(ctx, "SELECT GET_LOCK('"+row.Ledger+"', 30)").Scan(&got); err != nil {
		return err
	}
	if got.Int64 != 1 {
		return notYet("another one alters tables; it is tried again")
	}
	defer func() {
		_, failed := conn.ExecContext(ctx, "DO RELEASE_LOCK('"+row.Ledger+"')")
		if failed != nil { // the connection is not to be used again
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
	}()
	return f(conn)
}

// judgeMySQL reads the server's error
// (https://mariadb.com/docs/server/reference/error-codes).
func judgeMySQL(err error) fault {
	var refused *mysql.MySQLError
	if !errors.As(err, &refused) {
		return fault{}
	}
	f := fault{class: fanfare.ClassConnector, detail: fmt.Sprintf("%s (error %d)", refused.Message, refused.Number)}
	switch refused.Number {
	case 1050, 1060:
		f.exists = true
	case 1048, 1062, 1263, 1264, 1265, 1292, 1364, 1366, 1367, 1406, 1416, 1526, 1690, 3140, 3819, 4025:
		f.class = fanfare.ClassRejected
	case 1216, 1217, 1451, 1452:
		f.detail += waits
	case 1205, 1213, 1412:
		f.again = true
	case 1054, 1146:
		f.stale = true
	case 1044, 1045, 1698, 1130:
		f.detail += "; check user and password, and that the server lets them in from here"
	case 1049:
		f.detail += "; check database"
	case 1142, 1143:
		f.detail += "; grant it to user, or make the tables and set create to false"
	}
	return f
}

// openMySQL makes a pool whose connections take the way out.
func openMySQL(s *server, way fanfare.Way) (*sql.DB, error) {
	c := mysql.NewConfig()
	c.Net, c.Addr, c.DBName, c.User, c.Passwd = "tcp", s.address(), s.Database, s.User, s.Password
	c.TLS, c.DialFunc = s.secure, way.Dial
	c.ClientFoundRows = true // so that a row that is as it should be counts
	c.Logger = &driverLog{way.Logger}
	c.Params = map[string]string{
		"sql_mode":  "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'", // what does not fit is refused, not cut
		"time_zone": "'+00:00'",
	}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, &fanfare.InvalidError{Field: "config", Reason: err.Error()}
	}
	return pooled(sql.OpenDB(connector), maxConns), nil
}

// A driverLog takes what the driver has to say; errors it returns besides.
type driverLog struct{ log *slog.Logger }

func (l *driverLog) Print(v ...any) {
	if l.log != nil {
		l.log.DebugContext(context.Background(), "mysql: "+strings.TrimSpace(fmt.Sprint(v...)))
	}
}
