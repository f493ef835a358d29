//go:build linux

package postgres_test

import (
	"context"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// returned are databases that tests were lent and are done with. To clear one costs
// a small part of what it costs to make one, most of all where files are synced.
var returned struct {
	mu   sync.Mutex
	urls []string
}

// lent is [database] for tests that change no table itself, only what is in them: it
// is one that another test had before, or a new one.
func lent(t testing.TB) (url string) {
	t.Helper()
	returned.mu.Lock()
	if last := len(returned.urls) - 1; last >= 0 {
		url, returned.urls = returned.urls[last], returned.urls[:last]
	}
	returned.mu.Unlock()
	if url == "" {
		url = database(t)
	}
	t.Cleanup(func() {
		clean, err := renew(url)
		if err != nil {
			t.Errorf("clearing a database: %v", err)
		}
		if clean {
			returned.mu.Lock()
			defer returned.mu.Unlock()
			returned.urls = append(returned.urls, url)
		}
	})
	return url
}

// remember has a database of the newest version remember what stands in it now.
const remember = `
	CREATE SCHEMA start;
	CREATE TABLE start.relation AS
		SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace;
	DO $$
	DECLARE t regclass;
	BEGIN
		FOR t IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
			EXECUTE format('CREATE TABLE start.%I AS TABLE %s', 'of ' || t, t);
		END LOOP;
	END $$`

// disconnect ends what may still be done by connections that were let go of.
const disconnect = `
	SELECT pg_terminate_backend(pid, 60000)
	FROM pg_stat_activity
	WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`

// again makes what is in the tables what it was.
const again = `
	DO $$
	DECLARE t regclass;
	BEGIN
		FOR t IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0 LOOP
			EXECUTE format('DELETE FROM %s', t);
			EXECUTE format('INSERT INTO %s TABLE start.%I', t, 'of ' || t);
		END LOOP;
	END $$`

// unlike counts the tables and indexes that were made or dropped.
const unlike = `
	SELECT count(*)
	FROM (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace) AS now
	FULL JOIN start.relation AS old USING (oid)
	WHERE now.oid IS NULL OR old.oid IS NULL`

// renew makes a database what it was when it was new. clean is false if other tables
// are in it now.
func renew(url string) (clean bool, err error) {
	ctx := context.Background() // the test's is done
	err = on(ctx, url, func(conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, disconnect); err != nil {
			return err
		}
		n := 0
		if err := conn.QueryRow(ctx, unlike).Scan(&n); err != nil || n > 0 {
			return err
		}
		clean = true
		_, err := conn.Exec(ctx, again)
		return err
	})
	return clean && err == nil, err
}

// on has f use a connection to the database of that URL.
func on(ctx context.Context, url string, f func(conn *pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return f(conn)
}
