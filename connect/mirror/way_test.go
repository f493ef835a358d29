package mirror_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/mirror"
)

// TestTheWayOutFindsTheHost has the name of the host come to the way out as it stands in
// the config, for it to judge; whatever the environment says of other servers.
func TestTheWayOutFindsTheHost(t *testing.T) {
	for name, value := range map[string]string{"PGHOST": "127.0.0.1", "PGHOSTADDR": "127.0.0.1", "PGPORT": "1", "PGSSLMODE": "prefer", "PGSERVICEFILE": "/nowhere", "PGTARGETSESSIONATTRS": "read-write"} {
		t.Setenv(name, value)
	}
	denied := errors.New("not allowed there")
	for kind, c := range map[string]fanfare.Connector{"postgres": mirror.PostgreSQL(), "mysql": mirror.MySQL()} {
		var asked []string
		sink, err := c.New([]byte(`{"host":"db.example.com","port":7000,"user":"u","password":"p","database":"d","table":"t"}`), fanfare.Way{
			Logger: slog.New(slog.DiscardHandler),
			Dial: func(_ context.Context, network, address string) (net.Conn, error) {
				asked = append(asked, network+" "+address)
				return nil, denied
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = sink.Send(t.Context(), connecttest.Message("a.b", `{"id":1}`))
		if !errors.Is(err, denied) {
			t.Errorf("%s: %v", kind, err)
		}
		if asked = slices.Compact(asked); len(asked) != 1 || asked[0] != "tcp db.example.com:7000" {
			t.Errorf("%s: dialled %q", kind, asked)
		}
		if err := sink.Close(); err != nil {
			t.Error(err)
		}
		if got := sink.Target(); got != "t at db.example.com:7000/d" {
			t.Errorf("%s: %s", kind, got)
		}
	}
}
