package carto

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare/connect/row"
)

// statements are those that make the table as r says: what there is of the record is
// removed, and its row put in anew. Where the version is kept, neither is done to a row
// that is newer.
func (c *config) statements(r *row.Record, accepted time.Time) (string, error) {
	table, key := quoted(r.Table), quoted(c.KeyColumn)
	is, err := literal(r.Key)
	if err != nil {
		return "", err
	}
	where := " WHERE " + key + " = " + is
	remove := "DELETE FROM " + table + where
	names, values := []string{key}, []string{is}
	if c.VersionColumn != "" && !(r.Deleted && c.Version != "" && r.Version == "" && c.DeletedColumn == "") {
		version := r.Version
		if c.Version == "" {
			version = string(r.Message)
		}
		if version == "" {
			return "", errors.New("version renders empty: the message does not say how new it is")
		}
		has, err := literal(version)
		if err != nil {
			return "", err
		}
		column := quoted(c.VersionColumn)
		names, values = append(names, column), append(values, has)
		remove += " AND (" + column + " IS NULL OR " + column + " <= " + has + ")"
	}
	switch {
	case r.Deleted && c.DeletedColumn == "":
		return remove, nil
	case r.Deleted:
		at, err := literal(accepted.UTC().Format(time.RFC3339Nano))
		if err != nil {
			return "", err
		}
		names, values = append(names, quoted(c.DeletedColumn)), append(values, at)
	default:
		for _, cell := range r.Cells {
			value, err := valueOf(cell)
			if err != nil {
				return "", err
			}
			names, values = append(names, quoted(cell.Column)), append(values, value)
		}
	}
	insert := "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ")"
	if c.VersionColumn == "" {
		return remove + "; " + insert + " VALUES (" + strings.Join(values, ", ") + ")", nil
	}
	return remove + "; " + insert + " SELECT " + strings.Join(values, ", ") +
		" WHERE NOT EXISTS (SELECT 1 FROM " + table + where + ")", nil
}

// valueOf is a cell as it stands in a statement. All but points are texts without a
// type, which the database reads as what the column holds, or refuses.
func valueOf(c row.Cell) (string, error) {
	switch c.Kind {
	case row.Null:
		return "NULL", nil
	case row.Point:
		return "ST_SetSRID(ST_Point(" + c.Point[0] + ", " + c.Point[1] + "), 4326)", nil
	}
	value, err := literal(c.Text)
	if err != nil {
		return "", fmt.Errorf("columns.%s: %w", c.Column, err)
	}
	return value, nil
}

// quoted is an identifier that was checked, of a table with its schema before it.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, ".", `"."`) + `"` }

// literal is text as a literal between dollar quotes, in which nothing has a meaning but
// their end
// (https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-DOLLAR-QUOTING).
// The text, and what it makes with them, must not have that in it; nobody can write one
// that has its own hash.
func literal(text string) (string, error) {
	if strings.ContainsRune(text, 0) {
		return "", errors.New("a NUL, which PostgreSQL's texts cannot have")
	}
	for _, tag := range []string{"$f$", fmt.Sprintf("$f%x$", sha256.Sum256([]byte(text)))} {
		if strings.Index(text+tag, tag) == len(text) {
			return tag + text + tag, nil
		}
	}
	return "", errors.New("a text with its own hash in it")
}
