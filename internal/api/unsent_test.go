package api

import "testing"

func TestWhyAMessageWasNotSent(t *testing.T) {
	w := newWorld(t)
	w.do("POST", "/api/v1/app", `{"name":"Acme","uid":"acme"}`).want(201)
	w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/","uid":"all"}`).want(201)
	off := w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/","disabled":true}`).want(201).id()
	filter := w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/","uid":"f","description":"Books","filter":"payload.n > 1"}`).want(201).id()
	msg := w.do("POST", "/api/v1/app/acme/msg", `{"eventType":"a.b","payload":{"m":1}}`).want(202).id()
	w.do("GET", "/api/v1/app/acme/msg/"+msg+"/unsent", "").want(200).has(map[string]any{"more": 0, "data": []any{
		map[string]any{"id": off, "uid": nil, "url": "https://example.com/", "description": "", "why": "it is disabled"},
		map[string]any{"id": filter, "uid": "f", "url": "https://example.com/", "description": "Books", "why": "the filter does not match: the message has no n"},
	}})
	w.do("GET", "/api/v1/app/acme/msg/msg_nothing/unsent", "").want(404)
}
