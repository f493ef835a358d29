// Package share lets people read tables that a mirror keeps, endpoints of the kind
// sqlite, without an account: whoever has a share's address gets the rows as they are now,
// as JSON, CSV or GeoJSON, a page at a time, and can change nothing. A webhook tells them
// what is new, with no more than its key; what it says now they fetch here.
//
// A share is of one table, of the columns it names, until it is revoked. Its address has a
// token of 256 random bits, of which only a hash is kept.
package share

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// What callers branch on.
var (
	ErrNotFound = errors.New("there is no such share")
	ErrTooMany  = errors.New("there are as many shares as there may be; revoke some")
)

// An InvalidError says what is wrong with what the caller gave.
type InvalidError struct{ Field, Reason string }

func (e *InvalidError) Error() string { return e.Field + " " + e.Reason }

// Bounds of shares.
const (
	maxShares  = 1000 // that are not revoked
	maxColumns = 200
)

// A Share is a table as it is shown. File and Table are required.
type Share struct {
	ID        string    `json:"id"`
	File      string    `json:"file"`  // of the mirror, in the folder: bears.db
	Table     string    `json:"table"` // in it
	Key       string    `json:"key"`   // the column that names a row; "": id
	Columns   []string  `json:"columns,omitempty"`
	Latitude  string    `json:"latitude,omitempty"` // the columns with coordinates; "": there is no GeoJSON
	Longitude string    `json:"longitude,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
}

// Shares are those of the mirrors in a folder: an http.Handler that shows them at
// /shares/TOKEN.json, .csv and .geojson.
type Shares struct {
	dir string
	own *sql.DB // who is shown what

	mu      sync.Mutex
	mirrors map[string]*sql.DB // by the file's name
}

// Open opens the shares of the mirrors in dir, which are in the file shares.sqlite beside
// them, and makes that if it is not there.
func Open(ctx context.Context, dir string) (*Shares, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	own, err := sql.Open("sqlite", at(filepath.Join(dir, "shares.sqlite"), url.Values{
		"_txlock": {"immediate"}, "_pragma": {"busy_timeout(5000)", "journal_mode(wal)", "synchronous(full)"},
	}))
	if err != nil {
		return nil, err
	}
	_, err = own.ExecContext(ctx, `
		CREATE TABLE IF NOT EXISTS share (
			id TEXT PRIMARY KEY,
			token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
			body TEXT NOT NULL CHECK (json_valid(body))
		) STRICT, WITHOUT ROWID`)
	if err != nil {
		return nil, errors.Join(err, own.Close())
	}
	return &Shares{dir: dir, own: own, mirrors: map[string]*sql.DB{}}, nil
}

// at names a database's file for the driver.
func at(path string, query url.Values) string {
	u := url.URL{Scheme: "file", Path: path, RawQuery: query.Encode()}
	return u.String()
}

// Close closes all files, once no request is under way.
func (s *Shares) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.own.Close()
	for _, db := range s.mirrors {
		err = errors.Join(err, db.Close())
	}
	return err
}

var (
	fileName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\.(db|sqlite|sqlite3)$`)
	hidden   = []string{"fanfare_mirror", "share"} // tables that are nobody's business
)

// Make makes a share, fills in what it leaves out, and returns its token, which nobody can
// read again.
func (s *Shares) Make(ctx context.Context, sh *Share) (token string, err error) {
	if err := s.check(ctx, sh); err != nil {
		return "", err
	}
	var id [8]byte
	var secret [32]byte
	rand.Read(id[:]) // which never fails
	rand.Read(secret[:])
	sh.ID, sh.CreatedAt = "share_"+hex.EncodeToString(id[:]), time.Now().UTC().Truncate(time.Second)
	token = base64.RawURLEncoding.EncodeToString(secret[:])
	body, err := json.Marshal(sh)
	if err != nil {
		return "", err
	}
	done, err := s.own.ExecContext(ctx, `
		INSERT INTO share (id, token_hash, body)
		SELECT ?, ?, ? WHERE (SELECT count(*) FROM share) < ?`, sh.ID, hash(token), string(body), maxShares)
	if err != nil {
		return "", err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return "", errors.Join(err, ErrTooMany)
	}
	return token, nil
}

func hash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// check looks whether there is what sh is to show, and fills in its columns.
func (s *Shares) check(ctx context.Context, sh *Share) error {
	if sh.Key == "" {
		sh.Key = "id"
	}
	if slices.Contains(hidden, strings.ToLower(sh.Table)) || strings.HasPrefix(strings.ToLower(sh.Table), "sqlite_") {
		return &InvalidError{"table", "is none that is shown"}
	}
	if (sh.Latitude == "") != (sh.Longitude == "") {
		return &InvalidError{"latitude", "and longitude go together"}
	}
	db, err := s.mirror(sh.File)
	if err != nil {
		return err
	}
	there, err := columns(ctx, db, sh.Table)
	switch {
	case err != nil:
		return err
	case len(there) == 0:
		return &InvalidError{"table", fmt.Sprintf("%q is not in %s; it is there once the mirror has written to it", sh.Table, sh.File)}
	case len(there) > maxColumns:
		return &InvalidError{"table", fmt.Sprintf("has %d columns; at most %d can be shown", len(there), maxColumns)}
	}
	if len(sh.Columns) == 0 {
		sh.Columns = there
	}
	wanted := append([]string{sh.Key}, sh.Columns...)
	if sh.Latitude != "" {
		wanted = append(wanted, sh.Latitude, sh.Longitude)
	}
	for _, name := range wanted {
		if !slices.Contains(there, name) {
			return &InvalidError{"columns", fmt.Sprintf("%q is none of %s; there are %s", name, sh.Table, strings.Join(there, ", "))}
		}
		if !slices.Contains(sh.Columns, name) {
			sh.Columns = append(sh.Columns, name)
		}
	}
	return nil
}

func columns(ctx context.Context, db *sql.DB, table string) ([]string, error) {
	rows, err := db.QueryContext(ctx, `SELECT name FROM pragma_table_info(?)`, table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		all = append(all, name)
	}
	return all, rows.Err()
}

// mirror opens a mirror's file to read and nothing else, or has it open already.
func (s *Shares) mirror(file string) (*sql.DB, error) {
	if !fileName.MatchString(file) {
		return nil, &InvalidError{"file", "must be the name of a mirror's file, without a folder, such as bears.db"}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if db := s.mirrors[file]; db != nil {
		return db, nil
	}
	path := filepath.Join(s.dir, file)
	if is, err := os.Lstat(path); err != nil || !is.Mode().IsRegular() {
		return nil, &InvalidError{"file", fmt.Sprintf("%s is not in %s; it is there once the mirror has written to it", file, s.dir)}
	}
	db, err := sql.Open("sqlite", at(path, url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(2000)", "query_only(1)"}}))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(4)
	db.SetConnMaxLifetime(time.Minute) // as somebody may put another file there
	s.mirrors[file] = db
	return db, nil
}

// Revoke ends a share, by its id. Nobody is shown anything by its token any more.
func (s *Shares) Revoke(ctx context.Context, id string) error {
	done, err := s.own.ExecContext(ctx, `DELETE FROM share WHERE id = ?`, id)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, fmt.Errorf("%s: %w", id, ErrNotFound))
	}
	return nil
}

// List is all shares there are.
func (s *Shares) List(ctx context.Context) ([]*Share, error) {
	rows, err := s.own.QueryContext(ctx, `SELECT body FROM share ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []*Share
	for rows.Next() {
		sh, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, sh)
	}
	return all, rows.Err()
}

// by finds the share of a token.
func (s *Shares) by(ctx context.Context, token string) (*Share, error) {
	sh, err := scan(s.own.QueryRowContext(ctx, `SELECT body FROM share WHERE token_hash = ?`, hash(token)))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	return sh, err
}

func scan(row interface{ Scan(...any) error }) (*Share, error) {
	var body string
	if err := row.Scan(&body); err != nil {
		return nil, err
	}
	sh := &Share{}
	return sh, json.Unmarshal([]byte(body), sh)
}
