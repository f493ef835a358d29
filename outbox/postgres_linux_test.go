package outbox_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/fanfarehq/fanfare/internal/pgtest"
)

func TestMain(m *testing.M) {
	code := 1
	if server, err := pgtest.Run("fsync = off"); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		newDatabase = server.Database
		code = m.Run()
		server.Stop()
	}
	os.Exit(code)
}
