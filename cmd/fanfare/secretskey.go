package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/fanfarehq/fanfare/internal/api"
	"github.com/fanfarehq/fanfare/seal"
	"github.com/fanfarehq/fanfare/sqlite"
)

// secretsKeyFile is the name of the file of keys that is made in the folder of the
// data.
const secretsKeyFile = "secrets.key"

// secretsKeyVariable names the environment variable that may have the keys instead.
const secretsKeyVariable = "FANFARE_SECRETS_KEY"

const aboutKeyFile = `# The keys that the secrets in Fanfare's database are sealed with, the one to seal with first.
# Keep a copy of this file, apart from copies of the database: without it they are lost.
`

// secretsKeys are the keys that seal the secrets of a server's database, and where
// they are kept.
type secretsKeys struct {
	path string // of their file; "" if the environment has them
	made bool   // now: there was no file

	rotating sync.Mutex // held by the one rotation there is at a time
	ring     *seal.Ring
	database *database // once it is open
}

// findSecretsKeys settles the keys of a database: those of the environment, else
// those of the file that was named, else those of the one beside the database,
// which is made unless the database is sealed already. One that several servers
// share has no such place: data is "".
func findSecretsKeys(given, file, data string) (*secretsKeys, error) {
	switch {
	case given != "" && file != "":
		return nil, usagef("the keys of the secrets are given by both --secrets-key-file and %s; leave one out", secretsKeyVariable)
	case given != "":
		ring, err := seal.ParseRing(given)
		if err != nil {
			return nil, usagef("%s: %w", secretsKeyVariable, err)
		}
		return &secretsKeys{ring: ring}, nil
	case file == "" && data == "":
		return nil, usagef(`with --database the keys of the secrets must be given, the same ones to every server on that database: in %s, or in a file that --secrets-key-file names; "openssl rand -base64 32" makes one`, secretsKeyVariable)
	}
	k := &secretsKeys{path: file}
	if file == "" {
		k.path = filepath.Join(data, secretsKeyFile)
	}
	text, err := readKeyFile(k.path)
	if errors.Is(err, fs.ErrNotExist) && data == "" {
		return nil, k.noFile()
	}
	if errors.Is(err, fs.ErrNotExist) {
		return k, k.make(filepath.Join(data, databaseFile), file == "")
	}
	if err != nil {
		return nil, err
	}
	if k.ring, err = seal.ParseRing(text); err != nil {
		return nil, fmt.Errorf("%s: %w", k.path, err)
	}
	return k, nil
}

// make makes a first key and its file.
func (k *secretsKeys) make(database string, usual bool) error {
	ids, err := sqlite.SealedBy(database)
	switch {
	case err != nil:
		return err
	case len(ids) > 0:
		return fmt.Errorf("the secrets in %s are sealed with the key %s, and there is no file %s; put back the file of keys the database was used with, or name it with --secrets-key-file",
			database, strings.Join(ids, " and "), k.path)
	case !usual:
		return fmt.Errorf("%w, or leave --secrets-key-file out and one is made", k.noFile())
	}
	k.ring, k.made = seal.NewRing(seal.NewKey()), true
	return writeKeyFile(k.path, aboutKeyFile+k.ring.Text())
}

func (k *secretsKeys) noFile() error {
	return fmt.Errorf(`there is no file %s; make one with "openssl rand -base64 32" that only you can read`, k.path)
}

// maxKeyFile bounds what is read of a file of keys.
const maxKeyFile = 64 << 10

// readKeyFile reads a file that nobody else may read.
func readKeyFile(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return "", fmt.Errorf(`others may read or change %s (its mode is %04o); make it yours alone with "chmod 600 %s"`, path, mode, path)
	}
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile))
	return string(text), err
}

// writeKeyFile replaces a file as a whole, and returns once it would outlast the
// machine's stopping.
func writeKeyFile(path, text string) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), ".secrets-*") // which no one else may read
	if err != nil {
		return fmt.Errorf("the file of keys: %w", err)
	}
	defer func() {
		if err != nil {
			file.Close()
			os.Remove(file.Name())
		}
	}()
	if _, err := file.WriteString(text); err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// where says where the keys are.
func (k *secretsKeys) where() string {
	if k.path == "" {
		return secretsKeyVariable
	}
	return k.path
}

// Sealing implements [api.Secrets].
func (k *secretsKeys) Sealing(ctx context.Context) (api.Sealing, error) {
	return k.database.sealing(ctx)
}
