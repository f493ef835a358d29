package nats

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
)

// greet is a server that says what it must for a client to be connected, and nothing
// else. See compat/nats for NATS itself.
func greet(conn net.Conn) *bufio.Scanner {
	_, _ = fmt.Fprint(conn, "INFO {\"max_payload\":67108864,\"headers\":true,\"proto\":1}\r\n")
	lines := bufio.NewScanner(conn)
	for lines.Scan() && lines.Text() != "PING" {
	}
	_, _ = fmt.Fprint(conn, "PONG\r\n")
	return lines
}

// vanish reads on and is never heard of again, as one whose machine has gone.
func vanish(conn net.Conn) {
	for lines := greet(conn); lines.Scan(); {
	}
}

// TestGone sees how long a connection is used whose other side has gone without a word.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialled := 0
		way := fanfare.Way{Logger: slog.New(slog.DiscardHandler), Dial: func(context.Context, string, string) (net.Conn, error) {
			dialled++
			here, there := net.Pipe()
			go vanish(there)
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

// TestAServerThatReadsNoMore sees for how long who sends to one is held up: those whose
// message fills what there is between the two, and those behind them.
func TestAServerThatReadsNoMore(t *testing.T) {
	for _, mode := range []string{jetStream, core} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			server, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			go func() {
				for conn, err := server.Accept(); err == nil; conn, err = server.Accept() {
					defer conn.Close()
					greet(conn)
				}
			}()
			way := fanfare.Way{Logger: slog.New(slog.DiscardHandler), Dial: (&net.Dialer{}).DialContext}
			sink, err := Connector().New(fmt.Appendf(nil, `{"servers":%q,"subject":"orders","mode":%q}`, server.Addr(), mode), way)
			if err != nil {
				t.Fatal(err)
			}
			defer sink.Close()
			msg := connecttest.Message("a.b", strings.Repeat("x", 32<<20))
			var sending sync.WaitGroup
			for range 2 {
				sending.Go(func() {
					ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
					defer cancel()
					begun := time.Now()
					reply, err := sink.Send(ctx, msg)
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("%+v, %v", reply, err)
					}
					if spent := time.Since(begun); spent > reads/2 {
						t.Errorf("it took %s", spent)
					}
				})
			}
			sending.Wait()
		})
	}
}
