// Package bookshop tells the same readers of the same books in two ways, side by side:
// they ask again and again whether theirs is there ("GET /books/1 … book pls"), and they
// are sent a webhook when it is (book.published). It counts what each of the ways
// costs, and how late it is.
package bookshop

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/fanfarehq/fanfare"
)

// EventType is of what readers are sent.
const EventType = "book.published"

// A Book is one that a reader waits for. The first reader's are 1, 1+n, 1+2n and so on
// if there are n readers, the second's 2, 2+n, ….
type Book struct {
	ID     int    `json:"id"`
	Reader int    `json:"reader"`
	Title  string `json:"title"`

	published time.Time
}

// A Shop is the provider: an http.Handler with GET /books/{id}, and a Hub that tells of
// each book when it is published.
type Shop struct {
	hub     *fanfare.Hub
	readers int

	mu    sync.Mutex
	next  []int         // of each reader, the book to be published next
	books map[int]*Book // the newest that are published
	order []int         // the same, oldest first
	sold  int           // how many were published
}

// maxBooks is how many books the shop keeps, the newest.
const maxBooks = 20_000

// NewShop makes a Shop, and of each reader an application with an endpoint, below
// hooks. It returns the endpoints' secrets.
func NewShop(ctx context.Context, hub *fanfare.Hub, readers int, hooks string) (*Shop, []string, error) {
	s := &Shop{hub: hub, readers: readers, next: make([]int, readers), books: make(map[int]*Book)}
	secrets := make([]string, readers)
	for r := range readers {
		s.next[r] = r + 1
		app := &fanfare.Application{UID: uid(r), Name: fmt.Sprintf("Reader %d", r+1)}
		if err := hub.CreateApplication(ctx, app); err != nil {
			return nil, nil, err
		}
		ep := &fanfare.Endpoint{Application: app.ID, URL: fmt.Sprintf("%s/readers/%d", hooks, r), EventTypes: []string{EventType}}
		if err := hub.CreateEndpoint(ctx, ep); err != nil {
			return nil, nil, err
		}
		secrets[r] = ep.Secrets[0].Text
	}
	return s, secrets, nil
}

func uid(reader int) string { return fmt.Sprintf("reader-%d", reader+1) }

// Publish publishes the book that a reader waits for. From now on it is there for who
// asks, and a webhook is on its way.
func (s *Shop) Publish(ctx context.Context, reader int) (*Book, error) {
	s.mu.Lock()
	b := &Book{ID: s.next[reader], Reader: reader, published: time.Now()}
	b.Title = fmt.Sprintf("Volume %d, for reader %d", (b.ID-1)/s.readers+1, reader+1)
	s.next[reader] += s.readers
	s.sold++
	s.books[b.ID] = b
	if s.order = append(s.order, b.ID); len(s.order) > maxBooks {
		delete(s.books, s.order[0])
		s.order = s.order[1:]
	}
	s.mu.Unlock()
	_, err := s.hub.Send(ctx, uid(reader), EventType, b)
	return b, err
}

// Published is how many books were.
func (s *Shop) Published() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sold
}

// book is the one of that id, nil if it is not published.
func (s *Shop) book(id int) *Book {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.books[id]
}

func (s *Shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var id int
	if _, err := fmt.Sscanf(r.URL.Path, "/books/%d", &id); err != nil || r.URL.Path != "/books/"+strconv.Itoa(id) || r.Method != http.MethodGet {
		http.Error(w, "Ask for GET /books/1.", http.StatusNotFound)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	b := s.book(id)
	if b == nil {
		w.WriteHeader(http.StatusNotFound)
		w.Write([]byte(`{"error":"not yet"}`))
		return
	}
	json.NewEncoder(w).Encode(b) // who does not read it, does not
}
