package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// A postmaster is a PostgreSQL server on this machine that the measured servers keep
// everything in, each in a database of its own.
type postmaster struct {
	url  *url.URL // of any database there
	conn *pgx.Conn
	pid  int
	made int
}

// secretsKey seals the secrets of servers that are measured on PostgreSQL. Like
// adminKey it guards nothing.
const secretsKey = "FmZyuIfBVAq4Wq5gAXu8RHYBvlUuXFyKfxEZTTm5AqM="

// findPostmaster connects to the server of a database.
func findPostmaster(ctx context.Context, text string) (*postmaster, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, errors.New("the database is told by a URL such as postgres://postgres@127.0.0.1/postgres")
	}
	conn, err := pgx.Connect(ctx, text)
	if err != nil {
		return nil, err
	}
	p := &postmaster{url: u, conn: conn}
	backend := 0
	err = conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&backend)
	if err == nil {
		p.pid, err = parentOf(backend)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close(ctx))
	}
	return p, nil
}

// parentOf finds the process that has started a backend.
func parentOf(backend int) (int, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", backend))
	if err != nil || !strings.Contains(string(stat), "(postgres)") {
		return 0, errors.New("the processes of PostgreSQL are not on this machine, or not to be seen here, so that their share cannot be counted")
	}
	fields := statFields(string(stat))
	if len(fields) < 2 {
		return 0, fmt.Errorf("not a process's stat: %.60q", stat)
	}
	return strconv.Atoi(fields[1])
}

// create makes an empty database, and returns its URL and what removes it.
func (p *postmaster) create(ctx context.Context) (at string, drop func(), err error) {
	p.made++
	name := fmt.Sprintf("fanfare_bench_%d_%d", os.Getpid(), p.made)
	if _, err := p.conn.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", nil, fmt.Errorf("making a database for the measurement: %w", err)
	}
	u := *p.url
	u.Path = "/" + name
	return u.String(), func() {
		// What cannot be removed is seen by its name.
		_, _ = p.conn.Exec(context.WithoutCancel(ctx), "DROP DATABASE "+name+" WITH (FORCE)")
	}, nil
}

// cpu is the processor time of all processes of the server, those that have ended
// included.
func (p *postmaster) cpu() (used time.Duration) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended just now
		}
		fields := statFields(string(text))
		if len(fields) < 15 {
			continue
		}
		self := path == fmt.Sprintf("/proc/%d/stat", p.pid)
		if !self && fields[1] != strconv.Itoa(p.pid) {
			continue
		}
		own := fields[11:13]
		if self {
			own = fields[11:15] // with its children's that have ended
		}
		for _, field := range own {
			ticks, _ := strconv.ParseInt(field, 10, 64)
			used += time.Duration(ticks) * tick
		}
	}
	return used
}

// close removes nothing: what was made is removed when its server is closed.
func (p *postmaster) close() { _ = p.conn.Close(context.Background()) }
