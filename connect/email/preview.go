package email

import (
	"bytes"
	"net"

	"github.com/fanfarehq/fanfare"
)

// Preview is the mail about msg, whole.
func (s *sink) Preview(msg *fanfare.Message) ([]fanfare.Preview, error) {
	m, err := s.compose(msg)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if _, err := m.WriteTo(&text); err != nil {
		return nil, err
	}
	to, err := m.GetRecipients()
	if err != nil {
		return nil, err
	}
	p := fanfare.Preview{To: "mail by " + net.JoinHostPort(s.host, s.port), Body: text.Bytes()}
	for _, address := range to {
		p.Header = append(p.Header, fanfare.Header{Name: "RCPT TO", Value: address})
	}
	return []fanfare.Preview{p}, nil
}
