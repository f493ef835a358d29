package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// A client speaks to a server's API.
type client struct {
	base string // such as http://127.0.0.1:8080
	key  string
	app  string // id or uid the user named; "" if none
	ours bool   // it is about the operator's own endpoints, which belong to no application
	http *http.Client
}

// errNoServer says that nothing listens where a server should.
var errNoServer = errors.New("no server")

// isAway reports whether an error may be one of a server that is being restarted.
func isAway(err error) bool {
	var refused *apiError
	var broken *url.Error
	return errors.As(err, &refused) && refused.Status >= 500 || errors.As(err, &broken) ||
		errors.Is(err, errNoServer) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 20

// clientFlags gives cmd, and all its verbs, the flags that say which server to
// speak to. The function returned makes the client once they are parsed.
func (e *env) clientFlags(cmd *cobra.Command) func() (*client, error) {
	c := &client{http: &http.Client{Timeout: 30 * time.Second}}
	flags := cmd.Flags()
	flags.StringVar(&c.base, "server", "http://127.0.0.1:8080", "address of the server")
	flags.StringVar(&c.key, "key", "", "key to the server's API")
	setBy(cmd, "server", "FANFARE_URL")
	setBy(cmd, "key", "FANFARE_KEY", "FANFARE_ADMIN_KEY")
	return func() (*client, error) {
		u, err := url.Parse(c.base)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, usagef("%q is not the address of a server, such as http://127.0.0.1:8080", c.base)
		}
		if c.key == "" {
			return nil, usagef(`no key; give --key or set FANFARE_KEY ("fanfare serve" shows one at its first start)`)
		}
		c.base = strings.TrimRight(strings.TrimSuffix(strings.TrimRight(c.base, "/"), "/api/v1"), "/")
		return c, nil
	}
}

// clientAppFlags is clientFlags for commands that work within an application.
func (e *env) clientAppFlags(cmd *cobra.Command) func() (*client, error) {
	connect := e.clientFlags(cmd)
	if e.ours {
		return func() (*client, error) {
			c, err := connect()
			if err == nil {
				c.ours = true
			}
			return c, err
		}
	}
	app := cmd.Flags().StringP("app", "a", "", "id or uid of the application; not needed while there is only one")
	setBy(cmd, "app", "FANFARE_APP")
	return func() (*client, error) {
		c, err := connect()
		if err == nil {
			c.app = *app
		}
		return c, err
	}
}

// An apiError is an answer of the server that is not a success.
type apiError struct {
	Status int
	Code   string
	Detail string
}

func (e *apiError) Error() string {
	switch {
	case e.Status == http.StatusUnauthorized:
		return `the server does not know this key; give another with --key, FANFARE_KEY or FANFARE_ADMIN_KEY, or make one with "fanfare serve --new-admin-key"`
	case e.Detail != "":
		return e.Detail
	}
	return fmt.Sprintf("the server answered %d %s", e.Status, http.StatusText(e.Status))
}

// readError makes an error of an answer: its detail is a sentence, or a list of
// what is wrong with which field.
func readError(status int, body []byte) error {
	e := &apiError{Status: status}
	var answer struct {
		Code   string
		Detail json.RawMessage
	}
	if json.Unmarshal(body, &answer) != nil {
		return e
	}
	e.Code = answer.Code
	var problems []struct {
		Loc []any
		Msg string
	}
	if json.Unmarshal(answer.Detail, &e.Detail) == nil || json.Unmarshal(answer.Detail, &problems) != nil {
		return e
	}
	texts := make([]string, len(problems))
	for i, problem := range problems {
		var place []string
		for _, step := range problem.Loc {
			place = append(place, fmt.Sprint(step))
		}
		if len(place) > 1 { // the first step is where in the request: body, query, path
			place = place[1:]
		}
		texts[i] = strings.Join(place, ".") + ": " + problem.Msg
	}
	e.Detail = strings.Join(texts, "\n")
	return e
}

// call makes a request. What in is, if not nil, goes as JSON; what comes back is
// returned, and decoded into out if that is not nil.
func (c *client) call(ctx context.Context, method, path string, in, out any) ([]byte, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(text)
	}
	resp, err := c.open(ctx, method, path, body, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.base, err)
	}
	if out != nil {
		if err := json.Unmarshal(text, out); err != nil {
			return nil, fmt.Errorf("%s does not answer as a Fanfare server does: %w", c.base, err)
		}
	}
	return text, nil
}

// open makes a request and returns the answer, whose body the caller closes, if
// it is a success.
func (c *client) open(ctx context.Context, method, path string, body io.Reader, header http.Header) (*http.Response, error) {
	return c.send(ctx, method, c.base+"/api/v1"+path, body, header)
}

// send is open for any address of the server.
func (c *client) send(ctx context.Context, method, to string, body io.Reader, header http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, to, body)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		req.Header[name] = values
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	req.Header.Set("User-Agent", "fanfare/"+version())
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil, fmt.Errorf(`%w at %s; start one with "fanfare serve", or name another with --server or FANFARE_URL`, errNoServer, c.base)
	}
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	return nil, readError(resp.StatusCode, text)
}

// document reads the server's description of its API, which stands beside it.
func (c *client) document(ctx context.Context) ([]byte, error) {
	resp, err := c.send(ctx, http.MethodGet, c.base+"/openapi.json", nil, nil)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
}

// within is the path of something in the application the user named, or in the
// only one there is.
func (c *client) within(ctx context.Context, parts ...string) (string, error) {
	if c.ours {
		return "/operational-webhook" + route(parts...), nil
	}
	if c.app == "" {
		var page struct{ Data []application }
		if _, err := c.call(ctx, http.MethodGet, "/app?limit="+strconv.Itoa(maxNamed+1), nil, &page); err != nil {
			return "", err
		}
		switch len(page.Data) {
		case 0:
			return "", errors.New(`there is no application yet; make one with "fanfare app create NAME"`)
		case 1:
			c.app = page.Data[0].ID
		default:
			return "", usagef("say which application with --app or FANFARE_APP; there are %s", named(page.Data))
		}
	}
	return "/app/" + url.PathEscape(c.app) + route(parts...), nil
}

// maxNamed bounds how many applications an error names.
const maxNamed = 10

// named are the names by which applications can be given.
func named(apps []application) string {
	var names []string
	for _, app := range apps[:min(len(apps), maxNamed)] {
		names = append(names, fmt.Sprintf("%s (%s)", cmp.Or(app.UID, app.ID), app.Name))
	}
	if len(apps) > maxNamed {
		names = append(names, `and more ("fanfare app list")`)
	}
	return strings.Join(names, ", ")
}

// route joins the parts of a path, of which some come from the user.
func route(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		b.WriteString("/" + url.PathEscape(part))
	}
	return b.String()
}

// maxPageSize is the most that the server gives at a time.
const maxPageSize = 250

// list reads at most limit things of a list, a page at a time.
func (c *client) list(ctx context.Context, path string, query url.Values, limit int, each func(json.RawMessage) error) error {
	if query == nil {
		query = make(url.Values)
	}
	for limit > 0 {
		query.Set("limit", strconv.Itoa(min(limit, maxPageSize)))
		var page struct {
			Data     []json.RawMessage
			Iterator *string
			Done     bool
		}
		if _, err := c.call(ctx, http.MethodGet, path+"?"+query.Encode(), nil, &page); err != nil {
			return err
		}
		for _, item := range page.Data {
			if err := each(item); err != nil {
				return err
			}
		}
		limit -= len(page.Data)
		if page.Done || page.Iterator == nil { // a page may be empty before the list is done
			return nil
		}
		query.Set("iterator", *page.Iterator)
	}
	return nil
}
