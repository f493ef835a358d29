package stage_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare/examples/stage"
)

func get(t *testing.T, method, url string, header map[string]string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	req.Host = req.Header.Get("Host")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

var hello = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })

func TestEverythingIsClearedAway(t *testing.T) {
	for _, keep := range []bool{false, true} {
		var words strings.Builder
		dir, at, closed := "", "", false
		err := stage.Run(t.Context(), &stage.Options{Once: true, Keep: keep, Words: &words}, func(ctx context.Context, s *stage.Stage) (err error) {
			dir = s.Dir
			s.AtEnd(func() error { closed = true; return nil })
			if _, err := s.Listen(0); err != nil { // which nothing is served on
				return err
			}
			at, err = s.Serve(ctx, 0, hello)
			if status, body := get(t, "GET", at, nil); status != 200 || body != "hello" {
				t.Errorf("it answers %d %q", status, body)
			}
			return err
		})
		if err != nil || !closed {
			t.Errorf("Run returned %v; what was to be done at the end was done: %v", err, closed)
		}
		if _, err := os.Stat(dir); (err == nil) != keep {
			t.Errorf("with Keep %v the folder: %v", keep, err)
		}
		if said := strings.Contains(words.String(), dir); said != keep {
			t.Errorf("with Keep %v it said %q", keep, words.String())
		}
		if _, err := net.Dial("tcp", strings.TrimPrefix(at, "http://")); err == nil {
			t.Error("the server still listens")
		}
		os.RemoveAll(dir)
	}
}

func TestWhatFailsEndsTheDemo(t *testing.T) {
	broken := errors.New("broken")
	err := stage.Run(t.Context(), nil, func(ctx context.Context, s *stage.Stage) error {
		s.Go(ctx, func(context.Context) error { return broken })
		s.UntilDone(ctx)
		return ctx.Err()
	})
	if !errors.Is(err, broken) {
		t.Errorf("Run returned %v, want %v", err, broken)
	}
	ctx, stop := context.WithCancel(t.Context())
	err = stage.Run(ctx, nil, func(ctx context.Context, s *stage.Stage) error {
		stop()
		s.UntilDone(ctx)
		return ctx.Err()
	})
	if err != nil {
		t.Errorf("stopped by its user, Run returned %v", err)
	}
}

func TestPagesAreForWhoSitsHere(t *testing.T) {
	stage.Run(t.Context(), &stage.Options{Once: true}, func(ctx context.Context, s *stage.Stage) error {
		at, err := s.Serve(ctx, 0, hello)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			method string
			header map[string]string
			want   int
		}{
			{"GET", nil, 200},
			{"POST", nil, 200}, // no browser
			{"GET", map[string]string{"Host": "localhost:1"}, 200},
			{"GET", map[string]string{"Host": "[::1]"}, 200},
			{"GET", map[string]string{"Host": "rebound.example"}, 403},
			{"GET", map[string]string{"Host": "10.0.0.1"}, 403},
			{"POST", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
			{"POST", map[string]string{"Sec-Fetch-Site": "same-origin"}, 200},
		} {
			if got, _ := get(t, c.method, at, c.header); got != c.want {
				t.Errorf("%s with %v is answered %d, want %d", c.method, c.header, got, c.want)
			}
		}
		return nil
	})
}

func TestPortsAreThoseAskedForOrNearThem(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	stage.Run(t.Context(), nil, func(ctx context.Context, s *stage.Stage) error {
		ln, err := s.Listen(port)
		if err != nil {
			t.Fatal(err)
		}
		if got := ln.Addr().(*net.TCPAddr).Port; got <= port || got > port+9 {
			t.Errorf("beside %d, which is taken, it took %d", port, got)
		}
		return nil
	})
	err = stage.Run(t.Context(), &stage.Options{Port: port, Once: true}, func(ctx context.Context, s *stage.Stage) error {
		_, err := s.Serve(ctx, 1, hello)
		return err
	})
	if err == nil || !strings.Contains(err.Error(), fmt.Sprint(port)) {
		t.Errorf("a port that the user has given is taken: %v", err)
	}
}
