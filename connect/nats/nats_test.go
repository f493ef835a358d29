package nats

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
)

// greet is a server that says what it must for a client to be connected, and is never
// heard of again: as one whose machine has gone. See compat/nats for NATS itself.
func greet(conn net.Conn) {
	_, _ = fmt.Fprint(conn, "INFO {\"max_payload\":1048576,\"headers\":true,\"proto\":1}\r\n")
	lines := bufio.NewScanner(conn)
	for answered := false; lines.Scan(); {
		if lines.Text() == "PING" && !answered {
			answered = true
			_, _ = fmt.Fprint(conn, "PONG\r\n")
		}
	}
}

// TestGone sees how long a connection is used whose other side has gone without a word.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialled := 0
		way := fanfare.Way{Logger: slog.New(slog.DiscardHandler), Dial: func(context.Context, string, string) (net.Conn, error) {
			dialled++
			here, there := net.Pipe()
			go greet(there)
			return here, nil
		}}
		sink, err := Connector().New([]byte(`{"servers":"nats.test","subject":"orders"}`), way)
		if err != nil {
			t.Fatal(err)
		}
		defer sink.Close()
		begun := time.Now()
		for dialled < 2 && time.Since(begun) < 10*time.Minute {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			if reply, err := sink.Send(ctx, connecttest.Message("a.b", `{}`)); err == nil || !strings.Contains(err.Error(), "deadline") && !strings.Contains(err.Error(), "closed") {
				t.Errorf("%+v, %v", reply, err)
			}
			cancel()
		}
		if spent := time.Since(begun); spent > 70*time.Second {
			t.Errorf("another connection was made after %s", spent)
		}
	})
}
