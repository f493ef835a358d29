package api

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestRawRequests sends what no HTTP client would. What net/http refuses itself
// it refuses as text; what reaches the API is answered as JSON.
func TestRawRequests(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	server := httptest.NewServer(w.api)
	defer server.Close()
	key := "Authorization: Bearer " + testKey + "\r\n"
	host := "Host: x\r\n" + key
	post := "POST /api/v1/app/acme/msg HTTP/1.1\r\n" + host + "Content-Type: application/json\r\n"
	body := `{"eventType":"x","payload":1}`
	length := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	for name, c := range map[string]struct {
		request string
		status  int
		closes  bool
	}{
		"right":                    {post + length + "\r\n" + body, 202, false},
		"chunked":                  {post + "Transfer-Encoding: chunked\r\n\r\n1d\r\n" + body + "\r\n0\r\n\r\n", 202, false},
		"negative length":          {post + "Content-Length: -1\r\n\r\n", 400, true},
		"two lengths":              {post + length + "Content-Length: 5\r\n\r\n" + body, 400, true},
		"plus length":              {post + "Content-Length: +5\r\n\r\n", 400, true},
		"list of lengths":          {post + "Content-Length: 5, 5\r\n\r\n", 400, true},
		"length not a number":      {post + "Content-Length: 0x1d\r\n\r\n" + body, 400, true},
		"unknown transfer coding":  {post + "Transfer-Encoding: xchunked\r\n\r\n", 501, true},
		"two transfer codings":     {post + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, true},
		"bad chunk":                {post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, true},
		"no host":                  {"GET /api/v1/app HTTP/1.1\r\n" + key + "\r\n", 400, true},
		"two hosts":                {"GET /api/v1/app HTTP/1.1\r\nHost: a\r\nHost: b\r\n" + key + "\r\n", 400, true},
		"host with a space":        {"GET /api/v1/app HTTP/1.1\r\nHost: a b\r\n" + key + "\r\n", 400, true},
		"space before colon":       {"GET /api/v1/app HTTP/1.1\r\n" + host + "X-A : 1\r\n\r\n", 400, true},
		"NUL in a header":          {"GET /api/v1/app HTTP/1.1\r\n" + host + "X-A: \x00\r\n\r\n", 400, true},
		"not HTTP":                 {"\x16\x03\x01 hello\r\n\r\n", 400, true},
		"17 KiB of headers":        {"GET /api/v1/app HTTP/1.1\r\n" + host + "X-A: " + strings.Repeat("a", 17<<10) + "\r\n\r\n", 431, false},
		"200 headers":              {"GET /api/v1/app HTTP/1.1\r\n" + host + strings.Repeat("X-A: 1\r\n", 200) + "\r\n", 431, false},
		"20 KiB of address":        {"GET /api/v1/app?" + strings.Repeat("a", 20<<10) + " HTTP/1.1\r\n" + host + "\r\n", 414, false},
		"two keys":                 {"GET /api/v1/app HTTP/1.1\r\n" + host + key + "\r\n", 401, false},
		"absolute form":            {"GET http://evil.example/api/v1/app HTTP/1.1\r\n" + host + "\r\n", 200, false},
		"asterisk":                 {"GET * HTTP/1.1\r\n" + host + "\r\n", 404, false},
		"connect":                  {"CONNECT evil.example:443 HTTP/1.1\r\n" + host + "\r\n", 405, false},
		"dots":                     {"GET /api/v1/x/../app HTTP/1.1\r\n" + host + "\r\n", 404, false},
		"length over the limit":    {post + "Content-Length: 1048577\r\n\r\n", 413, true},
		"length beyond all limits": {post + "Content-Length: 9223372036854775807\r\n\r\n", 413, true},
		"body broken off":          {post + "Content-Length: 1000\r\n\r\n" + body, 400, true},
		"pipelined":                {post + length + "\r\n" + body + post + "Content-Length: 1\r\n\r\n{", 202, false},
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(10 * time.Second))
			io.WriteString(conn, c.request)
			if name == "body broken off" {
				conn.(*net.TCPConn).CloseWrite()
			}
			in := bufio.NewReader(conn)
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != c.status {
				t.Errorf("%d %q, %v; want %d", resp.StatusCode, got, err, c.status)
			}
			if !c.closes && resp.StatusCode >= 400 && resp.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: %q", resp.Header.Get("Content-Type"), got)
			}
			if name == "pipelined" {
				if resp, err = http.ReadResponse(in, nil); err != nil || resp.StatusCode != 400 {
					t.Errorf("the second of two: %v, %v", resp, err)
				}
				return
			}
			if c.closes {
				if _, err := in.ReadByte(); err == nil {
					t.Error("the connection is used further")
				}
				return
			}
			io.WriteString(conn, "GET /api/v1/health HTTP/1.1\r\nHost: x\r\n\r\n")
			if resp, err := http.ReadResponse(in, nil); err != nil || resp.StatusCode != 204 {
				t.Errorf("the next request: %v, %v", resp, err)
			}
		})
	}
	if strings.Contains(w.log.String(), "panic") {
		t.Error(w.log)
	}
}
