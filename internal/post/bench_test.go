package post_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/internal/post"
)

// BenchmarkPost compares this client with net/http's transport, with one request
// at a time and with as many as 16 for each processor.
func BenchmarkPost(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })}
	go server.Serve(l)
	defer server.Close()
	u := &url.URL{Scheme: "http", Host: l.Addr().String(), Path: "/hook"}
	body := bytes.Repeat([]byte("x"), 1<<10)

	client := &post.Client{Dial: new(net.Dialer).DialContext}
	defer client.CloseIdle()
	to := post.NewTarget(u, []byte("Content-Type: application/json\r\n"))
	ours := func() (int, error) {
		res, err := client.Post(b.Context(), time.Now().Add(20*time.Second), to, nil, body)
		if err != nil {
			return 0, err
		}
		return res.Status, nil
	}

	transport := &http.Transport{DialContext: new(net.Dialer).DialContext, MaxIdleConnsPerHost: 256, DisableCompression: true}
	defer transport.CloseIdleConnections()
	theirs := func() (int, error) {
		ctx, cancel := context.WithTimeout(b.Context(), 20*time.Second)
		defer cancel()
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
		if err != nil {
			return 0, err
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := transport.RoundTrip(req)
		if err != nil {
			return 0, err
		}
		defer res.Body.Close()
		_, err = io.ReadAll(io.LimitReader(res.Body, post.MaxBody))
		return res.StatusCode, err
	}

	for _, c := range []struct {
		name string
		ask  func() (int, error)
	}{{"Post", ours}, {"Transport", theirs}} {
		ask := func(b *testing.B) {
			if status, err := c.ask(); err != nil || status != 200 {
				b.Error(status, err)
			}
		}
		b.Run(c.name+"/one", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ask(b)
			}
		})
		b.Run(c.name+"/many", func(b *testing.B) {
			b.ReportAllocs()
			b.SetParallelism(16)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					ask(b)
				}
			})
		})
	}
}
