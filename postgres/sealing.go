package postgres

import (
	"context"
	"encoding/hex"
	"fmt"
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

// seal gives what is to be stored in a place, and the id of the key it is sealed
// with; "" if it is not.
func (s *Store) seal(place string, text []byte) (kept []byte, sealedBy string) {
	ring := s.keys.Load()
	if ring == nil {
		return text, ""
	}
	return []byte(ring.Seal(place, text)), ring.Current()
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

// A Sealing is how the secrets of a database are sealed.
type Sealing struct {
	Key string   // the id of the key that seals here; "" if none does
	Old []string // the ids of other keys that some are sealed with
	Err error    // why resealing has stopped; nil if it has not
}

// Sealing tells how the secrets are sealed. Old ones are of processes that have not
// been given the new key yet, or not as the first: the next Open reseals them.
func (s *Store) Sealing(ctx context.Context) (Sealing, error) {
	ring := s.keys.Load()
	if ring == nil {
		return Sealing{}, nil
	}
	v := Sealing{Key: ring.Current()}
	if err := s.resealing.failed.Load(); err != nil {
		v.Err = *err
	}
	used, err := s.keysInUse(ctx)
	for _, key := range used {
		if key != "" && key != v.Key {
			v.Old = append(v.Old, key)
		}
	}
	return v, err
}

// takeKeys makes sure, before anyone reads or writes, that the keys open all that is
// sealed. left reports whether something is not sealed with the first of them.
func (s *Store) takeKeys(ctx context.Context, ring *seal.Ring) (left bool, err error) {
	used, err := s.keysInUse(ctx)
	if err != nil {
		return false, err
	}
	for _, key := range used {
		if key != "" && (ring == nil || !ring.Has(key)) {
			return false, fmt.Errorf("its secrets are sealed: %w; give the keys that it was used with before, which no copy of it contains", &seal.MissingKeyError{ID: key})
		}
		left = left || ring != nil && key != ring.Current()
	}
	s.keys.Store(ring)
	return left, nil
}

// A sealedColumn is where secrets stand: a table, the columns of its key, and the
// column; place names a row's by the key's columns as text.
type sealedColumn struct {
	table, column string
	key           []string
	place         func(key []string) string
}

var sealedColumns = []sealedColumn{
	{"endpoint", "settings", []string{"id"}, func(key []string) string {
		return "endpoint/" + strings.ToUpper(strings.ReplaceAll(key[0], "-", "")) + "/settings"
	}},
	{"source", "settings", []string{"id"}, func(key []string) string {
		return "source/" + strings.ToUpper(strings.ReplaceAll(key[0], "-", "")) + "/settings"
	}},
	{"setting", "value", []string{"name"}, func(key []string) string { return settingPlace(key[0]) }},
	{"answer", "body", []string{"scope", "key"}, func(key []string) string { return answerPlace(key[0], key[1]) }},
	{"task_part", "content", []string{"task", "number"}, func(key []string) string {
		return "task_part/" + strings.ToUpper(strings.ReplaceAll(key[0], "-", "")) + "/" + key[1] + "/content"
	}},
}

// resealChunk is how many rows of a table one transaction reseals.
const resealChunk = 100

// chunk is fewer rows of those that are large.
func (c *sealedColumn) chunk() int {
	if c.table == "task_part" {
		return resealChunk / 20
	}
	return resealChunk
}

// resealAll seals with the present key what is sealed with others or with none, some
// rows at a time.
func (s *Store) resealAll(ctx context.Context) error {
	for _, c := range sealedColumns {
		for n := c.chunk(); n == c.chunk(); {
			err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
				n, err = s.reseal(ctx, tx, c)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) reseal(ctx context.Context, tx pgx.Tx, c sealedColumn) (n int, err error) {
	columns := make([]string, len(c.key))
	where := make([]string, len(c.key))
	for i, name := range c.key {
		columns[i] = name + "::text"
		where[i] = fmt.Sprintf("%s::text = $%d", name, 3+i)
	}
	type row struct {
		key      []string
		kept     []byte
		sealedBy string
	}
	r, err := tx.Query(ctx, "SELECT ARRAY["+strings.Join(columns, ", ")+"], "+c.column+", sealed_by FROM "+c.table+
		" WHERE sealed_by <> $1 LIMIT $2 FOR NO KEY UPDATE", s.keys.Load().Current(), c.chunk())
	some, err := rows(r, err, func(r pgx.Rows) (row, error) {
		var v row
		err := r.Scan(&v.key, &v.kept, &v.sealedBy)
		return v, err
	})
	if err != nil {
		return 0, err
	}
	for _, v := range some {
		text, err := s.unseal(c.place(v.key), v.kept, v.sealedBy)
		if err != nil {
			return 0, err
		}
		kept, sealedBy := s.seal(c.place(v.key), text)
		args := []any{kept, sealedBy}
		for _, part := range v.key {
			args = append(args, part)
		}
		if _, err := tx.Exec(ctx, "UPDATE "+c.table+" SET "+c.column+" = $1, sealed_by = $2 WHERE "+strings.Join(where, " AND "), args...); err != nil {
			return 0, err
		}
	}
	return len(some), nil
}
