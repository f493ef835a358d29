package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/fanfarehq/fanfare/seal"
)

// A keyLine is a key in a file of keys.
type keyLine struct {
	line int
	id   string
}

// keyLines are the keys of a file of them, of which seal.ParseRing reads the same.
func keyLines(text string) ([]keyLine, error) {
	var keys []keyLine
	line := 0
	for one := range strings.Lines(text) {
		line++
		if strings.HasPrefix(strings.TrimSpace(one), "#") {
			continue
		}
		for part := range strings.SplitSeq(one, ",") {
			if part = strings.TrimSpace(part); part == "" {
				continue
			}
			k, err := seal.ParseKey(part)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", line, err)
			}
			keys = append(keys, keyLine{line, k.ID()})
		}
	}
	return keys, nil
}

// use says what a key is there for, and when it may go.
func (s *sealing) use(id string) string {
	switch {
	case id == s.Key:
		return "in use"
	case slices.Contains(s.OldKeys, id):
		return "needed: some secrets are sealed with it still"
	case id == s.Next:
		return "does not seal yet"
	case s.Error != "" || s.Resealing || s.older():
		return "keep it until all secrets are resealed"
	}
	return "may go once you keep no copy of the database from when it was in use"
}

// showLines shows which key is in which line of a file of keys. Unless the user has
// named it, it need not be there.
func (s *sealing) showLines(r *request, path string, named bool) error {
	text, err := readKeyFile(path)
	if !named && errors.Is(err, fs.ErrNotExist) {
		if s.Next == "" { // else that one is the first
			r.say("The key in use is the first one in the server's file of keys.")
		}
		r.say("Where the server's file of keys is, --data or --secrets-key-file shows each of its lines.")
		return nil
	}
	if err != nil {
		return err
	}
	keys, err := keyLines(text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	fmt.Fprintf(r.out, "\n%s\n", printable(path))
	t := r.table("LINE", "KEY", "USE")
	for _, k := range keys {
		t.row(strconv.Itoa(k.line), k.id, s.use(k.id))
	}
	if !slices.ContainsFunc(keys, func(k keyLine) bool { return k.id == s.Key }) {
		r.say("The key in use is not in this file: it is not the one of this server, or has been changed since.")
	}
	return r.flush(t)
}
