package connecttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/fanfarehq/fanfare"
)

// leaks looks for secrets of the case's config where people see them.
func (c *Case) leaks(t *testing.T, sink fanfare.Sink, reply fanfare.Reply, err error, log *journal) {
	t.Helper()
	shown := map[string]string{
		"target": sink.Target(), "detail": reply.Detail, "url": reply.URL, "body": string(reply.ResponseBody),
		"request header": fmt.Sprint(reply.RequestHeader), "response header": fmt.Sprint(reply.ResponseHeader),
		"error": fmt.Sprint(err), "log": log.String(),
	}
	for _, secret := range c.secrets(c.Config) {
		for where, text := range shown {
			if strings.Contains(text, secret) {
				t.Errorf("the %s shows a secret: %s", where, text)
			}
		}
	}
}

// secrets are the values of hidden members of config. A URL is secret as a whole, and
// behind its host.
func (c *Case) secrets(config string) []string {
	var members map[string]json.RawMessage
	_ = json.Unmarshal([]byte(config), &members)
	var all []string
	for _, name := range c.Connector.Hidden {
		var text string
		if json.Unmarshal(members[name], &text) != nil || len(text) < 8 {
			continue
		}
		all = append(all, text)
		if u, err := url.Parse(text); err == nil && u.Host != "" && len(u.RequestURI()) > 8 {
			all = append(all, strings.Trim(u.RequestURI(), "/"))
		}
	}
	return all
}

// A journal is what a connector logs.
type journal struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.out.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.out.String()
}

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
