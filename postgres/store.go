// Package postgres keeps everything in a PostgreSQL database: a [fanfare.Store] for
// any number of processes on any number of machines at once. What a method returns
// nil for the database has committed, with the durability its settings promise;
// many calls at once share one transaction.
//
// It works behind a pooler that gives a connection away after each transaction, if the
// URL ends in default_query_exec_mode=cache_describe, so that it prepares no statement
// (a pooler that keeps track of those needs no more than its own setting), but for the
// listener (see [Options.Listen]).
package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/seal"
)

// oldestServer is the first version of PostgreSQL that has all that is used here.
const oldestServer = 150000

// connections is how many connections a Store has at most unless its URL says
// otherwise (pool_max_conns).
const connections = 16

// A Store is a [fanfare.Store] in a database.
type Store struct {
	pool      *pgxpool.Pool
	leasing   line // of the lease alone
	limits    limits
	keys      atomic.Pointer[seal.Ring] // nil: nothing is sealed
	warned    sync.Map                  // *pgconn.PgConn: its last COMMIT was answered with a warning
	accepting *gatherer[*intake]
	held      chan struct{} // has room for as many as try at once (see acceptHeld)
	recording *gatherer[*note]
	pruning   pruning
	member    membership
	wasNode   atomic.Bool // it joined once: without a node it writes nothing of deliveries
	hearing   hearing
	telling   *teller
	sweeping  sweeper
	resealing resealing

	closing sync.Once
	closed  atomic.Bool
}

// Options are the settings of a Store. The zero value of each field is a good
// default.
type Options struct {
	// Keys seal what is secret in the database, such as what endpoints sign and
	// authenticate with. From the first time on they are needed to open it, and Open
	// seals with the first of them what is not sealed: what stood there before is left in
	// the server's files and logs until it uses those again. Which key seals then stands
	// in the database. All processes must be given the same keys; when all have a new one,
	// as the first, [Store.Rekey] has it seal. nil: nothing is sealed.
	Keys *seal.Ring

	// Listen is the URL of a connection on which news of other processes are heard
	// (LISTEN), where the Store's own goes through a pooler in transaction mode.
	// Empty: the same URL. Without news all is noticed a little later.
	Listen string
}

var errClosed = errors.New("the store is closed")

// Open opens the database of that URL (or of a string of key=value pairs, as libpq
// takes both) and brings it to its newest version. It is an error if its settings
// do not promise that what is committed lasts, and a [seal.MissingKeyError] if its
// secrets are sealed with a key that is not given. nil options are the defaults.
func Open(ctx context.Context, url string, opt *Options) (*Store, error) {
	if opt == nil {
		opt = &Options{}
	}
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("the URL of the database: %w", err)
	}
	if !strings.Contains(url, "pool_max_conns") {
		config.MaxConns = connections
	}
	s, err := open(ctx, config, opt)
	if err != nil {
		return nil, fmt.Errorf("database %s at %s: %w", config.ConnConfig.Database, config.ConnConfig.Host, err)
	}
	return s, nil
}

func open(ctx context.Context, config *pgxpool.Config, opt *Options) (_ *Store, err error) {
	s := &Store{limits: usual}
	config.ConnConfig.OnNotice = s.notice
	config.PingTimeout = idleLimit
	limitConnecting(config.ConnConfig)
	if s.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.pool.Close()
		}
	}()
	if s.leasing, err = leaseLine(ctx, config); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.leasing.pool.Close()
		}
	}()
	if err := s.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { return checkServer(ctx, conn.Conn()) }); err != nil {
		return nil, err
	}
	if err := migrate(ctx, s.pool); err != nil {
		return nil, err
	}
	if err := s.makePartitions(ctx, time.Now()); err != nil {
		return nil, err
	}
	if err := mustNotBeImporting(ctx, s.pool); err != nil {
		return nil, err
	}
	s.hearing.config = config.ConnConfig
	if opt.Listen != "" {
		if s.hearing.config, err = pgx.ParseConfig(opt.Listen); err != nil {
			return nil, fmt.Errorf("the URL of the listener: %w", err)
		}
		limitConnecting(s.hearing.config)
	}
	if err := s.continuePlaces(ctx); err != nil {
		return nil, err
	}
	plain, left, err := s.takeKeys(ctx, opt.Keys)
	if err != nil {
		return nil, err
	}
	if plain {
		if err := s.resealAll(ctx); err != nil {
			return nil, err
		}
		_, old, err := s.sealedWith(ctx)
		if err != nil {
			return nil, err
		}
		left = len(old) > 0 // what was stored meanwhile
	}
	if err := s.tellAll(ctx); err != nil {
		return nil, err
	}
	if err := s.beginHearing(ctx); err != nil {
		return nil, err
	}
	s.accepting = newGatherer(s.acceptAll)
	s.held = make(chan struct{}, mostHeld)
	s.recording = newGatherer(s.recordAll)
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	s.telling = newTeller(s.tell)
	s.sweeping = sweeper{wake: make(chan struct{}, 1), end: end}
	s.sweeping.done.Go(func() { s.sweep(background) })
	if left {
		s.resealing.runs.Store(true)
		s.resealing.work.Go(s.resealBehind)
	}
	return s, nil
}

// leaseLine is a line of its own for a node's lease. It connects when it is used.
func leaseLine(ctx context.Context, config *pgxpool.Config) (line, error) {
	own := config.Copy()
	own.MinConns, own.MinIdleConns, own.MaxConns = 0, 0, holdConns
	own.ConnConfig.ConnectTimeout = min(own.ConnConfig.ConnectTimeout, holdConnect)
	pool, err := pgxpool.NewWithConfig(ctx, own)
	return line{pool: pool, patience: holdFor, limit: holdTry}, err
}

func limitConnecting(config *pgx.ConnConfig) {
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectLimit
	}
}

// Close waits for what was begun and lets go of the connections.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.accepting.close()
		s.recording.close()
		s.telling.close()
		s.sweeping.end()
		s.sweeping.done.Wait()
		s.closed.Store(true)
		s.resealing.work.Wait()
		s.hearing.close()
		s.leasing.pool.Close()
		s.pool.Close()
	})
	return nil
}

var _ fanfare.Shared = (*Store)(nil)
