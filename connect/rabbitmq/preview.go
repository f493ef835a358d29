package rabbitmq

import (
	"fmt"
	"slices"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
)

// compose makes of msg what is published, and its routing key. An error is one that the
// same message meets each time.
func (s *sink) compose(msg *fanfare.Message) (key string, out amqp.Publishing, err error) {
	in := connect.CarriedInputOf(msg)
	if key, err = connect.Fill("routingKey", s.key, in, nil); err != nil {
		return "", out, err
	}
	if len(key) > maxName || key == "" && s.config.Exchange == "" {
		return "", out, fmt.Errorf("routingKey renders %q, which is none", connect.Shorten(key, 100))
	}
	out = amqp.Publishing{
		DeliveryMode: amqp.Persistent, MessageId: string(msg.ID), Type: connect.Shorten(msg.EventType, maxName),
		Timestamp: msg.CreatedAt, AppId: "fanfare", ContentType: connect.ContentType(msg), Headers: make(amqp.Table),
	}
	for _, h := range connect.Carried(msg) {
		out.Headers[h.Name] = h.Value
	}
	out.Body, err = s.body.Fill(msg, in)
	return key, out, err
}

// headerOf is what goes with out beside its body, as it is recorded: of its properties
// those that tell of the message, by the names that AMQP has for them, and its header.
func headerOf(out *amqp.Publishing) []fanfare.Header {
	lines := []fanfare.Header{{Name: "content_type", Value: out.ContentType}, {Name: "message_id", Value: out.MessageId}, {Name: "type", Value: out.Type}}
	for name, value := range out.Headers {
		lines = append(lines, fanfare.Header{Name: name, Value: fmt.Sprint(value)})
	}
	slices.SortFunc(lines, func(a, b fanfare.Header) int { return strings.Compare(a.Name, b.Name) })
	return lines
}

// Preview is what would be published.
func (s *sink) Preview(msg *fanfare.Message) ([]fanfare.Preview, error) {
	key, out, err := s.compose(msg)
	if err != nil {
		return nil, err
	}
	to := "publish to the queue " + key
	if s.config.Exchange != "" {
		to = "publish to the exchange " + s.config.Exchange + " with the routing key " + key
	}
	if s.config.VHost != "/" {
		to += " in " + s.config.VHost
	}
	return []fanfare.Preview{{To: connect.OneLine(to) + " at " + strings.Join(s.servers, ","), Header: headerOf(&out), Body: out.Body}}, nil
}
