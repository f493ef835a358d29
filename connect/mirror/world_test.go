//go:build linux

package mirror_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/mirror"
	"github.com/fanfarehq/fanfare/internal/mariadbtest"
	"github.com/fanfarehq/fanfare/internal/pgtest"
)

// The servers are started when the first test wants them, and ended with the last.
var (
	postgres = sync.OnceValues(func() (*pgtest.Server, error) {
		s, err := pgtest.Run()
		if err == nil {
			started = append(started, s.Stop)
		}
		return s, err
	})
	mariadb = sync.OnceValues(func() (*mariadbtest.Server, error) {
		s, err := mariadbtest.Run()
		if err == nil {
			started = append(started, s.Stop)
		}
		return s, err
	})
	started []func()
)

func TestMain(m *testing.M) {
	code := m.Run()
	for _, stop := range started {
		stop()
	}
	os.Exit(code)
}

// A world is a database, and how to mirror into it.
type world struct {
	connector fanfare.Connector
	config    map[string]any
	db        *sql.DB // the test's own way in
	way       fanfare.Way
	dial      func(ctx context.Context, network, address string) (net.Conn, error)
}

// each runs a test in a world of each kind.
func each(t *testing.T, test func(t *testing.T, w *world)) {
	for _, kind := range []string{"postgres", "mysql", "sqlite"} {
		t.Run(kind, func(t *testing.T) { test(t, newWorld(t, kind)) })
	}
}

// newWorld makes an empty database. One that is not installed is a failure, but for
// tests that are to be short.
func newWorld(t *testing.T, kind string) *world {
	t.Helper()
	w := &world{dial: (&net.Dialer{}).DialContext}
	w.way = fanfare.Way{Dial: w.dial, Logger: slog.New(slog.DiscardHandler)}
	if testing.Short() && kind != "sqlite" {
		t.Skip("a server is not started in short tests")
	}
	var err error
	switch kind {
	case "postgres":
		err = w.inPostgreSQL(t)
	case "mysql":
		err = w.inMariaDB()
	default:
		dir := t.TempDir()
		w.connector, w.config = mirror.SQLite(dir), map[string]any{"file": "mirror.db"}
		w.db, err = sql.Open("sqlite", filepath.Join(dir, "mirror.db")+"?_pragma=busy_timeout(5000)")
	}
	if err != nil {
		t.Fatal(err)
	}
	w.config["table"] = "customers"
	t.Cleanup(func() {
		if err := w.db.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) inPostgreSQL(t *testing.T) error {
	server, err := postgres()
	if err != nil {
		return err
	}
	at, err := server.Database(t.Context())
	if err != nil {
		return err
	}
	u, err := url.Parse(at)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return err
	}
	w.connector = mirror.PostgreSQL()
	w.config = map[string]any{"host": "127.0.0.1", "port": port, "user": "postgres", "password": "never-asked-for", "database": u.Path[1:], "tls": "off"}
	w.db, err = sql.Open("pgx", at)
	return err
}

func (w *world) inMariaDB() error {
	server, err := mariadb()
	if err != nil {
		return err
	}
	name, err := server.Database()
	if err != nil {
		return err
	}
	w.connector = mirror.MySQL()
	w.config = map[string]any{"host": "127.0.0.1", "port": server.Port, "user": mariadbtest.User, "password": mariadbtest.Password, "database": name, "tls": "off"}
	w.db, err = server.Open(name)
	return err
}

// with is the config with members more, or other ones.
func (w *world) with(members string) string {
	all := make(map[string]any)
	for name, value := range w.config {
		all[name] = value
	}
	if err := json.Unmarshal([]byte("{"+members+"}"), &all); err != nil {
		panic(err)
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// open makes a sink that ends with the test.
func (w *world) open(t *testing.T, members string) fanfare.Sink {
	t.Helper()
	sink, err := w.connector.New([]byte(w.with(members)), w.way)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sink.Close(); err != nil {
			t.Error(err)
		}
	})
	return sink
}

// exec runs a statement.
func (w *world) exec(t *testing.T, query string) {
	t.Helper()
	if _, err := w.db.ExecContext(t.Context(), query); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// rows reads what a query finds: the columns of each row as text, with <nil> for null.
func (w *world) rows(t *testing.T, query string) [][]string {
	t.Helper()
	rows, err := w.db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(any)
		}
		if err := rows.Scan(values...); err != nil {
			t.Fatal(err)
		}
		row := make([]string, len(columns))
		for i, v := range values {
			if row[i] = fmt.Sprint(*v.(*any)); row[i] != "<nil>" {
				if text, isBytes := (*v.(*any)).([]byte); isBytes {
					row[i] = string(text)
				}
			}
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// send has the sink take a message, which must be taken.
func send(t *testing.T, sink fanfare.Sink, msg *fanfare.Message) string {
	t.Helper()
	reply, err := sink.Send(t.Context(), msg)
	if err != nil || reply.Class != fanfare.ClassSuccess {
		t.Fatalf("%s: %s %s, %v", msg.Payload, reply.Class, reply.Detail, err)
	}
	return reply.Detail
}
