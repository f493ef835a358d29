package agency

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// What callers branch on.
var (
	ErrNotFound = errors.New("not found")
	ErrConflict = errors.New("it was changed meanwhile: read it again, and change what is there now")
)

// An InvalidError says what is wrong with what the caller gave, by field.
type InvalidError struct {
	Kind   string
	Errors map[string][]string
}

func (e *InvalidError) Error() string {
	var all []string
	for _, field := range slices.Sorted(maps.Keys(e.Errors)) {
		all = append(all, field+" "+strings.Join(e.Errors[field], ", "))
	}
	return e.Kind + ": " + strings.Join(all, "; ")
}

// problems gathers what is wrong with one thing.
type problems map[string][]string

func (p problems) add(field, format string, args ...any) {
	p[field] = append(p[field], fmt.Sprintf(format, args...))
}

// must adds a problem unless ok.
func (p problems) must(ok bool, field, reason string) {
	if !ok {
		p.add(field, "%s", reason)
	}
}

// A Resource is what the agency keeps and announces: a *Form, *Record, *ChoiceList or
// *ClassificationSet.
type Resource interface {
	kind() *kind
	head() *Head
	form() string // the id of the form it belongs to; "": none
	// check says what is wrong, and settles what follows from the rest. It is asked
	// within the transaction of the change.
	check(ctx context.Context, a *Agency, tx *sql.Tx, p problems) error
}

// A Head is what all resources have. The agency fills it in; an update that gives a
// Version is refused when that is not the present one.
type Head struct {
	ID        string    `json:"id"`
	Version   int       `json:"version"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

func (h *Head) head() *Head { return h }

// A kind is one of resources.
type kind struct {
	name, plural string // as in the API
	words        string
	make         func() Resource
}

var (
	formKind              = &kind{"form", "forms", "form", func() Resource { return &Form{} }}
	recordKind            = &kind{"record", "records", "record", func() Resource { return &Record{} }}
	choiceListKind        = &kind{"choice_list", "choice_lists", "choice list", func() Resource { return &ChoiceList{} }}
	classificationSetKind = &kind{"classification_set", "classification_sets", "classification set", func() Resource { return &ClassificationSet{} }}

	kinds []*kind
)

func init() { kinds = []*kind{formKind, recordKind, choiceListKind, classificationSetKind} }

// maxKept is how many resources of one kind there may be.
const maxKept = 100_000

// migrate makes the tables. A body is the resource as the API shows it.
func (a *Agency) migrate(ctx context.Context) error {
	_, err := a.db.ExecContext(ctx, `
		CREATE TABLE IF NOT EXISTS resource (
			place INTEGER PRIMARY KEY AUTOINCREMENT,
			kind TEXT NOT NULL CHECK (kind IN ('form', 'record', 'choice_list', 'classification_set')),
			id TEXT NOT NULL,
			form TEXT NOT NULL,
			body TEXT NOT NULL CHECK (json_valid(body)),
			updated_at INTEGER NOT NULL,
			UNIQUE (kind, id)
		) STRICT;
		CREATE INDEX IF NOT EXISTS resource_form ON resource (kind, form, place);
		CREATE TABLE IF NOT EXISTS photo (
			place INTEGER PRIMARY KEY AUTOINCREMENT,
			id TEXT NOT NULL UNIQUE,
			content_type TEXT NOT NULL,
			bytes BLOB NOT NULL
		) STRICT`)
	return err
}

// within runs do in a transaction, which is committed if it returns nil. What it has
// announced is then on its way.
func (a *Agency) within(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // which does nothing once it is committed
	if err := do(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	a.relay.Wake()
	return nil
}

// Create stores r and announces it. An id that it has is kept, so that who is not sure
// whether it was created can do it again: then it is an InvalidError.
func (a *Agency) Create(ctx context.Context, c Cause, r Resource) error {
	return a.within(ctx, func(tx *sql.Tx) error {
		h, k := r.head(), r.kind()
		if h.ID == "" {
			h.ID = uuid.NewString()
		}
		p := problems{}
		if _, err := uuid.Parse(h.ID); err != nil {
			p.add("id", "is no UUID")
		}
		var taken bool
		var count int
		err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM resource WHERE kind = $1 AND id = $2), (SELECT count(*) FROM resource WHERE kind = $1)`,
			k.name, h.ID).Scan(&taken, &count)
		if err != nil {
			return err
		}
		p.must(!taken, "id", "has already been taken")
		p.must(count < maxKept, "base", fmt.Sprintf("there may be %d at most; delete some", maxKept))
		h.Version = 1
		h.CreatedAt = time.Now().UTC().Truncate(time.Millisecond)
		h.UpdatedAt = h.CreatedAt
		body, err := a.bodyOf(ctx, tx, c, r, p)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO resource (kind, id, form, body, updated_at) VALUES ($1, $2, $3, $4, $5)`,
			k.name, h.ID, r.form(), string(body), h.UpdatedAt.UnixMilli()); err != nil {
			return err
		}
		return a.announce(ctx, tx, c, k, "create", h, body, nil)
	})
}

// bodyOf checks r and returns it as it is stored.
func (a *Agency) bodyOf(ctx context.Context, tx *sql.Tx, c Cause, r Resource, p problems) ([]byte, error) {
	if rec, ok := r.(*Record); ok {
		rec.stamp(a, c)
	}
	if err := r.check(ctx, a, tx, p); err != nil {
		return nil, err
	}
	if len(p) > 0 {
		return nil, &InvalidError{r.kind().name, p}
	}
	return json.Marshal(r)
}

// Update replaces what has r's id by r, and announces that. What changes nothing is no
// update: nothing is stored, nobody is told. It returns ErrNotFound or ErrConflict.
func (a *Agency) Update(ctx context.Context, c Cause, r Resource) error {
	return a.within(ctx, func(tx *sql.Tx) error {
		h, k := r.head(), r.kind()
		previous, err := bodyIn(ctx, tx, k, h.ID)
		if err != nil {
			return err
		}
		old := k.make()
		if err := json.Unmarshal(previous, old); err != nil {
			return err
		}
		was := *old.head()
		if h.Version != 0 && h.Version != was.Version {
			return fmt.Errorf("%s %s: %w", k.words, h.ID, ErrConflict)
		}
		*h = was
		if rec, ok := r.(*Record); ok {
			rec.keep(old.(*Record))
		}
		p := problems{}
		body, err := a.bodyOf(ctx, tx, Cause{By: updater(old)}, r, p)
		if err != nil || bytes.Equal(body, previous) {
			return err
		}
		h.Version++
		h.UpdatedAt = time.Now().UTC().Truncate(time.Millisecond)
		if body, err = a.bodyOf(ctx, tx, c, r, p); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE resource SET body = $3, form = $4, updated_at = $5 WHERE kind = $1 AND id = $2`,
			k.name, h.ID, string(body), r.form(), h.UpdatedAt.UnixMilli()); err != nil {
			return err
		}
		return a.announce(ctx, tx, c, k, "update", h, body, previous)
	})
}

// updater is who changed r last, where that is known.
func updater(r Resource) string {
	if rec, ok := r.(*Record); ok {
		return rec.UpdatedByID
	}
	return ""
}

// Delete removes what has r's id, and announces that; r becomes what it was. With a
// form go its records, each of which is announced too.
func (a *Agency) Delete(ctx context.Context, c Cause, r Resource) error {
	return a.within(ctx, func(tx *sql.Tx) error {
		h, k := r.head(), r.kind()
		body, err := bodyIn(ctx, tx, k, h.ID)
		if err != nil {
			return err
		}
		if k == formKind {
			if err := a.deleteRecords(ctx, tx, c, h.ID); err != nil {
				return err
			}
		}
		if err := json.Unmarshal(body, r); err != nil {
			return err
		}
		return a.remove(ctx, tx, c, k, r.head(), body)
	})
}

func (a *Agency) remove(ctx context.Context, tx *sql.Tx, c Cause, k *kind, h *Head, body []byte) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM resource WHERE kind = $1 AND id = $2`, k.name, h.ID); err != nil {
		return err
	}
	return a.announce(ctx, tx, c, k, "delete", h, body, nil)
}

func (a *Agency) deleteRecords(ctx context.Context, tx *sql.Tx, c Cause, form string) error {
	rows, err := tx.QueryContext(ctx, `SELECT body FROM resource WHERE kind = 'record' AND form = $1 ORDER BY place`, form)
	if err != nil {
		return err
	}
	bodies, err := scan(rows)
	if err != nil {
		return err
	}
	for _, body := range bodies {
		rec := &Record{}
		if err := json.Unmarshal(body, rec); err != nil {
			return err
		}
		if err := a.remove(ctx, tx, c, recordKind, rec.head(), body); err != nil {
			return err
		}
	}
	return nil
}

// Read makes r what is stored under its id, or returns ErrNotFound.
func (a *Agency) Read(ctx context.Context, r Resource) error {
	body, err := bodyIn(ctx, a.db, r.kind(), r.head().ID)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, r)
}

// A querier is a *sql.DB or a *sql.Tx.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func bodyIn(ctx context.Context, q querier, k *kind, id string) ([]byte, error) {
	var body string
	err := q.QueryRowContext(ctx, `SELECT body FROM resource WHERE kind = $1 AND id = $2`, k.name, id).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fmt.Errorf("%s %s: %w", k.words, id, ErrNotFound)
	}
	return []byte(body), err
}

// A Filter says which resources to list.
type Filter struct {
	Form         string    // only records of that form; "": of any
	UpdatedSince time.Time // only what was changed then or later; zero: any
	NewestFirst  bool
	Limit        int // 0: 100
	Offset       int
}

// list returns the bodies of a page of resources, and how many there are in all.
func (a *Agency) list(ctx context.Context, k *kind, f Filter) ([]json.RawMessage, int, error) {
	const where = ` FROM resource WHERE kind = $1 AND ($2 = '' OR form = $2) AND updated_at >= $3`
	order := " ORDER BY place"
	if f.NewestFirst {
		order = " ORDER BY place DESC"
	}
	since := int64(0)
	if !f.UpdatedSince.IsZero() {
		since = f.UpdatedSince.UnixMilli()
	}
	if f.Limit <= 0 {
		f.Limit = 100
	}
	var total int
	if err := a.db.QueryRowContext(ctx, "SELECT count(*)"+where, k.name, f.Form, since).Scan(&total); err != nil {
		return nil, 0, err
	}
	rows, err := a.db.QueryContext(ctx, "SELECT body"+where+order+" LIMIT $4 OFFSET $5", k.name, f.Form, since, f.Limit, f.Offset)
	if err != nil {
		return nil, 0, err
	}
	bodies, err := scan(rows)
	return bodies, total, err
}

// scan reads rows of bodies, and closes them.
func scan(rows *sql.Rows) ([]json.RawMessage, error) {
	defer rows.Close()
	bodies := []json.RawMessage{}
	for rows.Next() {
		var body string
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		bodies = append(bodies, json.RawMessage(body))
	}
	return bodies, rows.Err()
}

// Forms lists all forms there are, up to a hundred.
func (a *Agency) Forms(ctx context.Context) ([]*Form, error) {
	return all[Form](ctx, a, formKind, Filter{})
}

// Records lists records.
func (a *Agency) Records(ctx context.Context, f Filter) ([]*Record, error) {
	return all[Record](ctx, a, recordKind, f)
}

func all[T any](ctx context.Context, a *Agency, k *kind, f Filter) ([]*T, error) {
	bodies, _, err := a.list(ctx, k, f)
	if err != nil {
		return nil, err
	}
	list := make([]*T, len(bodies))
	for i, body := range bodies {
		list[i] = new(T)
		if err := json.Unmarshal(body, list[i]); err != nil {
			return nil, err
		}
	}
	return list, nil
}
