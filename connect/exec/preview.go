package exec

import (
	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
)

// Preview is what the program would be run with.
func (s *sink) Preview(msg *fanfare.Message) ([]fanfare.Preview, error) {
	body, err := s.body.Fill(msg, connect.CarriedInputOf(msg))
	if err != nil {
		return nil, err
	}
	return []fanfare.Preview{{To: "run " + s.name, Header: variables(msg), Body: body}}, nil
}
