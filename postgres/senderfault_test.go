//go:build linux

package postgres_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/postgres"
)

// TestWhoPollsMissesNothingOfTransactions polls while transactions that have sent stay
// open for longer than it takes others to send and be read, at each isolation.
func TestWhoPollsMissesNothingOfTransactions(t *testing.T) {
	t.Parallel()
	url := database(t)
	nodes := []*nodeUnderTest{startNode(t, url, "a"), startNode(t, url, "b")}
	shares(t, nodes[0], 2)
	app := acme(t, nodes[0].hub, &ledger{}, 0)
	ep := &fanfare.Endpoint{Application: app.ID, Kind: fanfare.KindPoller}
	if err := nodes[0].hub.CreateEndpoint(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	const each = 8
	sender := postgres.NewSender(nil)
	var all sync.WaitGroup
	for _, level := range []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead, pgx.ReadCommitted} {
		all.Go(func() {
			conn, err := pgx.Connect(t.Context(), url)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close(context.WithoutCancel(t.Context()))
			for range each / 2 {
				err := pgx.BeginTxFunc(t.Context(), conn, pgx.TxOptions{IsoLevel: level}, func(tx pgx.Tx) error {
					for range 2 {
						if _, err := sender.In(tx).Send(t.Context(), "acme", "a.b", 1); err != nil {
							return err
						}
						time.Sleep(900 * time.Millisecond)
					}
					return nil
				})
				if err != nil {
					t.Errorf("%s: %v", level, err)
				}
			}
		})
	}
	ended := make(chan bool)
	sent := 0
	all.Go(func() {
		for {
			if _, err := nodes[1].hub.Send(t.Context(), "acme", "a.b", 2); err != nil {
				t.Error(err)
			}
			sent++
			select {
			case <-ended:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	time.AfterFunc(8*time.Second, func() { close(ended) })
	done := make(chan bool)
	go func() { all.Wait(); close(done) }()
	var after fanfare.MessageID
	seen, waiting := 0, true
	for deadline := time.Now().Add(2 * time.Minute); waiting || seen < 3*each+sent; {
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d messages could be polled", seen, 3*each+sent)
		}
		p, err := nodes[0].hub.Poller(t.Context(), string(app.ID), string(ep.ID))
		if err != nil {
			t.Fatal(err)
		}
		batch, err := p.Read(t.Context(), fanfare.PollQuery{After: after, Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		for _, msg := range batch.Messages {
			if msg.ID <= after {
				t.Fatalf("message %s came behind %s", msg.ID, after)
			}
			after = msg.ID
			seen++
		}
		select {
		case <-done:
			waiting = false
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// sendVariable has this program send a message to the database of that URL, be killed
// while it commits, and do nothing else.
const sendVariable = "FANFARE_TEST_SEND"

func init() {
	url := os.Getenv(sendVariable)
	if url == "" {
		return
	}
	ctx := context.Background()
	err := func() error {
		conn, err := pgx.Connect(ctx, url)
		if err != nil {
			return err
		}
		tx, err := conn.Begin(ctx)
		if err != nil {
			return err
		}
		name := fmt.Sprint(os.Getpid())
		if _, err := tx.Exec(ctx, "INSERT INTO record (name) VALUES ($1)", name); err != nil {
			return err
		}
		if _, err := postgres.NewSender(nil).In(tx).Send(ctx, "acme", "record.created", []byte(name)); err != nil {
			return err
		}
		conn.PgConn().Frontend().Send(&pgproto3.Query{String: "COMMIT"})
		if err := conn.PgConn().Frontend().Flush(); err != nil {
			return err
		}
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}()
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// TestWhatAKilledProgramCommittedIsDelivered kills programs in the moment in which they
// commit. The nodes hear nothing, and find what there is by looking.
func TestWhatAKilledProgramCommittedIsDelivered(t *testing.T) {
	t.Parallel()
	url := database(t)
	deaf := &postgres.Options{Listen: server.URL("postgres")} // where nothing is told
	sink := newLedger(t)
	nodes := []*nodeUnderTest{startNodeWith(t, url, "a", deaf), startNodeWith(t, url, "b", deaf), startNodeWith(t, url, "c", deaf)}
	shares(t, nodes[0], 3)
	const endpoints, programs = 4, 8
	acme(t, nodes[0].hub, sink, endpoints)
	execute(t, url, "CREATE TABLE record (name text NOT NULL)")
	for range programs {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), sendVariable+"="+url+"&application_name=killed")
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState.ExitCode() != -1 {
			t.Fatalf("the program was not killed: %v, %s", err, out)
		}
	}
	waitFor(t, url, "SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'killed'") // it has seen the last COMMIT
	var committed []string
	row(t, url, "SELECT array_agg(name ORDER BY name) FROM record", &committed)
	if len(committed) < programs/2 {
		t.Fatalf("%d of %d programs have committed: too few for this to be a test", len(committed), programs)
	}
	sink.await(t, len(committed)*endpoints, time.Minute)
	time.Sleep(200 * time.Millisecond)
	sink.mu.Lock()
	defer sink.mu.Unlock()
	for i := range endpoints {
		if got := slices.Sorted(slices.Values(sink.seen[fmt.Sprintf("/%d", i)])); !slices.Equal(got, committed) {
			t.Errorf("endpoint %d was sent %v, want %v", i, got, committed)
		}
	}
}

// TestATransactionThatHasSentHoldsUpNobody has one stay open while others send to the
// same endpoints, which are changed, and debounced.
func TestATransactionThatHasSentHoldsUpNobody(t *testing.T) {
	t.Parallel()
	url := database(t)
	sink := newLedger(t)
	node := startNode(t, url, "a")
	shares(t, node, 1)
	app := acme(t, node.hub, sink, 2)
	calm := &fanfare.Endpoint{Application: app.ID, UID: "calm", URL: sink.URL + "/calm", Debounce: 2 * time.Second}
	if err := node.hub.CreateEndpoint(t.Context(), calm); err != nil {
		t.Fatal(err)
	}
	send := func(send func(context.Context, string, string, any) (*fanfare.Message, error), n int) {
		t.Helper()
		if _, err := send(t.Context(), "acme", "a.b", n); err != nil {
			t.Fatal(err)
		}
	}
	send(node.hub.Send, 1)
	deleted := make(chan error, 1)
	p := &program{t, url, false, postgres.NewSender(nil)}
	err := p.within(func(v *postgres.Sending) error {
		send(v.Send, 2)
		begun := time.Now()
		send(node.hub.Send, 3)
		calm.Description = "changed"
		if err := node.hub.UpdateEndpoint(t.Context(), calm); err != nil {
			t.Error(err)
		}
		app.Name = "changed"
		if err := node.hub.UpdateApplication(t.Context(), app); err != nil {
			t.Error(err)
		}
		sink.await(t, 2*2+1, time.Minute)                     // of the calm one, which replaced the first
		if took := time.Since(begun); took > 15*time.Second { // the other waits for as long as it is open
			t.Errorf("others were held up for %v", took)
		}
		go func() { deleted <- node.hub.DeleteEndpoint(context.WithoutCancel(t.Context()), app.ID, calm.ID) }()
		select {
		case err := <-deleted:
			t.Errorf("an endpoint was deleted that a delivery is yet to come to: %v", err)
		case <-time.After(500 * time.Millisecond):
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-deleted; err != nil {
		t.Error(err)
	}
	waitFor(t, url, "SELECT count(*) = 0 FROM delivery WHERE endpoint NOT IN (SELECT id FROM endpoint)")
	sink.await(t, 3*2+1, time.Minute)
}

// TestFanfareInASchemaOfItsOwn sends in transactions that look for their tables
// elsewhere, where one has the name of one of Fanfare's.
func TestFanfareInASchemaOfItsOwn(t *testing.T) {
	t.Parallel()
	url, err := server.Database(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sender := postgres.NewSender(nil)
	for _, way := range []bool{false, true} {
		p := &program{t, url, way, sender}
		err := p.within(func(v *postgres.Sending) error {
			_, err := v.Send(t.Context(), "acme", "a.b", 1)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "there are no tables of Fanfare where this transaction looks for them") {
			t.Errorf("sql %t: with no tables: %v", way, err)
		}
	}
	execute(t, url, `CREATE SCHEMA "its own"; CREATE TABLE message (text text); CREATE TABLE application (text text)`)
	hub := fanfare.New(openAt(t, url+`&search_path=%22its%20own%22`, nil), nil)
	app := acme(t, hub, &ledger{}, 0)
	for i, way := range []bool{false, true} {
		p := &program{t, url, way, postgres.NewSender(&postgres.SenderOptions{Schema: "its own"})}
		err := p.within(func(v *postgres.Sending) error {
			_, err := v.Send(t.Context(), "acme", "a.b", i)
			if err == nil {
				_, err = v.Send(t.Context(), "acme", "a.b", i)
			}
			return err
		})
		if err != nil {
			t.Errorf("sql %t: %v", way, err)
		}
	}
	if msgs, err := hub.Messages(t.Context(), app.ID, fanfare.MessageFilter{Page: fanfare.Page{Limit: 9}}); err != nil || len(msgs) != 4 {
		t.Errorf("there are %d messages (%v), want 4", len(msgs), err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	err = pgx.BeginFunc(t.Context(), conn, func(tx pgx.Tx) error {
		if _, err := postgres.NewSender(&postgres.SenderOptions{Schema: "its own"}).In(tx).Send(t.Context(), "acme", "a.b", 1); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), "INSERT INTO message (text) VALUES ('mine')")
		return err
	})
	if err != nil {
		t.Errorf("afterwards the transaction does not find its own tables: %v", err)
	}
}
