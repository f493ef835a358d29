//go:build linux

package postgres_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/postgres"
)

// TestBehindAPooler uses a store through a pooler that gives every transaction another
// connection, and sees that a client which prepares statements fails there.
func TestBehindAPooler(t *testing.T) {
	t.Parallel()
	url := database(t)
	port := pool(t, url)
	direct, rest, _ := strings.Cut(url, "/test_")
	through := direct[:strings.LastIndexByte(direct, ':')+1] + port + "/test_" + rest
	s := newShop(t, openAt(t, through+"&default_query_exec_mode=cache_describe", nil), 3)
	var wg sync.WaitGroup
	for c := range 6 {
		wg.Go(func() {
			for i := range int64(20) {
				in := s.intake(i)
				in.Message.Tags = []string{"a", `"b"`}
				if c%2 == 0 {
					in.Message.EventID = string(in.Message.ID)
				}
				if err := s.acceptErr(in); err != nil || in.Err != nil {
					t.Errorf("accepting: %v, %v", err, in.Err)
				}
				if err := s.recordErr(in); err != nil {
					t.Errorf("recording: %v", err)
				}
				found, err := s.store.Attempts(t.Context(), s.app, fanfare.AttemptFilter{Message: in.Message.ID, Page: fanfare.Page{Limit: 3}})
				if err != nil || len(found) != 1 {
					t.Errorf("there are %d attempts (%v), want 1", len(found), err)
				}
			}
		})
	}
	wg.Wait()
	conn, err := pgconn.Connect(t.Context(), through)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Prepare(t.Context(), "one", "SELECT 1", nil); err != nil {
		t.Fatal(err)
	}
	if r := conn.ExecPrepared(t.Context(), "one", nil, nil, nil).Read(); r.Err == nil {
		t.Error("a statement that was prepared outlasted its transaction: this is no pooler")
	}
}

// pool starts a pooler in front of a database and returns its port.
func pool(t *testing.T, url string) string {
	t.Helper()
	const connections = 4
	free := make(chan *pgconn.HijackedConn, connections)
	for range connections {
		conn, err := pgconn.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		hijacked, err := conn.Hijack()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { hijacked.Conn.Close() })
		free <- hijacked
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var clients sync.WaitGroup
	t.Cleanup(func() { l.Close(); clients.Wait() })
	clients.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			clients.Go(func() {
				defer client.Close()
				_ = serve(pgproto3.NewBackend(client, client), free) // it ends when the client goes
			})
		}
	})
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// serve passes what a client asks to a server that is free, until its transaction is
// over.
func serve(client *pgproto3.Backend, free chan *pgconn.HijackedConn) error {
	if _, err := client.ReceiveStartupMessage(); err != nil {
		return err
	}
	client.Send(&pgproto3.AuthenticationOk{})
	client.Send(&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"})
	client.Send(&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"})
	client.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
	client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if err := client.Flush(); err != nil {
		return err
	}
	for {
		asked, err := client.Receive()
		if _, ends := asked.(*pgproto3.Terminate); err != nil || ends {
			return err
		}
		server := <-free
		err = transact(client, server, asked)
		free <- server
		if err != nil {
			return err
		}
	}
}

func transact(client *pgproto3.Backend, server *pgconn.HijackedConn, asked pgproto3.FrontendMessage) (err error) {
	for over := false; !over; {
		server.Frontend.Send(asked)
		_, syncs := asked.(*pgproto3.Sync)
		_, queries := asked.(*pgproto3.Query)
		if syncs || queries {
			if err := server.Frontend.Flush(); err != nil {
				return err
			}
			if over, err = answer(client, server); over || err != nil {
				return err
			}
		}
		if asked, err = client.Receive(); err != nil {
			return err
		}
	}
	return nil
}

// answer passes on what the server answers, and reports whether no transaction is open
// after it.
func answer(client *pgproto3.Backend, server *pgconn.HijackedConn) (over bool, err error) {
	for {
		said, err := server.Frontend.Receive()
		if err != nil {
			return false, err
		}
		client.Send(said)
		if ready, ok := said.(*pgproto3.ReadyForQuery); ok {
			return ready.TxStatus == 'I', client.Flush()
		}
	}
}

// TestTheListenerSaysThatAPoolerKeepsNewsFromIt hears through a pooler that gives every
// transaction another connection, and then past it.
func TestTheListenerSaysThatAPoolerKeepsNewsFromIt(t *testing.T) {
	t.Parallel()
	url := database(t)
	port := pool(t, url)
	direct, rest, _ := strings.Cut(url, "/test_")
	through := direct[:strings.LastIndexByte(direct, ':')+1] + port + "/test_" + rest + "&default_query_exec_mode=cache_describe"
	deaf := openAt(t, through, nil)
	if _, err := deaf.Hear(t.Context()); err == nil || !strings.Contains(err.Error(), "pooler in transaction mode") {
		t.Errorf("behind a pooler: %v", err)
	}
	again, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := deaf.Hear(again); err != nil {
		t.Errorf("it is said twice: %v", err)
	}
	past, err := postgres.Open(t.Context(), through, &postgres.Options{Listen: url})
	if err != nil {
		t.Fatal(err)
	}
	defer past.Close()
	if _, err := past.Hear(t.Context()); err != nil {
		t.Errorf("past the pooler: %v", err)
	}
	if err := deaf.Join(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if news, err := past.Hear(t.Context()); err != nil || !news.Renew {
		t.Errorf("past the pooler came %+v, %v", news, err)
	}
}
