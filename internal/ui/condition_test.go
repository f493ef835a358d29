package ui

import (
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare/internal/expression"
)

// TestConditionsWriteExpressions has rows write a filter, reads the rows out of it again,
// and asks the filter about messages.
func TestConditionsWriteExpressions(t *testing.T) {
	yes := &expression.Input{
		EventType: "record.created", Tags: []string{"vip", "5"},
		Payload: []byte(`{"status":"open","n":7,"zip":"0123","ok":true,"none":null,"to":["a","b"],"a":{"b":{"c":"x y"}},"order-id":"1","in":"word","lines":[{"sku":"s"}],"said":"\"hi\" || 1 == 1","1":"one"}`),
	}
	for _, c := range []struct {
		name string
		in   conditions
		want string
		says bool
	}{
		{"a text", conditions{Rows: []condition{{"payload.status", "is", "open"}}}, `payload.status == "open"`, true},
		{"what is of the payload need not say so", conditions{Rows: []condition{{"status", "not", "open"}}}, `payload.status != "open"`, false},
		{"a number", conditions{Rows: []condition{{"n", "more", "5"}, {"n", "less", "7.5"}}}, `payload.n > 5 && payload.n < 7.5`, true},
		{"any of them", conditions{Any: true, Rows: []condition{{"n", "more", "50"}, {"ok", "is", "true"}, {"none", "is", "null"}}}, `payload.n > 50 || payload.ok == true || payload.none == null`, true},
		{"a text that looks like a number, by its kind", conditions{Rows: []condition{{"zip", "is", "123"}}}, `payload.zip == "123"`, false},
		{"a text that looks like a number, in quotes", conditions{Rows: []condition{{"n", "is", `"7"`}}}, `payload.n == "7"`, false},
		{"a part of a text", conditions{Rows: []condition{{"a.b.c", "contains", "x "}}}, `payload.a.b.c.contains("x ")`, true},
		{"what a list has, by its kind", conditions{Rows: []condition{{"to", "contains", "b"}}}, `"b" in payload.to`, true},
		{"what a list has", conditions{Rows: []condition{{"tags", "has", "5"}}}, `"5" in tags`, true},
		{"a name that is none in CEL", conditions{Rows: []condition{{"order-id", "is", `"1"`}, {"payload.in", "is", "word"}}}, `payload["order-id"] == "1" && payload["in"] == "word"`, true},
		{"an element", conditions{Rows: []condition{{"lines.0.sku", "is", "s"}}}, `payload.lines[0].sku == "s"`, true},
		{"a member that is a number", conditions{Rows: []condition{{`payload["1"]`, "is", "one"}}}, `payload["1"] == "one"`, true},
		{"quotes and operators within a text", conditions{Rows: []condition{{"said", "is", `"\"hi\" || 1 == 1"`}, {"eventType", "is", "record.created"}}}, `payload.said == "\"hi\" || 1 == 1" && eventType == "record.created"`, true},
		{"nothing", conditions{Rows: []condition{{"", "is", ""}}}, ``, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			kinds := map[string]string{"payload.zip": kindText, "payload.to": kindList}
			text, problem := c.in.expression(kinds)
			if text != c.want || problem != "" {
				t.Fatalf("it is %q, %q; want %q", text, problem, c.want)
			}
			if text == "" {
				return
			}
			rows, ok := parseConditions(text)
			if again, _ := rows.expression(nil); !ok || again != text || rows.Any != c.in.Any {
				t.Errorf("it is read as %+v, %v, which is %q", rows, ok, again)
			}
			f, err := expression.ParseFilter(text)
			if err != nil {
				t.Fatal(err)
			}
			in := *yes
			if says, why := f.Match(&in); says != c.says {
				t.Errorf("it says %v of the message, %s", says, why)
			}
		})
	}
}

// TestConditionsRefuseWhatIsNoMember names the row and what is wrong.
func TestConditionsRefuseWhatIsNoMember(t *testing.T) {
	for _, member := range []string{"", "a..b", "a[", "a[x]", `a["x`, "a b)", "a(", `"a"`, ".a", "a.", "[0]"} {
		c := conditions{Rows: []condition{{"ok", "is", "1"}, {member, "is", "x"}}}
		if text, problem := c.expression(nil); text != "" || problem == "" {
			t.Errorf("%q is taken for a member: %q", member, text)
		}
	}
}

// TestOnlyConditionsAreRows leaves every expression alone that says more than rows do.
func TestOnlyConditionsAreRows(t *testing.T) {
	for _, text := range []string{
		`payload["a"] == 1`, `payload.a == "x" && payload.b == 1 || payload.c == 2`, `!payload.ok`, `payload.a == payload.b`, `payload.a.lower() == "x"`, `changed("status")`,
		`(payload.a == 1)`, `payload.a == 1 &&  payload.b == 2`, `payload.a==1`, `payload.a == 'x'`, `payload.a >= 1`, `payload.a == 1.`, `size(payload.a) > 1`,
		`payload.a.contains(payload.b)`, `payload.a == "x" && `, `within(1.0, 2.0, 3.0, 4.0, 5.0)`, `payload.a.exists(x, x == 1)`, `"a" in ["a"]`, `payload.a == "x"y`,
	} {
		if rows, ok := parseConditions(text); ok {
			t.Errorf("%s is read as %+v", text, rows)
		}
	}
	c, ok := parseConditions("")
	if !ok && len(c.Rows) > 0 || c.Any {
		t.Errorf("nothing is read as %+v", c)
	}
}

// FuzzConditions has any value come back out of what it is written into, and any
// expression that is read as rows be what they write.
func FuzzConditions(f *testing.F) {
	f.Add("payload.a", "is", "x", `payload.a == "x"`)
	f.Add(`a["b c"][3]`, "contains", "\"\\\x00\u2028", `payload.a.contains("x") || "y" in tags`)
	f.Fuzz(func(t *testing.T, member, relation, value, text string) {
		c := conditions{Rows: []condition{{member, relation, value}}}
		if made, problem := c.expression(nil); problem == "" && made != "" {
			rows, ok := parseConditions(made)
			if again, _ := rows.expression(nil); !ok || again != made {
				t.Errorf("%q is read as %+v, which writes %q", made, rows, again)
			}
		}
		rows, ok := parseConditions(text)
		if again, _ := rows.expression(nil); ok && again != strings.TrimSpace(text) {
			t.Errorf("%q is read as %+v, which writes %q", text, rows, again)
		}
	})
}
