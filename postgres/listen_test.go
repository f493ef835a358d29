package postgres

import (
	"encoding/base64"
	"math/rand/v2"
	"testing"

	"github.com/fanfarehq/fanfare"
)

// TestNews packs what is new in lanes into payloads that a database takes, and reads them.
func TestNews(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	name := func() (raw id) {
		for i := range raw {
			raw[i] = byte(dice.IntN(256))
		}
		return raw
	}
	all := make(additions)
	for i := range 300 {
		l := route{name(), name()}
		for range []int{0, 1, 1, 2, 17, mostNamed, mostNamed + 1}[i%7] {
			all.add(l, []id{name()})
		}
		if i%7 == 0 {
			all.add(l, nil)
		}
	}
	news := &fanfare.News{}
	for _, payload := range all.news() {
		if len(payload) >= 8000 {
			t.Errorf("a payload has %d bytes", len(payload))
		}
		takeDown(news, payload)
	}
	got := make(map[fanfare.Lane][]fanfare.MessageID)
	for _, a := range news.Additions {
		got[a.Lane] = append(got[a.Lane], a.Messages...)
	}
	for _, l := range news.More {
		got[l] = nil
	}
	for l, messages := range all {
		names, ok := got[fanfare.Lane{
			Application: fanfare.ApplicationID(fanfare.EncodeID(applicationPrefix, l.app)),
			Endpoint:    fanfare.EndpointID(fanfare.EncodeID(endpointPrefix, l.endpoint)),
		}]
		if !ok || len(names) != len(messages) {
			t.Fatalf("a lane has %d messages, and %d were told", len(messages), len(names))
		}
		for i, m := range messages {
			if names[i] != fanfare.MessageID(fanfare.EncodeID(messagePrefix, m)) {
				t.Fatalf("message %d is %s, want %x", i, names[i], m)
			}
		}
	}
	if len(got) != 300 || news.Missing || len(news.More) < 300*2/7 {
		t.Errorf("%d lanes, %d as a whole, missing %t", len(got), len(news.More), news.Missing)
	}
}

func FuzzTakeDown(f *testing.F) {
	l := route{id{1}, id{2}}
	for _, payload := range append(additions{l: {{3}, {4}}}.news(), newsRenew, newsChange, newsOther, "x y", laneNews(newsMore, []route{l, l})[0]) {
		f.Add(payload)
	}
	f.Add(newsNamed + base64.RawStdEncoding.EncodeToString(make([]byte, 48)))
	f.Add(newsNamed + base64.RawStdEncoding.EncodeToString(append(make([]byte, 32), 2, 0)))
	f.Fuzz(func(t *testing.T, payload string) {
		news := &fanfare.News{}
		takeDown(news, payload)
		n := len(news.More) + len(news.Other)
		for _, a := range news.Additions {
			n += 1 + len(a.Messages)
		}
		if n > len(payload) {
			t.Errorf("%d names out of %d bytes", n, len(payload))
		}
	})
}
