package api

import (
	"reflect"
	"testing"
)

func TestWhereOrderingKeysStandIsSetAndShown(t *testing.T) {
	w := newWorld(t)
	w.app("acme")
	path := "/api/v1/app/acme/endpoint/ep"
	w.do("POST", "/api/v1/app/acme/endpoint", `{"url":"https://example.com/in","uid":"ep","ordered":true,"orderingKey":"/customer/id"}`).want(201).
		has(map[string]any{"orderingKey": "/customer/id"})
	w.do("PUT", path, `{"url":"https://example.com/in","uid":"ep"}`).want(200).has(map[string]any{"orderingKey": "/customer/id"})
	var got struct{ Detail []struct{ Loc []any } }
	for _, change := range []string{`{"ordered":false}`, `{"orderingKey":"customer"}`} {
		w.do("PATCH", path, change).want(422).decode(&got)
		if want := []any{"body", "orderingKey"}; len(got.Detail) != 1 || !reflect.DeepEqual(got.Detail[0].Loc, want) {
			t.Errorf("%s: refused for %v, want %v", change, got.Detail, want)
		}
	}
	w.do("PATCH", path, `{"ordered":false,"orderingKey":null}`).want(200).has(map[string]any{"orderingKey": nil})
}
