package nats

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
)

// compose makes of msg what is published. An error is one that the same message meets
// each time.
func (s *sink) compose(msg *fanfare.Message) (*nats.Msg, error) {
	in := connect.CarriedInputOf(msg)
	subject, err := connect.Fill("subject", s.subject, in, nil)
	if err != nil {
		return nil, err
	}
	if !isSubject(subject) {
		return nil, fmt.Errorf("subject renders %q, which is none that can be published to", connect.Shorten(subject, 100))
	}
	out := nats.NewMsg(subject)
	if out.Data, err = s.body.Fill(msg, in); err != nil {
		return nil, err
	}
	out.Header.Set("Content-Type", connect.ContentType(msg))
	out.Header.Set(nats.MsgIdHdr, string(msg.ID))
	for _, h := range connect.Carried(msg) {
		out.Header.Set(h.Name, h.Value)
	}
	return out, nil
}

// headerOf is out's header, as it is recorded.
func headerOf(out *nats.Msg) []fanfare.Header {
	lines := make([]fanfare.Header, 0, len(out.Header))
	for name, values := range out.Header {
		lines = append(lines, fanfare.Header{Name: name, Value: values[0]})
	}
	slices.SortFunc(lines, func(a, b fanfare.Header) int { return strings.Compare(a.Name, b.Name) })
	return lines
}

// Preview is what would be published.
func (s *sink) Preview(msg *fanfare.Message) ([]fanfare.Preview, error) {
	out, err := s.compose(msg)
	if err != nil {
		return nil, err
	}
	return []fanfare.Preview{{To: "publish to the subject " + out.Subject + " at " + strings.Join(s.servers, ","), Header: headerOf(out), Body: out.Data}}, nil
}
