package source_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/source"
	"github.com/fanfarehq/fanfare/storetest"
)

// A program that takes in webhooks beside its own pages.
func ExampleNewHandler() {
	ctx := context.Background()
	hub := fanfare.New(storetest.NewModel(), nil) // in real code: a store on disk
	app := &fanfare.Application{Name: "Acme"}
	src := &fanfare.Source{Name: "shop", Profile: "basic", Secrets: []fanfare.Secret{{Text: "shop:a long password"}}}
	err := hub.CreateApplication(ctx, app)
	if err == nil {
		src.Application = app.ID
		err = hub.CreateSource(ctx, src)
	}
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle(source.Path, source.NewHandler(hub, nil))

	r := httptest.NewRequest("POST", source.Path+src.Token, strings.NewReader(`<order id="863"/>`))
	r.Header.Set("Content-Type", "text/xml")
	r.SetBasicAuth("shop", "a long password")
	rec := httptest.NewRecorder()
	mux.ServeHTTP(rec, r)
	msgs, err := hub.Messages(ctx, app.ID, fanfare.MessageFilter{Page: fanfare.Page{Limit: 1}})
	if err != nil {
		panic(err)
	}
	fmt.Printf("%d %s %s\n", rec.Code, msgs[0].EventType, msgs[0].Payload)
	// Output: 202 source.shop <order id="863"/>
}
