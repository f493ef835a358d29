package file

import (
	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
)

// Preview is the line that would be appended.
func (s *sink) Preview(msg *fanfare.Message) ([]fanfare.Preview, error) {
	line, err := connect.LineOf(msg)
	if err != nil {
		return nil, err
	}
	return []fanfare.Preview{{To: "append to " + s.Target(), Body: line}}, nil
}
