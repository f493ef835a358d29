package expression

import (
	"fmt"
	"strings"
	"testing"
)

func TestTemplateJSON(t *testing.T) {
	for source, want := range map[string]string{
		`{{ payload.data.size }}`:             `3`,
		`{{ payload.data.weight }}`:           `2.5`,
		`{{ payload.data.ok }}`:               `true`,
		`{{ payload.data.abv }}`:              `null`,
		`{{ payload.data.nothing }}`:          `null`,
		`{{ payload.data.name }}`:             `"A \"B\" é"`,
		`{{ payload.data.tags }}`:             `["x","y"]`,
		`{{ payload.data.form }}`:             `{"a.b":1,"id":7}`,
		`{{ payload.data.tags.map(t, [t]) }}`: `[["x"],["y"]]`,
		` {{ payload.data.size }}`:            `" 3"`,
		`{{ payload.data.size }}{{ 1 }}`:      `"31"`,
		``:                                    `""`,
		`{{ answer.abv }}`:                    `7.5`,
		`{{ answer.abv + 0.25 }}`:             `7.75`,
		`{{ payload.data.name.size() / 0 }}`:  `division by zero`,
	} {
		tm, err := ParseTemplate(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		in := input(record)
		in.Answer = []byte(`{"abv":7.50}`)
		got, err := tm.JSON(in)
		if err != nil {
			got = []byte(err.Error())
		}
		if text := string(got); text != want {
			t.Errorf("%s: %s; want %s", source, got, want)
		}
		if n := strings.Count(source, "{{"); tm.Holes() != n {
			t.Errorf("%s has %d expressions; want %d", source, tm.Holes(), n)
		}
	}
}

func TestAnswer(t *testing.T) {
	f, err := ParseFilter(`answer.abv > 5`)
	if err != nil {
		t.Fatal(err)
	}
	for answer, want := range map[string]string{
		`{"abv":6}`: "true ", `{"abv":5}`: "false ", `{}`: "false the message has no abv", ``: "false ", `<html>`: "false ",
	} {
		in := input(record)
		if answer != "" {
			in.Answer = []byte(answer)
		}
		ok, why := f.Match(in)
		if got := fmt.Sprint(ok, " ", why); !strings.HasPrefix(got, want) || ok != (want == "true ") {
			t.Errorf("%q: %s; want %s", answer, got, want)
		}
	}
}

// TestNearest finds who is nearest to a place, within a template.
func TestNearest(t *testing.T) {
	const nearest = `{{payload.people.filter(p, payload.people.all(q, ` +
		`distance(payload.lat, payload.lon, p.lat, p.lon) <= distance(payload.lat, payload.lon, q.lat, q.lon)))[0].email}}`
	const people = `"people":[{"email":"tampa@example.com","lat":27.95,"lon":-82.46},{"email":"miami@example.com","lat":25.76,"lon":-80.19},{"email":"orlando@example.com","lat":28.54,"lon":-81.38}]`
	tm, err := ParseTemplate(nearest + ` {{within(payload.lat, payload.lon, [[27, -83], [29, -83], [29, -81], [27, -81]])}} {{within(payload.lat, payload.lon, 28, -82, 30000)}}`)
	if err != nil {
		t.Fatal(err)
	}
	for where, want := range map[string]string{
		`"lat":28.03,"lon":-82.1`: "tampa@example.com true true",
		`"lat":28.5,"lon":-81.4`:  "orlando@example.com true false",
		`"lat":25,"lon":-80`:      "miami@example.com false false",
	} {
		if got, err := tm.Text(input(`{`+where+`,`+people+`}`), nil); got != want || err != nil {
			t.Errorf("%s: %s, %v; want %s", where, got, err, want)
		}
	}
}
