package share

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/examples/agency"
)

// Notify has a consumer told of each change of a record, with no more than its key and
// version: what it says now the consumer fetches, as far as it may.
func Notify(ctx context.Context, a *agency.Agency, to, token string) (*fanfare.Endpoint, error) {
	return a.Connect(ctx, &fanfare.Endpoint{
		UID: "notify", Kind: "http", Description: "Says which record is new", EventTypes: []string{"record.create", "record.update", "record.delete"},
		Ordered: true, Retry: fanfare.Retry{Delays: []time.Duration{time.Second, 5 * time.Second, time.Minute, time.Hour}},
	}, map[string]any{
		"url": to, "token": token,
		"body": map[string]string{"type": "{{eventType}}", "key": "{{payload.data.id}}", "version": "{{payload.data.version}}"},
	})
}

// A Notice is what a consumer is told.
type Notice struct {
	Type    string `json:"type"`
	Key     string `json:"key"`
	Version int64  `json:"version"`
}

// A Consumer keeps a copy of the rows of a share: an http.Handler that is told which are
// new, and fetches them.
type Consumer struct {
	token string // that who tells it has to show
	share string // where the rows are, ending with .json

	mu      sync.Mutex
	rows    map[string]map[string]any
	told    int // notices that were taken
	bytes   int // of these
	behind  int // times that the share was not as new as the notice
	arrived chan struct{}
}

// NewConsumer makes a Consumer.
func NewConsumer(token, share string) *Consumer {
	return &Consumer{
		token: token, share: share,
		rows: map[string]map[string]any{}, arrived: make(chan struct{}, 1),
	}
}

func (c *Consumer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	var n Notice
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "Notices come by POST.", http.StatusMethodNotAllowed)
	case subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+c.token)) != 1:
		http.Error(w, "The token is not mine.", http.StatusUnauthorized)
	case err != nil || json.Unmarshal(body, &n) != nil || n.Key == "":
		http.Error(w, "That is no notice.", http.StatusUnprocessableEntity)
	default:
		c.take(w, r, &n, len(body))
	}
}

// take fetches the row that n is about. Who tells it and who keeps the mirror do not wait
// for each other: where the share is not as new yet, the notice is to come again.
func (c *Consumer) take(w http.ResponseWriter, r *http.Request, n *Notice, size int) {
	row, gone, err := c.fetch(r.Context(), n.Key)
	if err != nil {
		slog.Error("a row could not be fetched", "key", n.Key, "error", err)
		http.Error(w, "It could not be fetched just now; tell me again.", http.StatusServiceUnavailable)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	deleted, version := n.Type == "record.delete", int64(0)
	if row != nil {
		number, _ := row["version"].(json.Number)
		version, _ = number.Int64() // what is none is older than any
	}
	if row == nil && !gone && !deleted || row != nil && (version < n.Version || deleted && version == n.Version) {
		c.behind++
		w.Header().Set("Retry-After", "1")
		http.Error(w, "The share is not as new yet; tell me again.", http.StatusServiceUnavailable)
		return
	}
	if row == nil {
		delete(c.rows, n.Key)
	} else {
		c.rows[n.Key] = row
	}
	c.told, c.bytes = c.told+1, c.bytes+size
	select {
	case c.arrived <- struct{}{}:
	default:
	}
}

// fetch reads a row of the share; nil: there is none, be it that it is gone or not there yet.
func (c *Consumer) fetch(ctx context.Context, key string) (row map[string]any, gone bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.share+"?key="+url.QueryEscape(key), nil)
	if err != nil {
		return nil, false, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, false, fmt.Errorf("the share answers %s", resp.Status)
	}
	var answer struct {
		Rows []map[string]any
		Gone bool
	}
	dec := json.NewDecoder(io.LimitReader(resp.Body, maxBytes+1<<20))
	dec.UseNumber()
	if err := dec.Decode(&answer); err != nil || len(answer.Rows) == 0 {
		return nil, answer.Gone, err
	}
	return answer.Rows[0], false, nil
}

// Rows is the copy, by key.
func (c *Consumer) Rows() map[string]map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.rows)
}

// counted is how many notices were taken.
func (c *Consumer) counted() (told, size, behind int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.told, c.bytes, c.behind
}
