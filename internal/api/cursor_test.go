package api

import (
	"fmt"
	"slices"
	"testing"
)

// A page is a part of a list as a client reads it.
type page struct {
	Data []struct {
		UID     string `json:"uid"`
		EventID string `json:"eventId"`
		Name    string `json:"name"`
	}
	Iterator, PrevIterator *string
	Done                   bool
}

func (w *world) page(path string) (p page, names []string) {
	w.t.Helper()
	w.do("GET", path, "").want(200).decode(&p)
	for _, item := range p.Data {
		names = append(names, item.UID+item.EventID)
	}
	return p, names
}

func TestListsByThePage(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	var uids []string
	for i := range 7 {
		uids = append(uids, fmt.Sprint("u", i))
		w.endpoint("acme", uids[i])
		w.message("acme", fmt.Sprintf(`{"eventType":"x","payload":1,"eventId":"u%d","channels":["c"]}`, i))
	}
	falling := slices.Clone(uids)
	slices.Reverse(falling)
	for path, want := range map[string][]string{
		"/api/v1/app/acme/endpoint?": falling, "/api/v1/app/acme/endpoint?order=ascending&": uids,
		"/api/v1/app/acme/msg?channel=c&": falling, "/api/v1/app/acme/msg?order=ascending&with_content=false&": uids,
	} {
		for limit := 1; limit <= 8; limit++ {
			var pages []page
			var got []string
			path := fmt.Sprintf("%slimit=%d", path, limit)
			p, names := w.page(path)
			for {
				pages, got = append(pages, p), append(got, names...)
				if p.Done {
					break
				}
				p, names = w.page(path + "&iterator=" + *p.Iterator)
			}
			if !slices.Equal(got, want) || len(pages) != (len(want)+limit-1)/limit {
				t.Errorf("%s: %d pages of %q, want %q", path, len(pages), got, want)
			}
			// And back again.
			for i := len(pages) - 1; i > 0; i-- {
				back, names := w.page(path + "&iterator=" + *pages[i].PrevIterator)
				_, before := w.page(path + "&iterator=" + *back.PrevIterator)
				if want := got[limit*(i-1) : limit*i]; !slices.Equal(names, want) || back.Done != (i == 1) || (len(before) == 0) != (i == 1) {
					t.Errorf("%s: back from page %d: %q, done %v, want %q", path, i, names, back.Done, want)
				}
				if _, on := w.page(path + "&iterator=" + *back.Iterator); !slices.Equal(on, got[limit*i:min(limit*(i+1), len(got))]) {
					t.Errorf("%s: on from back: %q", path, on)
				}
			}
		}
	}
	p, _ := w.page("/api/v1/app/acme/msg?order=ascending")
	w.message("acme", `{"eventType":"x","payload":1,"eventId":"u7"}`)
	if _, names := w.page("/api/v1/app/acme/msg?order=ascending&iterator=" + *p.Iterator); !slices.Equal(names, []string{"u7"}) {
		t.Errorf("behind the end came %q", names)
	}
	p, names := w.page("/api/v1/app/acme/msg?tag=none")
	if names != nil || p.Iterator != nil || p.PrevIterator != nil || !p.Done {
		t.Errorf("an empty list is %+v", p)
	}
}

func TestCursorsFitTheirListOnly(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.app("other")
	for range 3 {
		w.message("acme", `{"eventType":"x","payload":1,"channels":["c"]}`)
	}
	p, _ := w.page("/api/v1/app/acme/msg?channel=c&limit=1")
	it := "&iterator=" + *p.Iterator
	w.do("GET", "/api/v1/app/acme/msg?channel=c&limit=2&with_content=false"+it, "").want(200)
	for _, path := range []string{
		"/api/v1/app/acme/msg?limit=1", "/api/v1/app/acme/msg?channel=d", "/api/v1/app/acme/msg?channel=c&tag=t", "/api/v1/app/acme/msg?channel=c&order=ascending",
		"/api/v1/app/other/msg?channel=c", "/api/v1/app/acme/endpoint?channel=c", "/api/v1/app?channel=c", "/api/v1/event-type?channel=c",
	} {
		w.do("GET", path+it, "").want(400).has(map[string]any{"code": "bad_request"})
	}
	for _, text := range []string{"x", "-", "msg_0", "AAAAAAAAAAAAAAAA", (*p.Iterator)[1:], *p.Iterator + "A", "%00", "é"} {
		w.do("GET", "/api/v1/app/acme/msg?channel=c&iterator="+text, "").want(400)
	}
	w.do("GET", "/api/v1/app/acme/msg?channel=c&iterator=", "").want(200)
}

// What a cursor says is no secret, but nobody else can write one, nor change one.
func TestCursorsCannotBeForged(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	w.do("POST", "/api/v1/app/acme/endpoint", `{"kind":"poller","uid":"inbox"}`).want(201)
	for range 2 {
		w.message("acme", `{"eventType":"x","payload":1}`)
	}
	for path, next := range map[string]string{
		"/api/v1/app/acme/msg?limit=1": "/api/v1/app/acme/msg?limit=1&iterator=", "/api/v1/app/acme/poller/inbox?limit=1": "/api/v1/app/acme/poller/inbox?iterator=",
		"/api/v1/app/acme/poller/inbox/consumer/c?limit=1": "/api/v1/app/acme/poller/inbox/consumer/c?iterator=",
	} {
		p, _ := w.page(path)
		it := *p.Iterator
		w.do("GET", next+it, "").want(200)
		for i := range it {
			digit := byte('A')
			if it[i] == digit {
				digit = 'Q'
			}
			w.do("GET", next+it[:i]+string(digit)+it[i+1:], "").want(400)
		}
		w.do("GET", next+it[:len(it)-sealDigits], "").want(400) // as one can write it
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(cursor{false, [8]byte{1}, "msg_1"}.String())
	f.Add(cursor{true, [8]byte{255}, "record.created"}.String())
	f.Add("")
	f.Add("bgAAAAAAAAAA")
	f.Fuzz(func(t *testing.T, text string) {
		c, ok := parseCursor(text)
		if ok && c.String() != text {
			t.Errorf("%q is read as %+v, which is written %q", text, c, c.String())
		}
		if ok && c.id == "" {
			t.Errorf("%q is a cursor behind nothing", text)
		}
	})
}
