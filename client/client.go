// Package client speaks to a Fanfare server's API from afar, with the types and
// errors of package fanfare, so that a program may change from a Hub of its own to a
// server with one line. It has what a program that sends needs: messages,
// applications and endpoints. For the rest there is the API itself.
//
//	c, err := client.New("https://hooks.example.com", os.Getenv("FANFARE_KEY"), nil)
//	msg, err := c.Send(ctx, "acme", "record.created", record)
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	randv2 "math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// Options are the settings of a Client. The zero value of each field is a good
// default.
type Options struct {
	// HTTP makes the requests; nil: one that gives each 30 seconds.
	HTTP *http.Client
	// Patience is for how long a request that found no server, or one that is busy, is
	// made again; 0: 15 s. With Never the first answer stands.
	Patience time.Duration
}

// Never is the Patience of a Client that makes no request twice.
const Never = time.Duration(-1)

// A Client calls a server's API. Its methods may be called concurrently.
type Client struct {
	base     string
	key      string
	http     *http.Client
	patience time.Duration
}

// New makes a Client of the server at an address such as https://hooks.example.com,
// or where a program has mounted the API. The key is one of its API keys. A nil opt
// means the defaults.
func New(server, key string, opt *Options) (*Client, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return nil, &fanfare.InvalidError{Field: "server", Reason: "the address of a server, such as https://hooks.example.com"}
	}
	if key == "" || strings.ContainsAny(key, " \t\r\n") {
		return nil, &fanfare.InvalidError{Field: "key", Reason: "give the server's key"}
	}
	if opt == nil {
		opt = &Options{}
	}
	c := &Client{key: key, http: opt.HTTP, patience: opt.Patience}
	c.base = strings.TrimSuffix(strings.TrimRight(server, "/"), "/api/v1") + "/api/v1"
	if c.http == nil {
		c.http = &http.Client{Timeout: 30 * time.Second}
	}
	if c.patience == 0 {
		c.patience = 15 * time.Second
	}
	return c, nil
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 20

// A request is one call of the API. It may be made several times, since one that
// changes something has a key by which the server knows a repeat.
type request struct {
	method, path string
	body         []byte
	key          string // Idempotency-Key; "": none
}

// do makes a request, again while the server is away or busy, and decodes the answer
// into out, if that is not nil.
func (c *Client) do(ctx context.Context, req request, out any) error {
	if req.method == http.MethodPost && req.key == "" {
		req.key = "auto_" + rand.Text()
	}
	deadline := time.Now().Add(c.patience)
	for try := 0; ; try++ {
		text, err := c.once(ctx, req)
		if err == nil {
			if out == nil {
				return nil
			}
			if err := json.Unmarshal(text, out); err != nil {
				return fmt.Errorf("%s does not answer as a Fanfare server does: %w", c.base, err)
			}
			return nil
		}
		pause, again := again(err, try, randv2.Float64())
		if !again || ctx.Err() != nil || time.Now().Add(pause).After(deadline) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// again says whether a request that ended so may be made again, and after how long:
// 100 ms, then twice as long each time to 2 s, of which chance spreads a half; or
// what the server asks for.
func again(err error, try int, chance float64) (time.Duration, bool) {
	pause := min(100*time.Millisecond<<min(try, 8), 2*time.Second)
	pause = pause/2 + time.Duration(chance*float64(pause/2))
	var refused *Error
	if !errors.As(err, &refused) {
		return pause, true // there was no whole answer
	}
	switch refused.Status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusInsufficientStorage:
		return max(pause, refused.retryAfter), true
	}
	return 0, false
}

// once makes a request once.
func (c *Client) once(ctx context.Context, req request) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, req.method, c.base+req.path, bytes.NewReader(req.body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.key)
	r.Header.Set("User-Agent", "fanfare-client")
	if req.body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if req.key != "" {
		r.Header.Set("Idempotency-Key", req.key)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.base, err)
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return text, nil
	}
	e := readError(resp.StatusCode, text)
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.retryAfter = time.Duration(min(s, 24*3600)) * time.Second
	}
	return nil, e
}

// send makes a request with in as its body.
func (c *Client) send(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return c.do(ctx, request{method: method, path: path, body: body}, out)
}
