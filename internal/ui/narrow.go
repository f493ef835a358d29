package ui

import (
	"bytes"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// narrow takes out of a page what leads to where its visitor would be refused: buttons and
// forms whole, of other links all but their text, unless there is somewhere else to go.
func narrow(page []byte, opens func(method, path string) bool, instead func(path string) string) []byte {
	var out bytes.Buffer
	z := html.NewTokenizer(bytes.NewReader(page))
	within := ""  // the element that is being left out
	bare := false // a link's tags are
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		raw := bytes.Clone(z.Raw()) // to look at a tag changes it
		tag := html.Token{}
		if kind == html.StartTagToken || kind == html.EndTagToken {
			tag = z.Token()
		}
		switch {
		case within != "":
			if kind == html.EndTagToken && tag.Data == within {
				within = ""
			}
			continue
		case kind == html.StartTagToken && !offered(&tag, opens):
			to := valueOf(&tag, "href")
			if other := instead(to); tag.Data == "a" && other != "" {
				out.Write(bytes.Replace(raw, []byte(`href="`+to+`"`), []byte(`href="`+other+`"`), 1))
				continue
			}
			if bare = tag.Data == "a" && !slices.Contains(strings.Fields(valueOf(&tag, "class")), "button"); !bare {
				within = tag.Data
			}
			continue
		case kind == html.EndTagToken && tag.Data == "a" && bare:
			bare = false
			continue
		}
		out.Write(raw)
	}
	return out.Bytes()
}

// offered reports whether a link or a form leads to where the visitor is let.
func offered(tag *html.Token, opens func(method, path string) bool) bool {
	method, to := "GET", ""
	switch tag.Data {
	case "a":
		to = valueOf(tag, "href")
	case "form":
		method, to = strings.ToUpper(valueOf(tag, "method")), valueOf(tag, "action")
	}
	return !strings.HasPrefix(to, "/") || opens(method, to)
}

func valueOf(tag *html.Token, name string) string {
	for _, a := range tag.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}
