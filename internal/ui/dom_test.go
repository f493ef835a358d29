package ui_test

import (
	"strings"

	"golang.org/x/net/html"
)

// formOf is the form that a button with these words is in; nil: there is none.
func (d *doc) formOf(button string) (form *html.Node) {
	each(d.root, func(n *html.Node) {
		if n.Data == "button" && strings.TrimSpace(text(n)) == button {
			form = n
		}
	})
	for ; form != nil && form.Data != "form"; form = form.Parent {
	}
	return form
}

// valuesOf is what a form would send, but for its buttons.
func valuesOf(form *html.Node) map[string][]string {
	values := map[string][]string{}
	each(form, func(n *html.Node) {
		name := attr(n, "name")
		kind := attr(n, "type")
		switch {
		case name == "" || n.Data == "button":
		case n.Data == "textarea":
			values[name] = append(values[name], strings.TrimPrefix(text(n), "\n"))
		case n.Data == "select":
			chosen := ""
			first := true
			each(n, func(o *html.Node) {
				if o.Data == "option" && (first || has(o, "selected")) {
					chosen, first = attr(o, "value"), false
				}
			})
			values[name] = append(values[name], chosen)
		case n.Data == "input" && (kind == "checkbox" || kind == "radio"):
			if has(n, "checked") {
				values[name] = append(values[name], attr(n, "value"))
			}
		case n.Data == "input" && kind == "hidden":
			values[name] = append(values[name], attr(n, "value"))
		case n.Data == "input": // as browsers say it, who have one line there
			values[name] = append(values[name], strings.NewReplacer("\r", "", "\n", "").Replace(attr(n, "value")))
		}
	})
	return values
}

func each(n *html.Node, do func(*html.Node)) {
	if n.Type == html.ElementNode {
		do(n)
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		each(c, do)
	}
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

func text(n *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
	}
	walk(n)
	return b.String()
}

// words are the text of the page's main part, with single spaces.
func (d *doc) words() string {
	var main string
	each(d.root, func(n *html.Node) {
		if n.Data == "main" {
			main = text(n)
		}
	})
	return strings.Join(strings.Fields(main), " ")
}

// says fails the test unless the page has all of these texts.
func (d *doc) says(want ...string) *doc {
	d.t.Helper()
	words := d.words()
	for _, text := range want {
		if !strings.Contains(words, text) {
			d.t.Errorf("%s does not say %q: %s", d.path, text, words)
		}
	}
	return d
}

// lacks fails the test if the page has one of these texts.
func (d *doc) lacks(not ...string) *doc {
	d.t.Helper()
	words := d.words()
	for _, text := range not {
		if strings.Contains(words, text) {
			d.t.Errorf("%s says %q: %s", d.path, text, words)
		}
	}
	return d
}

// all are the texts of the elements of a name, or their attributes.
func (d *doc) all(name, attribute string) (found []string) {
	each(d.root, func(n *html.Node) {
		if n.Data != name {
			return
		}
		if attribute == "" {
			found = append(found, strings.Join(strings.Fields(text(n)), " "))
		} else if has(n, attribute) {
			found = append(found, attr(n, attribute))
		}
	})
	return found
}
