package main

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/api"
	"github.com/fanfarehq/fanfare/internal/ui"
)

// A key is the admin key as a start of the server finds or makes it.
type key struct {
	hash  []byte
	text  string // "" unless it was made now and is to be shown
	given bool   // by the environment
	first bool   // there was none before: this is the first start

	replaced bool // there was another before
}

// minKey is how long a key that someone thought of must be, in bytes.
const minKey = 16

// checkKey refuses a key of the environment that is too easily guessed, or that
// cannot stand in a header.
func checkKey(given string, replace bool) error {
	switch {
	case given == "":
		return nil
	case replace:
		return usagef("FANFARE_ADMIN_KEY says which key; leave it out for --new-admin-key")
	case len(given) < minKey || strings.ContainsAny(given, " \t\r\n"):
		return usagef("FANFARE_ADMIN_KEY must have at least %d characters and no spaces", minKey)
	}
	return nil
}

// adminKey settles the admin key: the one of the environment, else the one that
// is stored, else a new one.
func adminKey(ctx context.Context, store fanfare.Store, given string, replace bool) (key, error) {
	stored, err := store.Setting(ctx, api.KeySetting)
	if err != nil && !errors.Is(err, fanfare.ErrNotFound) {
		return key{}, err
	}
	k := key{hash: stored, first: len(stored) == 0}
	switch {
	case given != "":
		k.given, k.hash = true, api.HashKey(given)
	case k.first || replace:
		k.text = api.NewAdminKey()
		k.hash = api.HashKey(k.text)
	}
	if subtle.ConstantTimeCompare(k.hash, stored) == 1 {
		return k, nil
	}
	k.replaced = !k.first
	return k, store.SetSetting(ctx, api.KeySetting, k.hash)
}

// A welcome is what a server says when it starts.
type welcome struct {
	url    string
	data   string
	key    key
	secret string // of the demo endpoint; "" if none was made

	secretsKey string // the file that was made now for the keys of secrets; "": none was
}

// demo is the application that a first start for development makes, with an
// endpoint where "fanfare listen" is.
const demo = "demo"

// makeDemo makes it, so that the first message has somewhere to go.
func (w *welcome) makeDemo(ctx context.Context, hub *fanfare.Hub) error {
	app := &fanfare.Application{UID: demo, Name: "Demo"}
	if err := hub.CreateApplication(ctx, app); err != nil {
		return err
	}
	ep := &fanfare.Endpoint{
		Application: app.ID, UID: ui.Prepared, URL: "http://localhost:9000/",
		Description: "fanfare listen, on this machine",
	}
	if err := hub.CreateEndpoint(ctx, ep); err != nil {
		return err
	}
	w.secret = ep.Secrets[0].Text
	return nil
}

// print says where the server is and, at the first start, how to send a first
// message. It goes to stdout: stderr is the log's.
func (w *welcome) print(e *env) {
	p := e.paint(e.stdout)
	fmt.Fprintf(e.stdout, "%s %s\n\n", p.bold("Fanfare is running."), p.dim("Ctrl-C stops it."))
	fmt.Fprintf(e.stdout, "  console    %s\n", p.cyan(w.url+"/"))
	fmt.Fprintf(e.stdout, "  API        %s\n", p.cyan(w.url+"/api/v1"))
	fmt.Fprintf(e.stdout, "  data       %s\n", printable(w.data))
	switch {
	case w.key.text != "":
		fmt.Fprintf(e.stdout, "  admin key  %s  %s\n", p.bold(w.key.text), p.yellow("shown this once: keep it"))
	case w.key.given:
		fmt.Fprintln(e.stdout, "  admin key  the one in FANFARE_ADMIN_KEY")
	default:
		fmt.Fprintln(e.stdout, "  admin key  shown at the first start; replace it with \"fanfare serve --new-admin-key\"")
	}
	if w.secretsKey != "" {
		fmt.Fprintf(e.stdout, "  secrets    sealed with %s  %s\n", printable(w.secretsKey), p.yellow("keep a copy, apart from copies of the database"))
	}
	fmt.Fprintln(e.stdout)
	if w.key.first {
		w.firstMessage(e)
	}
}

// firstMessage shows how to send one; what it shows can be pasted as it is.
func (w *welcome) firstMessage(e *env) {
	p := e.paint(e.stdout)
	auth := "'Authorization: Bearer " + w.key.text + "'"
	if w.key.given {
		auth = `"Authorization: Bearer $FANFARE_ADMIN_KEY"`
	}
	first, application := "Send a first message:", `"application":{"uid":"`+demo+`","name":"Demo"},`
	if w.secret != "" {
		fmt.Fprintf(e.stdout, "%s\n\n  fanfare listen --secret %s\n\n", p.bold("Receive messages in a second terminal:"), w.secret)
		first, application = "Send the first one from a third:", ""
	}
	fmt.Fprintf(e.stdout, "%s\n\n  %s\n\n", p.bold(first), strings.Join([]string{
		"curl " + w.url + "/api/v1/app/" + demo + "/msg",
		"  -H " + auth,
		"  -H 'Content-Type: application/json'",
		"  -d '{" + application + `"eventType":"random_number:generate","payload":{"event":"random_number:generate","data":863}}'`,
	}, " \\\n  "))
}
