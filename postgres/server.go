package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// A requirement is a setting of the server that durability rests on.
type requirement struct {
	name    string
	allowed []string
	why     string
}

var requirements = []requirement{
	{"fsync", []string{"on"}, "what is committed would be lost with the power"},
	{"full_page_writes", []string{"on"}, "a crash could leave pages torn"},
	{"synchronous_commit", []string{"on", "remote_apply"}, "what is committed would not be on disk yet, or not on the standby"},
	{"transaction_read_only", []string{"off"}, "nothing could be stored; this is a standby, or the user may only read: name the primary, or add target_session_attrs=read-write to the URL"},
	{"server_encoding", []string{"UTF8"}, "text could not be kept as it is"},
}

// checkServer returns an error that says what to change if the server does not
// promise that what is committed lasts.
func checkServer(ctx context.Context, conn *pgx.Conn) error {
	setting := func(name string) (value string, err error) {
		err = conn.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&value)
		return value, err
	}
	text, err := setting("server_version_num")
	if err != nil {
		return err
	}
	version, err := strconv.Atoi(text)
	if err != nil {
		return fmt.Errorf("server_version_num: %w", err)
	}
	if version < oldestServer {
		return fmt.Errorf("the server is PostgreSQL %d: at least %d is needed", version/10000, oldestServer/10000)
	}
	for _, r := range requirements {
		value, err := setting(r.name)
		if err != nil {
			return err
		}
		if !slices.Contains(r.allowed, value) {
			return fmt.Errorf("%s is %s, and must be %s: %s", r.name, value, r.allowed[0], r.why)
		}
	}
	return nil
}
