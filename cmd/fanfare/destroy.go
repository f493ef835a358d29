package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// errLeft ends a command whose user does not want what it would do.
var errLeft = errors.New("nothing was changed")

// ask asks whether to go on, and returns errLeft unless the answer is yes.
func (e *env) ask(question string) error {
	fmt.Fprintf(e.stderr, "%s [y/N] ", printable(question))
	answer, err := bufio.NewReader(e.stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errLeft
}

// mayLose asks before something is lost for good. Where nobody can be asked, it
// says what would be, and wants --yes.
func (e *env) mayLose(what string) error {
	if !e.isTerminal(e.stdin) {
		return usagef("%s; give --yes if that is meant", what)
	}
	return e.ask(what + ". Go on?")
}

// losesApplication says what goes with an application.
func losesApplication(ctx context.Context, r *request) (string, error) {
	var app application
	if _, err := r.call(ctx, http.MethodGet, route("app", r.args[0]), nil, &app); err != nil {
		return "", err
	}
	in := *r
	in.client = &client{base: r.base, key: r.key, http: r.http, app: app.ID}
	endpoints, _, err := in.newestEndpoints(ctx)
	if err != nil {
		return "", err
	}
	also := ""
	switch n := len(endpoints); {
	case n > maxEndpoints:
		also = fmt.Sprintf("more than %d endpoints and ", maxEndpoints)
	case n > 0:
		also = counted(n, "endpoint") + " and "
	}
	return fmt.Sprintf("With application %s (%s) go %sall its messages, for good", r.args[0], app.Name, also), nil
}

// losesEndpoint says what goes with an endpoint.
func losesEndpoint(ctx context.Context, r *request) (string, error) {
	var ep endpoint
	at, err := r.atEndpoint(ctx)
	if err == nil {
		_, err = r.call(ctx, http.MethodGet, at, nil, &ep)
	}
	if err != nil {
		return "", err
	}
	to := "which is polled"
	if ep.URL != "" {
		to = "to " + ep.to()
	}
	var stats struct{ Pending int }
	if _, err := r.call(ctx, http.MethodGet, at+"/stats", nil, &stats); err != nil {
		return "", err
	}
	waiting := "nothing waits for it"
	if stats.Pending > 0 {
		waiting = fmt.Sprintf("what waits for it is never sent (%s)", countedAs(stats.Pending, "delivery", "deliveries"))
	}
	return fmt.Sprintf("Endpoint %s (%s) goes for good, with its settings and its secret; %s", r.args[0], to, waiting), nil
}

// losesConsumer says what goes with a consumer.
func losesConsumer(_ context.Context, r *request) (string, error) {
	return fmt.Sprintf("How far consumer %s has come is forgotten; if it polls again, it begins with the oldest message there is", r.args[1]), nil
}

// losesKey says what goes with an API key.
func losesKey(ctx context.Context, r *request) (string, error) {
	var k apiKey
	if _, err := r.call(ctx, http.MethodGet, route("api-key", r.args[0]), nil, &k); err != nil {
		return "", err
	}
	used := "which was never used"
	if !k.LastUsedAt.IsZero() {
		used = "last used " + stamp(k.LastUsedAt)
	}
	return fmt.Sprintf("Whoever uses key %s (%s), %s, is refused from now on", r.args[0], k.Name, used), nil
}
