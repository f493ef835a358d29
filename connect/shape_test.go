package connect_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare/connect"
	"github.com/fanfarehq/fanfare/connect/connecttest"
)

func TestShape(t *testing.T) {
	for source, want := range map[string]string{
		`"{{payload.who}}"`: `"<\"me\">"`,
		`5`:                 `5`,
		` [1.00, {"{{a}}":"{{eventType}}","b":[null,"{{payload.n}}",true]} ] `: ` [1.00, {"{{a}}":"a.b","b":[null,"1234567890123456789",true]} ] `,
		`{"a":"\u007b{payload.none}}","b":{}}`:                                 `{"a":"","b":{}}`,
		`["{{payload.n"]`:                                                      "config.card.0: a {{ is not closed by }}",
		`{"a":{"b":["x","{{"]}}`:                                               "config.card.a.b.1: a {{ is not closed by }}",
		`{"a":`:                                                                "config.card: is not JSON",
		`{"a":"` + "\xff" + `"}`:                                               "config.card: is not JSON",
		"[" + strings.Repeat(`"{{1}}",`, 200) + `"{{1}}"]`:                     "config.card: more than 200 texts have expressions",
	} {
		shape, err := connect.ShapeOf("card", json.RawMessage(source))
		got := fmt.Sprint(err)
		if err == nil {
			var text json.RawMessage
			text, err = shape.Fill(connect.InputOf(connecttest.Message("a.b", `{"who":"<\"me\">","n":1234567890123456789}`)), nil)
			if got = string(text); err != nil {
				got = err.Error()
			}
		}
		if got != want {
			t.Errorf("%.40s: %s; want %s", source, got, want)
		}
	}
}

// TestValues has texts that are one expression stand for its value.
func TestValues(t *testing.T) {
	shape, err := connect.ValuesOf("body", json.RawMessage(`{"n":"{{payload.n}}","{{n}}":["{{payload.all}}","n {{payload.n}}","{{payload.no}}",1.0],"who":"{{payload.who}}"}`))
	if err != nil {
		t.Fatal(err)
	}
	got, err := shape.Fill(connect.InputOf(connecttest.Message("a.b", `{"who":"<\"me\">","n":1234567890123456789,"all":[1, {}]}`)), nil)
	if want := `{"n":1234567890123456789,"{{n}}":[[1,{}],"n 1234567890123456789",null,1.0],"who":"<\"me\">"}`; string(got) != want || err != nil {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
}

func TestShapeIsBounded(t *testing.T) {
	shape, err := connect.ShapeOf("card", json.RawMessage(`["{{payload}}","{{payload}}"]`))
	if err != nil {
		t.Fatal(err)
	}
	msg := connecttest.Message("a.b", `"`+strings.Repeat("x", 600_000)+`"`)
	if _, err := shape.Fill(connect.InputOf(msg), nil); err == nil || err.Error() != "more than 1048576 bytes" {
		t.Errorf("%v", err)
	}
}

func TestShorten(t *testing.T) {
	for text, want := range map[string]string{
		"":           "",
		"four":       "four",
		"fives":      "fiv…",
		"äöüß":       "äöüß",
		"äöüßä":      "äöü…",
		"a😀b":        "a😀b",
		"a😀bc":       "a😀…",
		"ab😀c":       "ab…",
		"😀😀😀":        "😀…",
		"\xff\xffaa": "\xff\xffaa",
	} {
		if got := connect.Shorten(text, 4); got != want {
			t.Errorf("%q: %q; want %q", text, got, want)
		}
	}
}

func TestFirstLine(t *testing.T) {
	for body, want := range map[string]string{
		"": "", "no_text": "no_text", "\n one \n two": "one", "a\xffb": "ab",
		strings.Repeat("ä", 150): strings.Repeat("ä", 100), "x" + strings.Repeat("ä", 150): "x" + strings.Repeat("ä", 99),
	} {
		if got := connect.FirstLine([]byte(body)); got != want {
			t.Errorf("%q: %q; want %q", body, got, want)
		}
	}
}
