package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 20

// requestTime bounds a request of the load. One that takes longer ends the
// measurement.
const requestTime = time.Minute

// A shot is a request to be sent over and over.
type shot struct {
	url         string
	key         string // to the API; "" for none
	minimal     bool   // the answer needs no body
	contentType string
	body        []byte
	want        int // status of the answer
}

// newClient returns the client that programs should have: it gives up in the
// end, and keeps as many connections as it has requests under way.
func newClient(clients int) *http.Client {
	return &http.Client{
		Timeout:   requestTime,
		Transport: &http.Transport{MaxIdleConnsPerHost: clients, DisableCompression: true},
	}
}

// fire sends s once, as programs do who POST to something: that is what the bare
// loop stands for, so it is done neither worse nor better than that. The answer
// goes to w.
func (s *shot) fire(ctx context.Context, client *http.Client, w io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(s.body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", s.contentType)
	if s.key != "" {
		req.Header.Set("Authorization", "Bearer "+s.key)
	}
	if s.minimal {
		req.Header.Set("Prefer", "return=minimal")
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != s.want {
		return unexpected(req, res)
	}
	_, err = io.Copy(w, res.Body)
	return err
}

// unexpected makes an error of an answer, with the beginning of what it says.
func unexpected(req *http.Request, res *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(res.Body, 300))
	return fmt.Errorf("%s %s: answered %s: %s", req.Method, req.URL.Path, res.Status, bytes.TrimSpace(text))
}

// closedLoop has clients send n shots between them, each the next when its last
// one was answered, and returns when the first one began. The shots are taken in
// turn.
func closedLoop(ctx context.Context, client *http.Client, clients, n int, shots ...*shot) (time.Time, error) {
	group, ctx := errgroup.WithContext(ctx)
	var next atomic.Int64
	began := time.Now()
	for range min(clients, n) {
		group.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return nil
				}
				if err := shots[i%len(shots)].fire(ctx, client, io.Discard); err != nil {
					return err
				}
			}
		})
	}
	return began, group.Wait()
}

// sent is a message of an open loop.
type sent struct {
	id       string
	began    time.Time
	answered time.Duration // how long the answer took
}

// openLoop sends n shots, one each interval, whether or not the earlier ones are
// answered.
func openLoop(ctx context.Context, client *http.Client, n int, interval time.Duration, s *shot) ([]sent, error) {
	var mu sync.Mutex
	var all []sent
	group, ctx := errgroup.WithContext(ctx)
	start := time.Now()
	for i := range n {
		due := time.NewTimer(time.Until(start.Add(time.Duration(i) * interval)))
		select {
		case <-ctx.Done():
			due.Stop()
			if err := group.Wait(); err != nil {
				return nil, err
			}
			return nil, ctx.Err()
		case <-due.C:
		}
		group.Go(func() error {
			var answer bytes.Buffer
			one := sent{began: time.Now()}
			if err := s.fire(ctx, client, &answer); err != nil {
				return err
			}
			one.answered = time.Since(one.began)
			var message struct{ ID string }
			if err := json.Unmarshal(answer.Bytes(), &message); err != nil {
				return fmt.Errorf("%s: %w", s.url, err)
			}
			one.id = message.ID
			mu.Lock()
			defer mu.Unlock()
			all = append(all, one)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return all, nil
}

// call makes a request outside of any measurement. What in is, if not nil, goes
// as JSON; the answer, any success, is decoded into out if that is not nil.
func call(ctx context.Context, client *http.Client, method, address, key string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, address, body)
	if err != nil {
		return err
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode/100 != 2 {
		return unexpected(req, res)
	}
	if out == nil {
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("%s %s: %w", method, req.URL.Path, err)
	}
	return nil
}
