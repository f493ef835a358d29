package main

import (
	"context"
	"errors"
	"strings"

	"github.com/fanfarehq/fanfare/internal/api"
	"github.com/fanfarehq/fanfare/postgres"
	"github.com/fanfarehq/fanfare/seal"
	"github.com/fanfarehq/fanfare/sqlite"
)

// Rotate implements [api.Secrets]. A key that was given to all servers seals from now
// on. What was broken off goes on. Otherwise a server that is alone makes a new key, if
// it has a file of them.
func (k *secretsKeys) Rotate(ctx context.Context) error {
	k.rotating.Lock()
	defer k.rotating.Unlock()
	err := k.rotate(ctx)
	var lack *postgres.LackError
	switch {
	case errors.As(err, &lack):
		return k.notAll(lack.Key, lack.Nodes)
	case errors.Is(err, postgres.ErrResealing), errors.Is(err, sqlite.ErrResealing):
		return &api.NotNowError{Reason: sqlite.ErrResealing.Error() + "."}
	case errors.Is(err, postgres.ErrOthers):
		return &api.NotNowError{Reason: "Every server on this database needs the new key before it seals: put one before the present one in " + k.where() + ` of each ("openssl rand -base64 32" makes one), start them again one after the other, and then rotate.`}
	}
	return err
}

// notAll says what to do before a key can seal.
func (k *secretsKeys) notAll(key string, servers []string) error {
	return &api.NotNowError{Reason: "The key " + key + " is not the first one of " + strings.Join(servers, " and ") + ": put it before the others in " + k.where() +
		" of each server, start those again one after the other, and then rotate. One that was killed is counted for ten seconds more."}
}

func (k *secretsKeys) rotate(ctx context.Context) error {
	sealing, err := k.database.sealing(ctx)
	shared := k.database.alone != nil
	switch {
	case err != nil:
		return err
	case sealing.Next != "" && len(sealing.Lacking) == 0:
		return k.sealWith(ctx, sealing.Next)
	case shared && len(sealing.Old) > 0:
		return k.sealWith(ctx, sealing.Key)
	case sealing.Next != "":
		return k.notAll(sealing.Next, sealing.Lacking)
	case len(sealing.Old) > 0 && sealing.Err == nil:
		return sqlite.ErrResealing
	}
	then := "and start the server again."
	if shared {
		then = "start the server again, and then rotate."
		if err := k.database.alone(ctx); err != nil {
			return err
		}
	}
	if k.path == "" {
		return &api.NotNowError{Reason: "The keys are in " + secretsKeyVariable + ": put a new one and a comma before the present one there, " + then}
	}
	return k.makeNext(ctx)
}

// sealWith has one of the keys seal, and goes on to reseal everything.
func (k *secretsKeys) sealWith(ctx context.Context, id string) error {
	ring, err := k.ring.Using(id)
	if err != nil {
		return err
	}
	return k.database.rekey(ctx, ring)
}

// makeNext makes a new key. It is in the file before anything is sealed with it; the old
// ones stay there, since copies of the database need them. Where nobody knows whether the
// database has taken the key, it stays the first one: rotating again finishes it.
func (k *secretsKeys) makeNext(ctx context.Context) error {
	before, err := readKeyFile(k.path)
	if err != nil {
		return err
	}
	next := seal.NewKey()
	after := withKey(before, next)
	ring, err := seal.ParseRing(after)
	if err != nil {
		return &api.NotNowError{Reason: k.path + ": " + err.Error() + "."}
	}
	if err := writeKeyFile(k.path, after); err != nil {
		return err
	}
	k.ring = ring
	err = k.database.rekey(ctx, ring)
	var lack *postgres.LackError
	if errors.As(err, &lack) { // it seals nothing, and is to be given to others first
		return errors.Join(err, writeKeyFile(k.path, strings.TrimRight(before, "\n")+"\n"+next.Text()+"\n"))
	}
	return err
}

// withKey is the text of a file of keys with one more, before the others.
func withKey(text string, next seal.Key) string {
	var head strings.Builder
	rest := text
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			break
		}
		head.WriteString(line)
		rest = rest[len(line):]
	}
	return head.String() + next.Text() + "\n" + rest
}
