package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare"
)

// A resealing is the work of bringing everything under a new key.
type resealing struct {
	work   sync.WaitGroup
	runs   atomic.Bool           // there is one at a time, and no other key meanwhile
	failed atomic.Pointer[error] // why the last one stopped; nil: it did not
}

// resealBehind seals everything with the present key. It outlives who asked for it, and
// ends with the Store: hence no context of theirs. What was sealed with another key
// before and is stored only now is found when it looks again.
func (s *Store) resealBehind() {
	defer s.resealing.runs.Store(false)
	ctx := context.Background()
	for {
		err := s.resealAll(ctx)
		var old []string
		if err == nil {
			_, old, err = s.sealedWith(ctx)
		}
		switch {
		case errors.Is(err, errClosed):
			return // the next Open goes on
		case errors.Is(err, fanfare.ErrAway):
			continue // it has waited for as long as any call does
		case err != nil:
			s.resealing.failed.Store(&err)
			return
		}
		if len(old) == 0 {
			return
		}
	}
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
	_, old, err := s.sealedWith(ctx)
	if err != nil {
		return err
	}
	for _, c := range sealedColumns {
		for n := c.chunk(); n == c.chunk(); {
			err := s.write(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
				n, err = s.reseal(ctx, tx, c, old)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// sealedWith gives the key that seals, and the others that something is sealed with,
// among them "" for none.
func (s *Store) sealedWith(ctx context.Context) (current string, old []string, err error) {
	err = s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, selectSealingKey).Scan(&current)
	})
	if err != nil {
		return "", nil, err
	}
	used, err := s.keysInUse(ctx)
	return current, slices.DeleteFunc(used, func(id string) bool { return id == current }), err
}

// resealLock has one node reseal at a time.
const resealLock = "reseal"

// reseal seals anew some rows that are sealed with old keys, and returns how many.
func (s *Store) reseal(ctx context.Context, tx pgx.Tx, c sealedColumn, old []string) (n int, err error) {
	if err := serially(ctx, tx, resealLock); err != nil {
		return 0, err
	}
	ring, err := s.sealer(ctx, tx)
	if err != nil {
		return 0, err
	}
	if _, err := tx.Exec(ctx, planByIndex); err != nil {
		return 0, err
	}
	columns := make([]string, len(c.key))
	where := make([]string, len(c.key))
	for i, name := range c.key {
		columns[i] = name + "::text"
		where[i] = fmt.Sprintf("%s = $%d", name, 3+i)
	}
	type row struct {
		key      []string
		kept     []byte
		sealedBy string
	}
	r, err := tx.Query(ctx, "SELECT ARRAY["+strings.Join(columns, ", ")+"], "+c.column+", sealed_by FROM "+c.table+
		" WHERE sealed_by = ANY($1) AND sealed_by <> $2 LIMIT $3 FOR NO KEY UPDATE", old, ring.Current(), c.chunk())
	some, err := rows(r, err, func(r pgx.Rows) (row, error) {
		var v row
		err := r.Scan(&v.key, &v.kept, &v.sealedBy)
		return v, err
	})
	if err != nil {
		return 0, err
	}
	batch := &pgx.Batch{}
	for _, v := range some {
		text, err := s.unseal(c.place(v.key), v.kept, v.sealedBy)
		if err != nil {
			return 0, err
		}
		kept, sealedBy := sealWith(ring, c.place(v.key), text)
		args := []any{kept, sealedBy}
		for _, part := range v.key {
			args = append(args, part)
		}
		batch.Queue("UPDATE "+c.table+" SET "+c.column+" = $1, sealed_by = $2 WHERE "+strings.Join(where, " AND "), args...)
	}
	return len(some), tx.SendBatch(ctx, batch).Close()
}

// countSealed counts what is sealed with some keys.
const countSealed = `
	SELECT (SELECT count(*) FROM endpoint WHERE sealed_by = ANY($1))
		+ (SELECT count(*) FROM source WHERE sealed_by = ANY($1))
		+ (SELECT count(*) FROM setting WHERE sealed_by = ANY($1))
		+ (SELECT count(*) FROM answer WHERE sealed_by = ANY($1))
		+ (SELECT count(*) FROM task_part WHERE sealed_by = ANY($1))`
