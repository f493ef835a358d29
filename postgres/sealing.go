package postgres

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare/seal"
)

// What is secret is sealed for the place where it stands: the table, the row's key
// in hexadecimal, the column. Package sqlite names places in the same way.

func endpointPlace(ep id) string {
	return "endpoint/" + strings.ToUpper(hex.EncodeToString(ep[:])) + "/settings"
}

func settingPlace(name string) string { return fmt.Sprintf("setting/%X/value", name) }

func answerPlace(scope, key string) string { return fmt.Sprintf("answer/%X/%X/body", scope, key) }

// lockSealing has whoever is to change the key that seals wait for this transaction.
const lockSealing = `
	SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))`

// sealingLock names that lock.
const sealingLock = "sealing_key"

// selectSealingKey gives the key that seals, whichever node is asked; "" for none yet.
const selectSealingKey = `
	SELECT coalesce(max(id), '')
	FROM sealing_key`

// sealer gives the keys, first the one that seals until the transaction has ended: a
// process that was stopped meanwhile, or knows of no change, seals with no other one.
func (s *Store) sealer(ctx context.Context, tx pgx.Tx) (*seal.Ring, error) {
	current := ""
	batch := &pgx.Batch{}
	batch.Queue(lockSealing, sealingLock)
	batch.Queue(selectSealingKey).QueryRow(func(r pgx.Row) error { return r.Scan(&current) })
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, err
	}
	ring := s.keys.Load()
	switch {
	case current == "":
		return ring, nil
	case ring == nil:
		return nil, &seal.MissingKeyError{ID: current}
	}
	return ring.Using(current)
}

// sealWith gives what is to be stored in a place, and the id of the key it is sealed
// with; "" if there is no ring.
func sealWith(ring *seal.Ring, place string, text []byte) (kept []byte, sealedBy string) {
	if ring == nil {
		return text, ""
	}
	return []byte(ring.Seal(place, text)), ring.Current()
}

// seal is sealWith in a transaction that stores it.
func (s *Store) seal(ctx context.Context, tx pgx.Tx, place string, text []byte) (kept []byte, sealedBy string, err error) {
	ring, err := s.sealer(ctx, tx)
	if err != nil {
		return nil, "", fmt.Errorf("%s: sealing it: %w", place, err)
	}
	kept, sealedBy = sealWith(ring, place, text)
	return kept, sealedBy, nil
}

// unseal gives what was stored in a place.
func (s *Store) unseal(place string, kept []byte, sealedBy string) ([]byte, error) {
	if sealedBy == "" {
		return kept, nil
	}
	ring := s.keys.Load()
	if ring == nil {
		return nil, fmt.Errorf("%s: %w", place, &seal.MissingKeyError{ID: sealedBy})
	}
	text, err := ring.Open(place, string(kept))
	if err != nil {
		return nil, fmt.Errorf("%s: what is sealed in it: %w", place, err)
	}
	return text, nil
}

// selectKeysInUse gives the keys that anything is sealed with, and "" for none. It hops
// through the indexes from key to key.
const selectKeysInUse = `
	WITH RECURSIVE of_endpoints (used) AS (
		SELECT min(sealed_by) FROM endpoint
		UNION ALL
		SELECT (SELECT min(sealed_by) FROM endpoint WHERE sealed_by > used)
		FROM of_endpoints
		WHERE used IS NOT NULL
	), of_answers (used) AS (
		SELECT min(sealed_by) FROM answer
		UNION ALL
		SELECT (SELECT min(sealed_by) FROM answer WHERE sealed_by > used)
		FROM of_answers
		WHERE used IS NOT NULL
	), of_parts (used) AS (
		SELECT min(sealed_by) FROM task_part
		UNION ALL
		SELECT (SELECT min(sealed_by) FROM task_part WHERE sealed_by > used)
		FROM of_parts
		WHERE used IS NOT NULL
	), of_sources (used) AS (
		SELECT min(sealed_by) FROM source
		UNION ALL
		SELECT (SELECT min(sealed_by) FROM source WHERE sealed_by > used)
		FROM of_sources
		WHERE used IS NOT NULL
	)
	SELECT used FROM of_endpoints WHERE used IS NOT NULL
	UNION
	SELECT used FROM of_answers WHERE used IS NOT NULL
	UNION
	SELECT used FROM of_parts WHERE used IS NOT NULL
	UNION
	SELECT used FROM of_sources WHERE used IS NOT NULL
	UNION
	SELECT sealed_by FROM setting
	ORDER BY 1`

func (s *Store) keysInUse(ctx context.Context) (used []string, err error) {
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		r, err := conn.Query(ctx, selectKeysInUse)
		if err != nil {
			return err
		}
		used, err = pgx.CollectRows(r, pgx.RowTo[string])
		return err
	})
	return used, err
}

// takeKeys makes sure, before anyone reads or writes, that the keys open all that is
// sealed. A database in which nothing is sealed is from now on, with the first of them.
// plain reports whether something is not sealed that is to be, and left whether
// something is sealed with another key than the one that seals.
func (s *Store) takeKeys(ctx context.Context, ring *seal.Ring) (plain, left bool, err error) {
	s.keys.Store(ring)
	used, err := s.keysInUse(ctx)
	if err != nil {
		return false, false, err
	}
	if err := mustHave(ring, used...); err != nil {
		return false, false, err
	}
	if err := s.settleKey(ctx, used); err != nil {
		return false, false, err
	}
	current, old, err := s.sealedWith(ctx) // with what was being stored meanwhile
	if err == nil {
		err = mustHave(ring, current)
	}
	return slices.Contains(old, ""), len(old) > 0, err
}

// mustHave returns a [seal.MissingKeyError] if the ring has not all of these keys.
func mustHave(ring *seal.Ring, ids ...string) error {
	for _, id := range ids {
		if id != "" && (ring == nil || !ring.Has(id)) {
			return fmt.Errorf("its secrets are sealed: %w; give the keys that it was used with before, which no copy of it contains", &seal.MissingKeyError{ID: id})
		}
	}
	return nil
}

// selectKnowsKey asks whether the database says which key seals.
const selectKnowsKey = `
	SELECT count(*) = 1
	FROM sealing_key
	WHERE id <> ''`

// settleKey sees that the database says which key seals. Where it does not, as it was
// used by an older program, was copied from a file or is new, it does from now on.
func (s *Store) settleKey(ctx context.Context, used []string) error {
	ring := s.keys.Load()
	if ring == nil {
		return nil
	}
	settled := false
	err := s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, selectKnowsKey).Scan(&settled)
	})
	if err != nil || settled {
		return err
	}
	return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := lockKeys(ctx, tx); err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, selectKnowsKey).Scan(&settled); err != nil || settled {
			return err
		}
		current := ring.Current()
		for _, id := range slices.Backward(ring.IDs()) {
			if slices.Contains(used, id) {
				current = id // the first of those in use
			}
		}
		if !slices.Contains(used, current) {
			if err := s.mustAllHave(ctx, tx, current); err != nil {
				return err
			}
		}
		return setSealingKey(ctx, tx, current)
	})
}

// lockKeys has whoever stores something sealed, or reseals, wait until the key that seals
// is settled. In this order, as one who reseals waits for rows of others who store.
func lockKeys(ctx context.Context, tx pgx.Tx) error {
	if err := serially(ctx, tx, resealLock); err != nil {
		return err
	}
	return serially(ctx, tx, sealingLock)
}

func setSealingKey(ctx context.Context, tx pgx.Tx, current string) error {
	if _, err := tx.Exec(ctx, "DELETE FROM sealing_key WHERE id <> $1", current); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "INSERT INTO sealing_key (id) VALUES ($1) ON CONFLICT DO NOTHING", current)
	return err
}

// mustHaveCurrent returns a [seal.MissingKeyError] if the Store has not the key that
// seals.
func (s *Store) mustHaveCurrent(ctx context.Context) error {
	current, _, err := s.sealedWith(ctx)
	if err == nil {
		err = mustHave(s.keys.Load(), current)
	}
	return err
}

// keyIDs are the ids of the Store's keys.
func (s *Store) keyIDs() []string {
	if ring := s.keys.Load(); ring != nil {
		return ring.IDs()
	}
	return []string{}
}
