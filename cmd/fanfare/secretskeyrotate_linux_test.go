package main

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fanfarehq/fanfare/internal/pgtest"
	"github.com/fanfarehq/fanfare/postgres"
	"github.com/fanfarehq/fanfare/seal"
)

// serversKeys are those of a server that is alone on a new database, with its file.
func serversKeys(t *testing.T) (k *secretsKeys, url string, opened func() *secretsKeys) {
	t.Helper()
	url, err := pgtest.Start(t).Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "keys")
	if err := writeKeyFile(path, "# of ours\n"+seal.NewRing(seal.NewKey()).Text()); err != nil {
		t.Fatal(err)
	}
	opened = func() *secretsKeys {
		t.Helper()
		k, err := findSecretsKeys("", path, "")
		if err != nil {
			t.Fatal(err)
		}
		db, err := openDatabase(t.Context(), url, "", "", k)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.store.Close() })
		if err := db.store.SetSetting(t.Context(), "pepper", []byte("hot")); err != nil {
			t.Fatal(err)
		}
		return k
	}
	return opened(), url, opened
}

// keysOf are the ids of the keys in its file.
func keysOf(t *testing.T, k *secretsKeys) (ids []string) {
	t.Helper()
	text, err := readKeyFile(k.path)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keyLines(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range keys {
		ids = append(ids, one.id)
	}
	return ids
}

// TestARotationThatEndsUnclearIsDoneAgain has the database not answer when the key is to
// be changed: whether it was nobody knows then.
func TestARotationThatEndsUnclearIsDoneAgain(t *testing.T) {
	t.Parallel()
	k, url, opened := serversKeys(t)
	old := k.ring.Current()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), "SELECT pg_advisory_lock(hashtextextended('sealing_key', 0))"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second) // MustBeAlone takes one
	defer cancel()
	if err := k.Rotate(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("it ends with %v", err)
	}
	conn.Close(t.Context())
	ids := keysOf(t, k)
	if len(ids) != 2 || ids[1] != old {
		t.Errorf("the file has %v: whoever starts with it is to have the new key before %s", ids, old)
	}
	if err := k.Rotate(t.Context()); err != nil {
		t.Fatalf("again: %v", err)
	}
	if again := keysOf(t, k); len(again) != 2 || again[0] != ids[0] {
		t.Errorf("the file has %v, want %v", again, ids)
	}
	k.database.store.Close()
	k = opened()
	if v, err := k.database.sealing(t.Context()); err != nil || v.Key != ids[0] || v.Next != "" {
		t.Errorf("it is sealed so: %+v, %v", v, err)
	}
}

// TestANewKeyThatANodeHasNotStaysBehind has a node join when a key was just made.
func TestANewKeyThatANodeHasNotStaysBehind(t *testing.T) {
	t.Parallel()
	k, _, opened := serversKeys(t)
	old := k.ring.Current()
	other := opened().database.store.(*postgres.Store)
	if err := other.Join(t.Context(), "other"); err != nil {
		t.Fatal(err)
	}
	var lack *postgres.LackError
	if err := k.makeNext(t.Context()); !errors.As(err, &lack) {
		t.Fatalf("it ends with %v", err)
	}
	if ids := keysOf(t, k); len(ids) != 2 || ids[0] != old || ids[1] != lack.Key {
		t.Errorf("the file has %v, want %s and then %s", ids, old, lack.Key)
	}
	if v, err := k.database.sealing(t.Context()); err != nil || v.Key != old || v.Next != "" {
		t.Errorf("it is sealed so: %+v, %v", v, err)
	}
}
