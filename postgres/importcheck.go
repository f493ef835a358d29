package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare/internal/stored"
)

// check compares a table with the one it was taken from.
func (im *importing) check(ctx context.Context, t stored.Table) error {
	var want, got stored.Sum
	total := im.totals[t.Name]
	told := time.Now()
	tell := func() {
		if time.Since(told) < 100*time.Millisecond {
			return
		}
		told = time.Now()
		im.progress(Imported{Table: t.Name, Checking: true, Done: (want.Rows + got.Rows) / 2, Total: total})
	}
	for row, err := range im.from.Rows(t, 0) {
		if err != nil {
			return err
		}
		want.Add(row)
		tell()
	}
	im.sums[t.Name] = want
	r, err := im.conn.Query(ctx, "SELECT "+columnList(t)+" FROM "+t.Name)
	if err != nil {
		return err
	}
	defer r.Close()
	for r.Next() {
		row, err := r.Values()
		if err != nil {
			return err
		}
		got.Add(asStored(row, t.Columns))
		tell()
	}
	if err := r.Err(); err != nil {
		return err
	}
	im.progress(Imported{Table: t.Name, Checking: true, Done: total, Total: total})
	if t.Name == "message" && got == want {
		return im.checkEventIDs(ctx)
	}
	if got != want {
		return fmt.Errorf("table %s is not as it was (%d rows, and %d where they come from); empty the database, and begin anew", t.Name, got.Rows, want.Rows)
	}
	return nil
}

// checkEventIDs sees that every event id is taken by its message.
func (im *importing) checkEventIDs(ctx context.Context) error {
	wrong := int64(0)
	err := im.conn.QueryRow(ctx, `
		SELECT count(*)
		FROM message
		FULL JOIN event_id ON event_id.application = message.application AND event_id.event_id = message.event_id
			AND event_id.event_type_version = message.event_type_version AND event_id.message = message.id
		WHERE (message.event_id IS NULL) <> (event_id.event_id IS NULL)`).Scan(&wrong)
	if err == nil && wrong > 0 {
		err = fmt.Errorf("%d event ids are not those of the messages; empty the database, and begin anew", wrong)
	}
	return err
}

func columnList(t stored.Table) string {
	text := ""
	for i, name := range names(t) {
		if i > 0 {
			text += ", "
		}
		text += pgx.Identifier{name}.Sanitize()
	}
	return text
}

// asStored gives values the types that package stored has them in.
func asStored(row []any, columns []stored.Column) []any {
	for i, v := range row {
		switch v := v.(type) {
		case int16:
			row[i] = int64(v)
		case int32:
			row[i] = int64(v)
		case []any:
			row[i] = listAsStored(v, columns[i].Kind)
		}
	}
	return row
}

func listAsStored(list []any, kind stored.Kind) any {
	raw, texts := [][16]byte{}, []string{}
	for _, v := range list {
		switch v := v.(type) {
		case [16]byte:
			raw = append(raw, v)
		case string:
			texts = append(texts, v)
		}
	}
	if kind == stored.Texts {
		return texts
	}
	return raw
}
