package expression

import (
	"fmt"
	"strings"
	"testing"
)

const record = `{"type":"record.update","data":{"id":"r1","status":"open","abv":null,"size":3,"weight":2.5,"ok":true,
 "name":"A \"B\" é","tags":["x","y"],"latitude":27.77,"longitude":-82.64,"form":{"a.b":1,"id":7}},
 "previous":{"status":"new","size":3}}`

func input(payload string) *Input {
	return &Input{
		EventType: "record.update", Payload: []byte(payload),
		Headers: map[string]string{"x-github-event": "push"}, Channels: []string{"eu"}, Tags: []string{"vip"},
	}
}

func TestFilter(t *testing.T) {
	for _, c := range []struct {
		source string
		want   bool
		why    string
	}{
		{`eventType == "record.update"`, true, ""},
		{`payload.data.status == "open"`, true, ""},
		{`payload.data.status in ["a", "b"]`, false, ""},
		{`payload.data.size == 3 && payload.data.size > 2.5 && payload.data.weight < 3`, true, ""},
		{`payload.data.size % 2 == 1`, true, ""},
		{`payload.data.ok`, true, ""},
		{`payload.data.abv == null`, true, ""},
		{`has(payload.data.nothing)`, false, ""},
		{`!has(payload.data.nothing) && has(payload.data.form.id)`, true, ""},
		{`payload.data.name == "A \"B\" é"`, true, ""},
		{`"y" in payload.data.tags && payload.data.tags.size() == 2`, true, ""},
		{`payload.data.tags.exists(t, t.startsWith("x"))`, true, ""},
		{`payload.data.form["a.b"] == 1`, true, ""},
		{`"form" in payload.data && size(payload.data.form) == 2`, true, ""},
		{`payload.data.form == {"id": 7, "a.b": 1}`, true, ""},
		{`headers["x-github-event"] == "push"`, true, ""},
		{`"eu" in channels && "vip" in tags`, true, ""},
		{`payload.data.name.matches("^A .*")`, true, ""},
		{`payload.data.name.lower().contains("b")`, true, ""},
		{`changed("status")`, true, ""},
		{`changed("size")`, false, ""},
		{`changed("weight")`, true, ""}, // it was not there before
		{`changed("abv")`, false, ""},   // nothing then, and nothing now
		{`changed("status") && payload.data.status == "open"`, true, ""},
		{`within(payload.data.latitude, payload.data.longitude, 27.76, -82.63, 2000)`, true, ""},
		{`within(payload.data.latitude, payload.data.longitude, 27.76, -82.63, 100)`, false, ""},
		{`within(payload.data.latitude, payload.data.longitude, [[27, -83], [28, -83], [28, -82], [27, -82]])`, true, ""},
		{`within(payload.data.latitude, payload.data.longitude, [[27, -82], [28, -82], [28, -81]])`, false, ""},
		{`distance(52.5200, 13.4050, 48.8566, 2.3522) > 877000 && distance(52.52, 13.405, 48.8566, 2.3522) < 878500`, true, ""},
		{`payload.data.nothing == 1`, false, "the message has no nothing"},
		{`payload.data.status > 3`, false, "something in the message is of another kind than the expression wants"},
		{`payload.data.size`, false, "it is neither true nor false for this message"},
		{`within("a", 1, 2, 3, 4)`, false, "a place is numbers, in degrees"},
		{`payload.data.tags.all(a, payload.data.tags.all(b, a != b || true))`, true, ""},
	} {
		f, err := ParseFilter(c.source)
		if err != nil {
			t.Errorf("%s: %v", c.source, err)
			continue
		}
		if got, why := f.Match(input(record)); got != c.want || why != c.why {
			t.Errorf("%s = %v, %q; want %v, %q", c.source, got, why, c.want, c.why)
		}
	}
}

func TestChangedAsStripeHasIt(t *testing.T) {
	f, err := ParseFilter(`changed("amount") && !changed("name")`)
	if err != nil {
		t.Fatal(err)
	}
	in := input(`{"data":{"object":{"amount":2,"name":"a"},"previous_attributes":{"amount":1}}}`)
	if got, why := f.Match(in); !got {
		t.Error("not matched:", why)
	}
	if got, _ := f.Match(input(`{"data":{"amount":2}}`)); got {
		t.Error("without a word on what was before, something changed")
	}
}

func TestFilterRefused(t *testing.T) {
	for source, want := range map[string]string{
		``:                        "is empty",
		`payload.`:                "column 9: ",
		`"a"`:                     "is string, not bool",
		`eventType == 3`:          "column 11: ",
		`nothing == 3`:            "column 1: undeclared reference",
		`payload.matches("(")`:    "column 17: ",
		`eventType.foo()`:         "column 14: ",
		strings.Repeat("!", 5000): "5000 bytes; at most 4096 are allowed",
		strings.Repeat("(", 100):  "column ",
		strings.Repeat("[", 1000): "column ",
		`channels.all(a, tags.all(b, channels.all(c, a == b && b == c)))`: "column ",
	} {
		_, err := ParseFilter(source)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40s: %v; want %s…", source, err, want)
		}
	}
}

func TestFilterOnOtherPayloads(t *testing.T) {
	f, err := ParseFilter(`payload == 863`)
	if err != nil {
		t.Fatal(err)
	}
	for payload, want := range map[string]struct {
		match bool
		why   string
	}{
		`863`:                   {true, ""},
		` 863.0 `:               {true, ""},
		`864`:                   {false, ""},
		`"863"`:                 {false, ""},
		`[863]`:                 {false, ""},
		`null`:                  {false, ""},
		``:                      {false, "the payload is not JSON"},
		`863 863`:               {false, "the payload is not JSON"},
		`nonsense`:              {false, "the payload is not JSON"},
		`payload=%7B%22a%22%7D`: {false, "the payload is not JSON"},
		`{"a":`:                 {false, "the payload is not JSON"},
	} {
		if got, why := f.Match(input(payload)); got != want.match || why != want.why {
			t.Errorf("%s: %v, %q", payload, got, why)
		}
	}
	last, err := ParseFilter(`payload.a == 2`)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := last.Match(input(`{"a":1,"\u0061":2}`)); !got {
		t.Error("of a key that is there twice the last does not count")
	}
}

// TestBrokenPayloads has expressions that are true of a payload if what cannot be read of
// it is taken for something.
func TestBrokenPayloads(t *testing.T) {
	for _, source := range []string{
		`has(payload.a)`, `"a" in payload`, `!("z" in payload)`, `size(payload) == 0`, `payload == {}`, `payload == payload`,
		`payload.all(k, k == "z")`, `!has(payload.z)`, `!changed("a")`, `payload.size() < 9`,
	} {
		f, err := ParseFilter(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		for _, payload := range []string{`{"a" 1}`, `{"a":1,2}`, `{a:1}`} {
			if got, why := f.Match(input(payload)); got || why != "the payload is not JSON" {
				t.Errorf("%s of %s = %v, %q", source, payload, got, why)
			}
		}
	}
}

// bombs are expressions that would take long on the payload made for them.
var bombs = []string{
	`payload.a.all(x, payload.a.all(y, x == y))`,
	`payload.a.map(x, payload.a).size() > 3`,
	`payload.s.matches("(a*)*b")`,
	`payload.s.replace("a", payload.s).size() > 3`,
	`payload.s.split("").size() > 3`,
	`(payload.s + payload.s + payload.s + payload.s).contains("b")`,
	`payload.a + payload.a + payload.a == payload.a`,
	`payload.a.all(x, payload.s.lower() != "b")`,
	`[1,2,3,4,5,6,7,8,9].all(x, payload == payload)`,
	`[payload] == [payload]`,
	`payload.s.matches("(a{1,200}){1}b")`,
	`payload.a.size() > 3`,
}

var bombPayload = `{"a":[` + strings.Repeat("1,", 200_000) + `1],"s":"` + strings.Repeat("a", 500_000) + `"}`

func TestBombs(t *testing.T) {
	for _, source := range bombs {
		f, err := ParseFilter(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got, why := f.Match(input(bombPayload)); got || why != "it takes too long on this message" {
			t.Errorf("%s = %v, %q", source, got, why)
		}
	}
}

func TestTemplate(t *testing.T) {
	for source, want := range map[string]string{
		``:                    ``,
		`plain } text`:        `plain } text`,
		`{{payload.data.id}}`: `r1`,
		`{{ payload.data.size }} of {{payload.data.weight}}, {{ payload.data.ok }}`: `3 of 2.5, true`,
		`a{{ payload.data.nothing }}b{{ payload.data.abv }}c`:                       `abc`,
		`{{ payload.data.form }} {{ payload.data.tags }}`:                           `{"a.b":1,"id":7} ["x","y"]`,
		`{{ "★".substring(0, 1) + eventType }}`:                                     `★record.update`,
		`{{ payload.data.status == "open" ? "yes" : "no" }}`:                        `yes`,
		`{{ channels }}`:                              `["eu"]`,
		`{{ payload.data.tags.join(", ") }}`:          `x, y`,
		`{{ payload.data.tags.map(t, t + "!") }}`:     `["x!","y!"]`,
		`{{ {"a": payload.data.size, "b": [null]} }}`: `{"a":3,"b":[null]}`,
	} {
		tm, err := ParseTemplate(source)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got, err := tm.Text(input(record), nil); got != want || err != nil {
			t.Errorf("%s = %q, %v; want %q", source, got, err, want)
		}
	}
	tm, err := ParseTemplate(`<{{ payload.data.name }}>`)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := tm.Text(input(record), strings.ToUpper); got != `<A "B" É>` {
		t.Errorf("escaped: %s", got)
	}
	for source, want := range map[string]string{
		`a {{ payload`:                        "a {{ is not closed by }}",
		`{{ payload. }}`:                      "{{ payload. }}: column 9: ",
		strings.Repeat("x", maxTemplate+1):    "65537 bytes; ",
		strings.Repeat("{{1}}", 2*maxHoles+1): "more than 200 expressions",
	} {
		if _, err := ParseTemplate(source); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.30s: %v", source, err)
		}
	}
}

func FuzzFilterPayload(f *testing.F) {
	filter, err := ParseFilter(`payload.a.b == 1 || payload.c[0] == "x" || changed("d") || size(payload) == 3 || payload == {"x": 1}`)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{record, `{"a":{"b":1}}`, `{"c":["x"]}`, `{`, `{"`, `{"a"`, `{"a":`, `[1,`, `{"a":"\`, `{,}`, `{"a" 1}`, `{"\ud800":1}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		first, why := filter.Match(&Input{Payload: payload})
		again, whyAgain := filter.Match(&Input{Payload: payload})
		if first != again || why != whyAgain {
			t.Errorf("%v, %q and then %v, %q", first, why, again, whyAgain)
		}
	})
}

func BenchmarkFilter(b *testing.B) {
	payload := fmt.Sprintf(`{"id":"evt_1","type":"record.update","created":"2026-11-22T10:00:00Z","data":{"id":"r1","form_id":"f1","status":"open","size":3,"note":%q,"values":{"a1b2":"x","c3d4":{"choice_values":["y"],"other_values":[]}}}}`, strings.Repeat("word ", 160))
	for name, source := range map[string]string{
		"one":   `payload.data.status == "open"`,
		"three": `payload.data.status == "open" && payload.data.size > 2 && payload.data.form_id in ["f0", "f1"]`,
		"type":  `eventType == "record.update"`,
	} {
		b.Run(name, func(b *testing.B) {
			f, err := ParseFilter(source)
			if err != nil {
				b.Fatal(err)
			}
			msg := input(payload)
			b.ReportAllocs()
			b.SetBytes(int64(len(payload)))
			for b.Loop() {
				in := *msg // of which nothing was read yet
				if ok, why := f.Match(&in); !ok {
					b.Fatal(why)
				}
			}
		})
	}
}

// BenchmarkBombs is what the worst filters take before they are ended.
func BenchmarkBombs(b *testing.B) {
	for i, source := range bombs {
		b.Run(fmt.Sprint(i), func(b *testing.B) {
			f, err := ParseFilter(source)
			if err != nil {
				b.Fatal(err)
			}
			msg := input(bombPayload)
			for b.Loop() {
				in := *msg
				f.Match(&in)
			}
		})
	}
}
