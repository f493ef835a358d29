package connecttest

import (
	"context"
	"errors"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
)

// previews sees that a dry run can show what would be sent: by the requests of a sink that
// makes nothing else, or because the sink says it, which reaches for nothing.
func (c *Case) previews(t *testing.T) {
	if c.Connector.ByHTTP {
		return // the requests are those that are sent
	}
	way := c.way(t, nil)
	way.dial = func(context.Context, string, string) (net.Conn, error) {
		t.Error("a preview has dialled")
		return nil, errors.New("this is a dry run")
	}
	sink := c.open(t, c.Config, way)
	p, ok := sink.(fanfare.Previewer)
	if !ok {
		t.Fatal("nothing of it can be shown in a dry run: it is not ByHTTP, and no fanfare.Previewer")
	}
	msg := c.message()
	shown, err := p.Preview(msg)
	if err != nil || len(shown) == 0 {
		t.Fatalf("%+v, %v", shown, err)
	}
	for _, one := range shown {
		if one.To == "" || strings.Contains(one.To, "\n") {
			t.Errorf("where it would go is no line: %q", one.To)
		}
		c.leaks(t, sink, fanfare.Reply{URL: one.To, RequestHeader: one.Header, ResponseBody: one.Body}, nil, way.log)
	}
	if again, err := p.Preview(msg); err != nil || !reflect.DeepEqual(shown, again) {
		t.Errorf("shown again it is another (%v):\n%+v\n%+v", err, shown, again)
	}
}

// Preview is the one thing that a sink says it would send.
func Preview(t *testing.T, sink fanfare.Sink, msg *fanfare.Message) fanfare.Preview {
	t.Helper()
	own := *msg
	shown, err := sink.(fanfare.Previewer).Preview(&own)
	if err != nil || len(shown) != 1 {
		t.Fatalf("%+v, %v", shown, err)
	}
	return shown[0]
}
