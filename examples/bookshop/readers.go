package bookshop

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare/webhook"
)

// Readers wait for their books, in both ways at once. As an http.Handler they take
// webhooks, at /readers/{n}.
type Readers struct {
	shop     *Shop
	at       string        // where the shop is
	interval time.Duration // at which each asks

	polling, webhooks counter
	hooks             []*webhook.Handler // of each reader
	client            *http.Client
	found             chan struct{} // rings when a book has come, either way; has room for one
}

// NewReaders makes Readers of the shop at that URL, who verify what they are sent.
func NewReaders(shop *Shop, at string, secrets []string, interval time.Duration) (*Readers, error) {
	rs := &Readers{
		shop: shop, at: at, interval: interval, found: make(chan struct{}, 1),
		client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: len(secrets)}},
	}
	for reader, text := range secrets {
		secret, err := webhook.ParseSecret(text)
		if err != nil {
			return nil, err
		}
		hook := webhook.NewHandler(webhook.NewVerifier(secret), nil)
		hook.On(EventType, func(_ context.Context, e webhook.Event) error { return rs.told(reader, e) })
		rs.hooks = append(rs.hooks, hook)
	}
	return rs, nil
}

func (rs *Readers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rs.webhooks.requests.Add(1)
	name, ok := strings.CutPrefix(r.URL.Path, "/readers/")
	reader, err := strconv.Atoi(name)
	if !ok || err != nil || reader < 0 || reader >= len(rs.hooks) {
		http.NotFound(w, r)
		return
	}
	rs.hooks[reader].ServeHTTP(w, r)
}

// told is a reader who is told of a book. It is called once for each.
func (rs *Readers) told(reader int, e webhook.Event) error {
	var b Book
	if err := json.Unmarshal(e.Body, &b); err != nil {
		return err
	}
	known := rs.shop.book(b.ID)
	if known == nil || known.Reader != reader {
		return fmt.Errorf("book %d is not for reader %d", b.ID, reader)
	}
	rs.note(&rs.webhooks, known, fmt.Sprintf("POST %s: book %d, here you go!", e.Type, b.ID))
	return nil
}

// note notes that a book has come.
func (rs *Readers) note(way *counter, b *Book, said string) {
	way.found(time.Since(b.published))
	way.says(said)
	select {
	case rs.found <- struct{}{}:
	default:
	}
}

// Poll has every reader ask at the interval, each beginning at another moment of it,
// until ctx ends.
func (rs *Readers) Poll(ctx context.Context) error {
	var asking sync.WaitGroup
	defer rs.client.CloseIdleConnections()
	defer asking.Wait()
	begun := time.Now()
	for reader := range rs.hooks {
		asking.Go(func() { rs.poll(ctx, reader, begun.Add(time.Duration(rand.Float64()*float64(rs.interval)))) })
	}
	<-ctx.Done()
	return nil
}

// poll is one reader who asks. What takes longer than the interval is not made up for.
func (rs *Readers) poll(ctx context.Context, reader int, at time.Time) {
	for want := reader + 1; ; {
		select {
		case <-time.After(time.Until(at)):
		case <-ctx.Done():
			return
		}
		if rs.ask(ctx, want) {
			want += len(rs.hooks)
		}
		for at = at.Add(rs.interval); at.Before(time.Now()); {
			at = at.Add(rs.interval)
		}
	}
}

// ask asks for a book and reports whether it was there.
func (rs *Readers) ask(ctx context.Context, id int) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, rs.at+"/books/"+strconv.Itoa(id), nil)
	if err != nil {
		return false
	}
	resp, err := rs.client.Do(req)
	if err != nil {
		return false // it asks again anyway
	}
	defer resp.Body.Close()
	var b Book
	err = json.NewDecoder(resp.Body).Decode(&b)
	io.Copy(io.Discard, resp.Body) // so that the connection can be used again
	rs.polling.requests.Add(1)
	if resp.StatusCode != http.StatusOK || err != nil || b.ID != id {
		rs.polling.says(fmt.Sprintf("GET /books/%d … book pls? Not yet.", id))
		return false
	}
	known := rs.shop.book(id)
	if known == nil {
		return true // it is so old that nobody knows how late this is
	}
	rs.note(&rs.polling, known, fmt.Sprintf("GET /books/%d … here you go!", id))
	return true
}
