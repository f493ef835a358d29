package call

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
)

// Connector makes an HTTP request of each message.
func Connector() fanfare.Connector {
	return fanfare.Connector{
		About:   "Makes an HTTP request of it, as templates say.",
		Example: json.RawMessage(`{"method":"POST","url":"https://api.example.com/v1/leads","token":"0123456789abcdef","body":{"name":"{{payload.name}}","score":"{{payload.score}}"}}`),
		Hidden:  slices.Clone(Hidden),
		Where:   slices.Clone(Where),
		ByHTTP:  true,
		New: func(config []byte, way fanfare.Way) (fanfare.Sink, error) {
			c := Config{Method: http.MethodPost}
			if err := connect.Decode(config, &c); err != nil {
				return nil, err
			}
			r, err := Open(&c, way)
			if err != nil {
				return nil, err
			}
			return sink{r}, nil
		},
	}
}

// A sink makes one request for each message.
type sink struct{ *Caller }

// Send makes msg's request.
func (s sink) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	o, err := s.Call(ctx, msg, connect.InputOf(msg))
	if err != nil {
		return fanfare.Reply{}, err
	}
	return o.Reply, nil
}

// Close has nothing to end.
func (s sink) Close() error { return nil }
