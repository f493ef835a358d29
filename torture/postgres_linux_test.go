package torture

import (
	"cmp"
	"testing"

	"github.com/fanfarehq/fanfare/internal/pgtest"
)

// TestKillOnPostgreSQL does the same to a server whose database is elsewhere.
func TestKillOnPostgreSQL(t *testing.T) {
	long(t, *killsFlag > 0)
	t.Parallel()
	url, err := pgtest.Start(t).Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	killing(t, url, min(cmp.Or(*killsFlag, 3), 3))
}
