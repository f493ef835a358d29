package fanfarehttp_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/fanfarehttp"
	"github.com/fanfarehq/fanfare/sqlite"
)

// A program that serves the API below /webhooks/, beside its own pages.
func Example() {
	folder, err := os.MkdirTemp("", "fanfare")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	store, err := sqlite.Open(context.Background(), filepath.Join(folder, "fanfare.db"))
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	hub := fanfare.New(store, nil)

	key := fanfarehttp.NewKey() // in real code: made once, and read from where secrets are
	api, err := fanfarehttp.New(hub, store, key, &fanfarehttp.Options{PublicURL: "https://example.com/webhooks"})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/webhooks/", http.StripPrefix("/webhooks", api))
	server := httptest.NewServer(mux) // in real code: http.ListenAndServe
	defer server.Close()

	r, err := http.NewRequest("POST", server.URL+"/webhooks/api/v1/app", strings.NewReader(`{"name": "Acme", "uid": "acme"}`))
	if err != nil {
		log.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	app, err := hub.Application(context.Background(), "acme")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(resp.Status, app.Name)
	// Output: 201 Created Acme
}
