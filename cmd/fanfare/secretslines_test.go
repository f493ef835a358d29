package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare/seal"
)

func TestEachLineOfAFileOfKeysIsTold(t *testing.T) {
	now, old, older, other := seal.NewKey(), seal.NewKey(), seal.NewKey(), seal.NewKey()
	keys, err := keyLines(withKey(aboutKeyFile+old.Text()+"\n\n# kept\n"+older.Text()+" , "+other.Text()+"\n", now))
	want := []keyLine{{3, now.ID()}, {4, old.ID()}, {7, older.ID()}, {7, other.ID()}}
	if err != nil || !slices.Equal(keys, want) {
		t.Fatalf("the lines are %v, %v, want %v", keys, err, want)
	}
	if _, err := keyLines("# a\nhunter2\n"); err == nil || !strings.HasPrefix(err.Error(), "line 2: ") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("what is no key: %v", err)
	}
	resealing := sealing{Key: now.ID(), OldKeys: []string{old.ID()}, Resealing: true}
	done, given, among := sealing{Key: now.ID()}, sealing{Key: old.ID(), Next: now.ID()}, sealing{Key: now.ID(), Lacking: []string{"older"}}
	for _, c := range []struct {
		in   sealing
		key  seal.Key
		want string
	}{
		{resealing, now, "in use"},
		{resealing, old, "needed: some secrets are sealed with it still"},
		{resealing, older, "keep it until all secrets are resealed"},
		{done, now, "in use"},
		{given, now, "does not seal yet"},
		{given, old, "in use"},
		{among, old, "keep it until all secrets are resealed"},
		{done, old, "may go once you keep no copy of the database from when it was in use"},
	} {
		if got := c.in.use(c.key.ID()); got != c.want {
			t.Errorf("%+v: %s is %q, want %q", c.in, c.key, got, c.want)
		}
	}
}
