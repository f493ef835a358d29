package post_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare/internal/memnet"
	"github.com/fanfarehq/fanfare/internal/post"
)

// A visit is one request as a receiver saw it.
type visit struct {
	conn int // which connection it came on, the first is 0
	body string
}

// A receiver reads requests off a listener and lets a function answer them as it
// likes, byte for byte.
type receiver struct {
	answer func(c net.Conn, v visit)

	mu     sync.Mutex
	visits []visit
	conns  []net.Conn
	open   int
	wg     sync.WaitGroup
}

// receive starts a receiver. It ends with stop, which the test must have called
// before its bubble ends.
func receive(l net.Listener, answer func(c net.Conn, v visit)) (rcv *receiver, stop func()) {
	rcv = &receiver{answer: answer}
	rcv.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			rcv.mu.Lock()
			n := len(rcv.conns)
			rcv.conns = append(rcv.conns, c)
			rcv.open++
			rcv.mu.Unlock()
			rcv.wg.Go(func() { rcv.serve(c, n) })
		}
	})
	return rcv, func() {
		l.Close()
		rcv.mu.Lock()
		for _, c := range rcv.conns {
			c.Close()
		}
		rcv.mu.Unlock()
		rcv.wg.Wait()
	}
}

func (rcv *receiver) serve(c net.Conn, n int) {
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			break
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			break
		}
		v := visit{n, string(body)}
		rcv.mu.Lock()
		rcv.visits = append(rcv.visits, v)
		rcv.mu.Unlock()
		rcv.answer(c, v)
	}
	rcv.mu.Lock()
	rcv.open--
	rcv.mu.Unlock()
}

// seen returns the requests so far.
func (rcv *receiver) seen() []visit {
	rcv.mu.Lock()
	defer rcv.mu.Unlock()
	return slices.Clone(rcv.visits)
}

// opened returns how many connections there were, and how many there still are.
func (rcv *receiver) opened() (ever, now int) {
	rcv.mu.Lock()
	defer rcv.mu.Unlock()
	return len(rcv.conns), rcv.open
}

func say(text string) func(net.Conn, visit) {
	return func(c net.Conn, _ visit) { io.WriteString(c, text) }
}

// echo answers with the body it got.
func echo(c net.Conn, v visit) { io.WriteString(c, ok(v.body)) }

// A world is a network in memory, a client in it and a receiver at host:80.
type world struct {
	network *memnet.Network
	client  *post.Client
	*receiver
	start time.Time
}

const host = "host:80"

// inBubble runs f on a fake clock with a receiver that answers so.
func inBubble(t *testing.T, answer func(net.Conn, visit), f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{network: memnet.New(), start: time.Now()}
		w.client = &post.Client{Dial: w.network.DialContext}
		l, err := w.network.Listen(host)
		if err != nil {
			t.Fatal(err)
		}
		var stop func()
		w.receiver, stop = receive(l, answer)
		defer stop()
		defer w.client.CloseIdle()
		f(t, w)
	})
}

// post sends body with ten seconds to go.
func (w *world) post(ctx context.Context, body string) (*post.Response, error) {
	return w.client.Post(ctx, time.Now().Add(10*time.Second), target("http://host/"), nil, []byte(body))
}

func target(raw string) *post.Target {
	u, err := url.Parse(raw)
	if err != nil {
		panic(err)
	}
	return post.NewTarget(u, nil)
}
