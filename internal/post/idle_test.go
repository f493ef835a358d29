package post_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare/internal/memnet"
	"github.com/fanfarehq/fanfare/internal/post"
)

func TestTheConnectionUsedLastIsUsedNext(t *testing.T) {
	answer := func(c net.Conn, v visit) {
		switch v.body {
		case "slow":
			time.Sleep(2 * time.Second)
		case "quick":
			time.Sleep(time.Second)
		}
		echo(c, v)
	}
	inBubble(t, answer, func(t *testing.T, w *world) {
		go w.post(t.Context(), "slow")
		synctest.Wait()
		go w.post(t.Context(), "quick")
		time.Sleep(3 * time.Second)
		w.post(t.Context(), "next")
		w.post(t.Context(), "and next")
		want := []visit{{0, "slow"}, {1, "quick"}, {0, "next"}, {0, "and next"}}
		if got := w.seen(); !slices.Equal(got, want) {
			t.Errorf("the receiver saw %v, want %v", got, want)
		}
	})
}

func TestAConnectionRestsForThirtySeconds(t *testing.T) {
	inBubble(t, echo, func(t *testing.T, w *world) {
		w.post(t.Context(), "0s")
		time.Sleep(10 * time.Second)
		w.post(t.Context(), "10s")
		for _, step := range []struct {
			until time.Duration
			open  int
		}{{40*time.Second - 1, 1}, {40 * time.Second, 0}} {
			time.Sleep(step.until - time.Since(w.start))
			synctest.Wait()
			if ever, now := w.opened(); ever != 1 || now != step.open {
				t.Errorf("after %v there are %d connections of %d, want %d of 1", step.until, now, ever, step.open)
			}
		}
		w.post(t.Context(), "40s")
		time.Sleep(30*time.Second - 1)
		w.post(t.Context(), "70s")
		time.Sleep(20 * time.Second)
		if ever, now := w.opened(); ever != 2 || now != 1 {
			t.Errorf("there are %d connections of %d, want 1 of 2", now, ever)
		}
	})
}

func TestTheUnusedEndWhileOthersAreUsed(t *testing.T) {
	answer := func(c net.Conn, v visit) { time.Sleep(time.Second); echo(c, v) }
	inBubble(t, answer, func(t *testing.T, w *world) {
		for range 3 {
			go w.post(t.Context(), "at once")
		}
		time.Sleep(2 * time.Second)
		for range 10 { // one after the other, four seconds apart
			w.post(t.Context(), "x")
			time.Sleep(3 * time.Second)
		}
		if ever, now := w.opened(); ever != 3 || now != 1 {
			t.Errorf("there are %d connections of %d, want 1 of 3", now, ever)
		}
	})
}

func TestCloseIdle(t *testing.T) {
	answer := func(c net.Conn, v visit) { time.Sleep(time.Second); echo(c, v) }
	inBubble(t, answer, func(t *testing.T, w *world) {
		for range 3 {
			go w.post(t.Context(), "at once")
		}
		time.Sleep(1500 * time.Millisecond)
		go w.post(t.Context(), "under way")
		synctest.Wait()
		w.client.CloseIdle()
		synctest.Wait()
		if ever, now := w.opened(); ever != 3 || now != 1 {
			t.Errorf("there are %d connections of %d, want 1 of 3", now, ever)
		}
		time.Sleep(2 * time.Second)
		if res, err := w.post(t.Context(), "after"); err != nil || string(res.Body) != "after" {
			t.Errorf("after CloseIdle: %+v, %v", res, err)
		}
		time.Sleep(time.Minute)
		if ever, now := w.opened(); ever != 3 || now != 0 {
			t.Errorf("there are %d connections of %d, want 0 of 3", now, ever)
		}
	})
}

func TestHowManyConnectionsRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		client := &post.Client{Dial: network.DialContext}
		l, err := network.Listen(":80")
		if err != nil {
			t.Fatal(err)
		}
		rcv, stop := receive(l, func(c net.Conn, v visit) { time.Sleep(time.Second); echo(c, v) })
		defer stop()
		visit := func(place string, n int) {
			to := target("http://" + place + "/")
			for range n {
				go client.Post(t.Context(), time.Now().Add(10*time.Second), to, nil, nil)
			}
			time.Sleep(2 * time.Second)
		}
		visit("a", 300)
		if ever, now := rcv.opened(); ever != 300 || now != 256 {
			t.Errorf("%d of %d rest, want 256 of 300", now, ever)
		}
		for i := range 8 {
			visit(fmt.Sprint("b", i), 256)
		}
		if _, now := rcv.opened(); now != 2048 {
			t.Errorf("%d rest, want 2048 in all", now)
		}
		time.Sleep(time.Minute)
		if _, now := rcv.opened(); now != 0 {
			t.Errorf("%d rest a minute later, want none", now)
		}
		for range 2 { // what ended is not counted
			for i := range 9 {
				visit(fmt.Sprint("c", i), 256)
			}
			if _, now := rcv.opened(); now != 2048 {
				t.Errorf("%d rest, want 2048 again", now)
			}
			client.CloseIdle()
		}
	})
}

func TestPlacesShareNoConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := memnet.New()
		client := &post.Client{Dial: network.DialContext}
		defer client.CloseIdle()
		for _, addr := range []string{"a:80", "b:80", "a:8080"} {
			l, err := network.Listen(addr)
			if err != nil {
				t.Fatal(err)
			}
			_, stop := receive(l, say(ok(addr)))
			defer stop()
		}
		for range 2 {
			for raw, want := range map[string]string{"http://a/": "a:80", "http://a:80/x": "a:80", "http://b/": "b:80", "http://a:8080/": "a:8080"} {
				res, err := client.Post(t.Context(), time.Now().Add(time.Second), target(raw), nil, nil)
				if err != nil || string(res.Body) != want {
					t.Errorf("%s: %+v, %v; want %s", raw, res, err, want)
				}
			}
		}
	})
}

// TestAHundredThousandRequestsLeaveNothing counts what a leak would count: the
// goroutines, and the memory in which timers and watched contexts live.
func TestAHundredThousandRequestsLeaveNothing(t *testing.T) {
	many := 100_000
	if testing.Short() {
		many = 10_000
	}
	network := memnet.New()
	client := &post.Client{Dial: network.DialContext}
	l, err := network.Listen(host)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() { // one connection, and little work
		defer close(served)
		c, _ := l.Accept()
		buf := make([]byte, 4<<10)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
			io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
		}
	}()
	to := target("http://host/")
	ask := func() {
		if res, err := client.Post(t.Context(), time.Now().Add(10*time.Second), to, nil, []byte("x")); err != nil || res.Status != 204 {
			t.Fatal(res, err)
		}
	}
	ask()
	goroutines, before := runtime.NumGoroutine(), heap()
	for range many {
		ask()
	}
	if n := runtime.NumGoroutine(); n > goroutines {
		t.Errorf("there are %d goroutines, there were %d", n, goroutines)
	}
	if grown := heap() - before; grown > 512<<10 {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
	client.CloseIdle()
	l.Close()
	<-served
}
