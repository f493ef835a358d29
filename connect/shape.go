package connect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/expression"
)

// Bounds of a Shape.
const (
	maxHoles  = 200
	maxFilled = 1 << 20 // bytes of what comes out
)

// A Shape is JSON in which every text is a [Template], such as the blocks of a chat's
// message. Names of members and all other values stay as they are. It may be used by
// many at once.
type Shape struct {
	pieces []shapePiece
	values bool // see ValuesOf
}

// A shapePiece is JSON as it is, or a template whose text stands there as a string.
type shapePiece struct {
	raw  []byte
	text *Template // nil: raw
}

// ShapeOf reads a Shape, which is what the member of that name holds.
func ShapeOf(member string, value json.RawMessage) (*Shape, error) {
	s := &Shape{}
	dec := jsontext.NewDecoder(bytes.NewReader(value))
	at, holes := int64(0), 0
	for {
		// In an object every other string is a name.
		in, seen := dec.StackIndex(dec.StackDepth())
		if dec.PeekKind() != '"' || in == '{' && seen%2 == 0 {
			if _, err := dec.ReadToken(); errors.Is(err, io.EOF) {
				s.pieces = append(s.pieces, shapePiece{raw: value[at:]})
				return s, nil
			} else if err != nil {
				return nil, &fanfare.InvalidError{Field: "config." + member, Reason: "is not JSON"}
			}
			continue
		}
		quoted, err := dec.ReadValue()
		if err != nil {
			return nil, &fanfare.InvalidError{Field: "config." + member, Reason: "is not JSON"}
		}
		var source string
		if json.Unmarshal(quoted, &source) != nil || !strings.Contains(source, "{{") {
			continue
		}
		where := member + strings.ReplaceAll(string(dec.StackPointer()), "/", ".")
		if holes++; holes > maxHoles {
			return nil, &fanfare.InvalidError{Field: "config." + member, Reason: fmt.Sprintf("more than %d texts have expressions", maxHoles)}
		}
		text, err := Text(where, source)
		if err != nil {
			return nil, err
		}
		end := dec.InputOffset()
		s.pieces = append(s.pieces, shapePiece{raw: value[at : end-int64(len(quoted))]}, shapePiece{text: text})
		at = end
	}
}

// ValuesOf is ShapeOf for JSON in which a text that is one expression and nothing else
// stands for that expression's value, such as a number, and not for a text.
func ValuesOf(member string, value json.RawMessage) (*Shape, error) {
	s, err := ShapeOf(member, value)
	if err == nil {
		s.values = true
	}
	return s, err
}

// Fill fills the templates in for a message. escape, if it is not nil, is applied to
// what comes from the message.
func (s *Shape) Fill(in *expression.Input, escape func(string) string) (json.RawMessage, error) {
	var b []byte
	for _, p := range s.pieces {
		if p.text == nil {
			b = append(b, p.raw...)
			continue
		}
		var err error
		if b, err = s.append(b, p.text, in, escape); err != nil {
			return nil, err
		}
		if len(b) > maxFilled {
			return nil, fmt.Errorf("more than %d bytes", maxFilled)
		}
	}
	return b, nil
}

// append adds what stands in place of a template.
func (s *Shape) append(b []byte, t *Template, in *expression.Input, escape func(string) string) ([]byte, error) {
	if s.values {
		value, err := t.JSON(in)
		return append(b, value...), err
	}
	text, err := t.Text(in, escape)
	if err != nil {
		return nil, err
	}
	return jsontext.AppendQuote(b, text)
}

// Shorten cuts text that is longer than most, counted as services do that count in
// UTF-16, and ends it with an ellipsis.
func Shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	units, at := 0, 0 // at is where there is still room for the ellipsis
	for i, r := range text {
		if units < most {
			at = i
		}
		if units += max(1, utf16.RuneLen(r)); units > most {
			return text[:at] + "…"
		}
	}
	return text
}

// OneLine is text as it may stand in a sink's Target: on one line, and not long.
func OneLine(text string) string { return Shorten(strings.Join(strings.Fields(text), " "), 200) }

// FirstLine is the beginning of a body as it may stand in a Reply's Detail.
func FirstLine(body []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(body), []byte("\n"))
	return strings.ToValidUTF8(string(bytes.TrimSpace(line[:min(len(line), 200)])), "")
}
