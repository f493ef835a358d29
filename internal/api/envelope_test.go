package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"
)

func FuzzEnvelope(f *testing.F) {
	for _, p := range payloads {
		f.Add([]byte(`{"eventType":"x","payload":` + p + `}`))
	}
	f.Add([]byte(`{"eventType":"x","payload":1,"channels":["a"],"tags":null,"deliverAt":"2026-01-01T00:00:00Z","eventId":"e","orderingKey":"k"}`))
	f.Add([]byte(`{"eventType":"x","transformationsParams":{"rawPayload":"a=1","headers":{"content-type":"text/plain"}},"application":{"name":"n"}}`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Add([]byte("\xef\xbb\xbf{}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		e := &envelope{}
		err := e.parse(body)
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
		if err != nil {
			var p *problem
			if !errors.As(err, &p) || p.status != 400 && p.status != 422 || len(p.body()) > 4096 {
				t.Fatalf("%q: %v", body, err)
			}
			return
		}
		var plain struct {
			EventType string          `json:"eventType"`
			Payload   json.RawMessage `json:"payload"`
		}
		if err := json.Unmarshal(body, &plain); err != nil || !utf8.Valid(body) {
			t.Fatalf("%q was taken: %v", body, err)
		}
		if e.json && !bytes.Equal(e.msg.Payload, plain.Payload) {
			t.Fatalf("%q: payload %q, want %q", body, e.msg.Payload, plain.Payload)
		}
		if shown := payloadOf(&e.msg, true); !json.Valid(shown) {
			t.Fatalf("%q is shown as %q", body, shown)
		}
	})
}

func BenchmarkEnvelope(b *testing.B) {
	body := benchmarkBody()
	b.ReportAllocs()
	for b.Loop() {
		var e envelope
		if err := e.parse(body); err != nil {
			b.Fatal(err)
		}
	}
}
