package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/api"
	"github.com/fanfarehq/fanfare/internal/memnet"
	"github.com/fanfarehq/fanfare/sqlite"
)

// rawServer serves the API as serve does, in a bubble.
func rawServer(t *testing.T) (dial func() net.Conn, stop func()) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), databaseFile))
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.DiscardHandler)
	hub := fanfare.New(store, &fanfare.Options{Logger: quiet})
	if err := hub.CreateApplication(t.Context(), &fanfare.Application{UID: "acme", Name: "Acme"}); err != nil {
		t.Fatal(err)
	}
	network := memnet.New()
	ln, err := network.Listen("server:80")
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(api.New(hub, store, &api.Options{Logger: quiet, KeyHash: api.HashKey("key")}), quiet)
	served := make(chan error)
	go func() { served <- server.Serve(ln) }()
	dial = func() net.Conn {
		c, err := network.DialContext(t.Context(), "tcp", "server:80")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	return dial, func() {
		server.Close()
		<-served
		time.Sleep(time.Minute) // connections end
		store.Close()
	}
}

// TestRawRequests is the catalogue of what no HTTP client would send: each is
// answered with its status, and with JSON if that is no success.
func TestRawRequests(t *testing.T) {
	const key = "Authorization: Bearer key\r\n"
	const host = "Host: server\r\n" + key
	const get = "GET /api/v1/app HTTP/1.1\r\n" + host
	const post = "POST /api/v1/app/acme/msg HTTP/1.1\r\n" + host + "Content-Type: application/json\r\n"
	const body = `{"eventType":"x","payload":1}`
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	const coding = "Transfer-Encoding: chunked\r\n"
	synctest.Test(t, func(t *testing.T) {
		dial, stop := rawServer(t)
		defer stop()
		for name, c := range map[string]rawRequest{
			"right":                      {post + length + "\r\n" + body, 202, false},
			"chunked":                    {post + coding + "\r\n1d\r\n" + body + "\r\n0\r\n\r\n", 202, false},
			"GET with a body":            {get + "Content-Length: 5\r\n\r\nhello", 200, false},
			"absolute form":              {"GET http://evil.example/api/v1/app HTTP/1.1\r\n" + host + "\r\n", 200, false},
			"override of the method":     {get + "X-HTTP-Method-Override: DELETE\r\n\r\n", 200, false},
			"XML wanted":                 {get + "Accept: application/xml\r\n\r\n", 200, false},
			"HTTP/1.0":                   {"GET /api/v1/app HTTP/1.0\r\n" + host + "\r\n", 200, true},
			"length and chunks":          {post + length + coding + "\r\n0\r\n\r\n" + post + length + "\r\n" + body, 400, true},
			"chunks and length":          {post + coding + "Content-Length: 4\r\n\r\n1d\r\n" + body + "\r\n0\r\n\r\n", 400, true},
			"both on GET":                {get + coding + "Content-Length: 0\r\n\r\n0\r\n\r\n", 400, true},
			"line feeds":                 {strings.ReplaceAll(post+length+"\r\n", "\r\n", "\n") + body, 400, true},
			"a line feed":                {"GET /api/v1/app HTTP/1.1\n" + host + "\r\n", 400, true},
			"folded":                     {get + "X-A: 1\r\n 2\r\n\r\n", 400, true},
			"folded with a tab":          {post + length + "X-A: 1\r\n\t2\r\n\r\n" + body, 400, true},
			"a carriage return":          {get + "X-A: 1\r2\r\n\r\n", 400, true},
			"negative length":            {post + "Content-Length: -1\r\n\r\n", 400, true},
			"two lengths":                {post + length + "Content-Length: 5\r\n\r\n" + body, 400, true},
			"plus length":                {post + "Content-Length: +5\r\n\r\n", 400, true},
			"list of lengths":            {post + "Content-Length: 5, 5\r\n\r\n", 400, true},
			"length not a number":        {post + "Content-Length: 0x1d\r\n\r\n" + body, 400, true},
			"unknown transfer coding":    {post + "Transfer-Encoding: xchunked\r\n\r\n", 501, true},
			"two transfer codings":       {post + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, true},
			"bad chunk":                  {post + coding + "\r\nzz\r\n", 400, true},
			"chunk ended by a line feed": {post + coding + "\r\n1d\n" + body + "\r\n0\r\n\r\n", 400, true},
			"no host":                    {"GET /api/v1/app HTTP/1.1\r\n" + key + "\r\n", 400, true},
			"HTTP/1.0 without host":      {"GET /api/v1/app HTTP/1.0\r\n" + key + "\r\n", 400, true},
			"two hosts":                  {"GET /api/v1/app HTTP/1.1\r\nHost: a\r\nHost: b\r\n" + key + "\r\n", 400, true},
			"host with a space":          {"GET /api/v1/app HTTP/1.1\r\nHost: a b\r\n" + key + "\r\n", 400, true},
			"space before colon":         {get + "X-A : 1\r\n\r\n", 400, true},
			"NUL in a header":            {get + "X-A: \x00\r\n\r\n", 400, true},
			"escape in a header":         {post + length + "X-A: \x1b[0m\r\n\r\n" + body, 400, true},
			"not HTTP":                   {"\x16\x03\x01 hello\r\n\r\n", 400, true},
			"HTTP/2":                     {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, true},
			"a bad escape":               {"GET /api/v1/%zz HTTP/1.1\r\n" + host + "\r\n", 400, true},
			"17 KiB of headers":          {get + "X-A: " + strings.Repeat("a", 17<<10) + "\r\n\r\n", 431, false},
			"60 KiB of headers":          {get + "X-A: " + strings.Repeat("a", 60<<10) + "\r\n\r\n", 431, true},
			"200 headers":                {get + strings.Repeat("X-A: 1\r\n", 200) + "\r\n", 431, false},
			"20 KiB of address":          {"GET /api/v1/app?" + strings.Repeat("a", 20<<10) + " HTTP/1.1\r\n" + host + "\r\n", 414, true},
			"two keys":                   {get + key + "\r\n", 401, false},
			"asterisk":                   {"GET * HTTP/1.1\r\n" + host + "\r\n", 404, false},
			"dots":                       {"GET /api/v1/x/../app HTTP/1.1\r\n" + host + "\r\n", 404, false},
			"CONNECT":                    {"CONNECT evil.example:443 HTTP/1.1\r\n" + host + "\r\n", 405, false},
			"CONNECT of a path":          {"CONNECT /api/v1/app HTTP/1.1\r\n" + host + "\r\n", 405, false},
			"TRACE":                      {"TRACE /api/v1/app HTTP/1.1\r\n" + host + "\r\n", 405, false},
			"FOO":                        {"FOO /api/v1/app HTTP/1.1\r\n" + host + "\r\n", 405, false},
			"FOO of nothing":             {"FOO /nothing HTTP/1.1\r\n" + host + "\r\n", 405, false},
			"OPTIONS from elsewhere":     {"OPTIONS /api/v1/app HTTP/1.1\r\n" + host + "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n\r\n", 405, false},
			"WebSocket":                  {get + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", 400, false},
			"upgrade to HTTP/2":          {get + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", 200, false},
			"expectation":                {post + length + "Expect: miracles\r\n\r\n" + body, 417, true},
			"length over the limit":      {post + "Content-Length: 1048577\r\n\r\n", 413, true},
			"chunks over the limit":      {post + coding + "\r\n100001\r\n" + strings.Repeat(" ", 1<<20+1) + "\r\n0\r\n\r\n", 413, true},
			"length beyond all limits":   {post + "Content-Length: 9223372036854775807\r\n\r\n", 413, true},
			"body that stalls":           {post + "Content-Length: 1000\r\n\r\n" + body, 408, true},
			"text":                       {strings.Replace(post, "application/json", "text/plain", 1) + length + "\r\n" + body, 415, false},
		} {
			t.Log(name)
			c.send(t, dial())
		}
	})
}

// A rawRequest is sent as it is.
type rawRequest struct {
	request string
	status  int
	closes  bool // the connection
}

func (c rawRequest) send(t *testing.T, conn net.Conn) {
	defer conn.Close()
	start := time.Now()
	go io.WriteString(conn, c.request)
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Error(err)
		return
	}
	got, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != c.status {
		t.Errorf("%d %q, %v; want %d", resp.StatusCode, got, err, c.status)
	}
	if took := time.Since(start); took > 15*time.Second || took > time.Second && c.status != 408 {
		t.Errorf("the answer took %v", took)
	}
	if c.status >= 400 {
		checkRefusal(t, resp, got)
	}
	if strings.Contains(string(got)+fmt.Sprint(resp.Header), "evil") {
		t.Errorf("what was sent is in the answer: %s %v", got, resp.Header)
	}
	if c.closes {
		if b, err := in.ReadByte(); err == nil {
			t.Errorf("the connection is used further: %q", b)
		}
		return
	}
	io.WriteString(conn, "GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
	if resp, err := http.ReadResponse(in, nil); err != nil || resp.StatusCode != 204 {
		t.Errorf("the next request: %v, %v", resp, err)
	}
}

// checkRefusal holds an answer to what all refusals are.
func checkRefusal(t *testing.T, resp *http.Response, body []byte) {
	t.Helper()
	var out struct{ Code, Detail string }
	if err := json.Unmarshal(body, &out); err != nil || out.Code == "" || out.Detail == "" || len(body) > 4<<10 {
		t.Errorf("%q, %v", body, err)
	}
	if got := resp.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("it is %q: %q", got, body)
	}
	if allow := resp.Header.Get("Allow"); (resp.StatusCode == 405) != (allow != "") {
		t.Errorf("%d with Allow %q", resp.StatusCode, allow)
	}
}

// TestPipelinedRawRequests sends a hundred requests at once, every third of which
// is wrong in a way that leaves no doubt about where it ends.
func TestPipelinedRawRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, stop := rawServer(t)
		defer stop()
		conn := dial()
		defer conn.Close()
		var all strings.Builder
		var want []int
		for i := range 100 {
			switch i % 3 {
			case 0:
				all.WriteString("GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
				want = append(want, 204)
			case 1:
				all.WriteString("POST /api/v1/app/acme/msg HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key\r\nContent-Type: application/json\r\nContent-Length: 1\r\n\r\n{")
				want = append(want, 400)
			case 2:
				body := fmt.Sprintf(`{"eventType":"x","eventId":"e-%d","payload":1}`, i)
				fmt.Fprintf(&all, "POST /api/v1/app/acme/msg HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
				want = append(want, 202)
			}
		}
		go io.WriteString(conn, all.String()+"GET / HTTP/1.1\r\nHost: x\r\nX A: 1\r\n\r\n"+all.String())
		in := bufio.NewReader(conn)
		for i, status := range append(want, 400) {
			resp, err := http.ReadResponse(in, nil)
			if err != nil || resp.StatusCode != status {
				t.Fatalf("the answer to request %d is %v, %v; want %d", i, resp, err, status)
			}
			io.Copy(io.Discard, resp.Body)
		}
		if b, err := in.ReadByte(); err == nil {
			t.Errorf("the connection is used further: %q", b)
		}
	})
}

// TestSlowConnections has 200 clients that send a byte a second. They are let go
// within 5 s, and hold up nobody.
func TestSlowConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dial, stop := rawServer(t)
		defer stop()
		start := time.Now()
		ended := make(chan time.Duration, 200)
		for i := range 200 {
			conn := dial()
			head := []string{"GET /api/v1/app HTTP/1.1\r\n", "POST /api/v1/app/acme/msg HTTP/1.1\r\n"}[i%2]
			go func() {
				for j := range len(head) {
					if _, err := io.WriteString(conn, head[j:j+1]); err != nil {
						break
					}
					time.Sleep(time.Second)
				}
			}()
			go func() {
				io.Copy(io.Discard, conn)
				ended <- time.Since(start)
				conn.Close()
			}()
		}
		time.Sleep(2 * time.Second)
		other := dial()
		asked := time.Now()
		io.WriteString(other, "GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(other), nil)
		if err != nil || resp.StatusCode != 204 || time.Since(asked) > 0 {
			t.Errorf("another is answered %v, %v after %v", resp, err, time.Since(asked))
		}
		other.Close()
		for range 200 {
			if took := <-ended; took > 6*time.Second {
				t.Fatalf("a slow connection lasted %v", took)
			}
		}
		time.Sleep(time.Minute) // the writers notice
	})
}
