package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/api"
	"github.com/fanfarehq/fanfare/postgres"
	"github.com/fanfarehq/fanfare/seal"
	"github.com/fanfarehq/fanfare/sqlite"
)

// A database is what a server keeps everything in, and what it needs of it besides.
type database struct {
	store fanfare.Store
	kind  string // for machines: sqlite or postgresql
	place string // for people; without a password

	sealing func(context.Context) (api.Sealing, error)
	rekey   func(context.Context, *seal.Ring) error
	alone   func(context.Context) error // fails while others have it open; nil: they cannot
}

// openDatabase opens the database of that URL, whose news are heard at another if there
// is one, or with none the file in the folder.
func openDatabase(ctx context.Context, url, news, folder string, keys *secretsKeys) (*database, error) {
	open := func(ctx context.Context, url string, ring *seal.Ring) (*database, error) {
		return openServer(ctx, url, news, ring)
	}
	from := url
	if url == "" {
		open, from = openFile, filepath.Join(folder, databaseFile)
	}
	db, err := open(ctx, from, keys.ring)
	var missing *seal.MissingKeyError
	if errors.As(err, &missing) {
		return nil, fmt.Errorf("%w, as further lines of %s (which has %v)", err, keys.where(), keys.ring)
	}
	if err != nil {
		return nil, err
	}
	keys.database = db
	if url == "" {
		db.place = folder
	}
	return db, nil
}

func openFile(ctx context.Context, path string, ring *seal.Ring) (*database, error) {
	store, err := sqlite.OpenWith(ctx, path, &sqlite.Options{Keys: ring})
	if err != nil {
		return nil, err
	}
	sealing := func(ctx context.Context) (api.Sealing, error) {
		s, err := store.Sealing(ctx)
		return api.Sealing{Key: s.Key, Old: s.Old, Left: s.Left, Traces: s.Traces, Err: s.Err}, err
	}
	return &database{store: store, kind: "sqlite", sealing: sealing, rekey: store.Rekey}, nil
}

func openServer(ctx context.Context, url, news string, ring *seal.Ring) (*database, error) {
	at, err := pgconn.ParseConfig(url)
	if err != nil {
		return nil, usagef("--database: %w", err)
	}
	store, err := postgres.Open(ctx, url, &postgres.Options{Keys: ring, Listen: news})
	if err != nil {
		return nil, refusedBy(at, err)
	}
	sealing := func(ctx context.Context) (api.Sealing, error) {
		s, err := store.Sealing(ctx)
		return api.Sealing{Key: s.Key, Old: s.Old, Left: s.Left, Next: s.Next, Lacking: s.Lacking, Err: s.Err}, err
	}
	return &database{store: store, kind: "postgresql", place: placeOf(at), sealing: sealing, rekey: store.Rekey, alone: store.MustBeAlone}, nil
}

// warn logs what is not yet with the secrets as it should be.
func (d *database) warn(ctx context.Context, log *slog.Logger) {
	sealing, err := d.sealing(ctx)
	if err != nil {
		return // whoever asks for it is told
	}
	if sealing.Traces {
		log.Warn("secrets stored before there was a key may still be found in unused parts of the database file, which could not be rewritten: see that there is room for a second one, in the folder for temporary files too, and start again")
	}
	if sealing.Next != "" {
		log.Warn(`a new key of the secrets was given, which does not seal yet: once it is the first one of every server on the database, run "fanfare secrets rotate"`, "key", sealing.Next)
	}
}

// placeOf says where a database is.
func placeOf(at *pgconn.Config) string {
	return fmt.Sprintf("PostgreSQL database %s at %s", at.Database, serverOf(at))
}

func serverOf(at *pgconn.Config) string {
	return net.JoinHostPort(at.Host, strconv.Itoa(int(at.Port)))
}

// Codes with which PostgreSQL does not let someone in
// (https://www.postgresql.org/docs/current/errcodes-appendix.html).
const (
	codePassword     = "28P01"
	codeNotLetIn     = "28000"
	codeNoDatabase   = "3D000"
	codeNotPermitted = "42501"
	codeNoRoom       = "53300"
)

// refusedBy says in a sentence why a database could not be opened, where that is for
// its operator to change.
func refusedBy(at *pgconn.Config, err error) error {
	server := serverOf(at)
	var said *pgconn.PgError
	if errors.As(err, &said) {
		switch said.Code {
		case codePassword:
			return fmt.Errorf("the PostgreSQL server at %s refuses the password of user %s; give the right one in FANFARE_DATABASE, in PGPASSWORD or in a .pgpass file", server, at.User)
		case codeNotLetIn:
			return fmt.Errorf("the PostgreSQL server at %s does not let user %s in (%s); see its pg_hba.conf, and that the user exists", server, at.User, said.Message)
		case codeNoDatabase:
			return fmt.Errorf(`the PostgreSQL server at %s has no database %s; make it with "createdb %s"`, server, at.Database, at.Database)
		case codeNotPermitted:
			return fmt.Errorf(`user %s may not make tables in database %s (%s); grant it with "GRANT ALL ON DATABASE %s TO %s; GRANT ALL ON SCHEMA public TO %s"`,
				at.User, at.Database, said.Message, at.Database, at.User, at.User)
		case codeNoRoom:
			return fmt.Errorf("the PostgreSQL server at %s has no connection left; raise its max_connections, or lower pool_max_conns in the URLs of those who use it", server)
		}
		return err
	}
	var refused *pgconn.ConnectError
	var notFound *net.DNSError
	switch {
	case !errors.As(err, &refused):
		return err
	case errors.As(err, &notFound):
		return fmt.Errorf("there is no host %s; see that the URL of the database is right", at.Host)
	}
	var network *net.OpError
	why := cmp.Or(errors.Unwrap(refused), error(refused))
	if errors.As(err, &network) {
		why = network.Err
		var call *os.SyscallError
		if errors.As(why, &call) {
			why = call.Err
		}
	}
	return fmt.Errorf("no PostgreSQL server answers at %s (%w); see that it runs and that this machine may reach it", server, why)
}
