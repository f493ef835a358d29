package ui

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/fanfarehq/fanfare"
)

// What a script can be tried on beside messages are the examples of event types: each is
// called by exampleMark, its place, and its event type.
const (
	exampleMark = "example:"
	maxTried    = 200 // examples that are offered
)

// exampleOptions are the examples of the catalogue's first page, as far as the visitor may
// see it.
func (v *visit) exampleOptions(chosen string) (all []option, err error) {
	var list listOf[eventTypeOut]
	if v.reaches("GET /event-type") {
		err = v.read(&list, "/event-type", "limit", fmt.Sprint(fanfare.MaxPage))
	}
	for _, t := range list.Data {
		// What is made to fit a schema is made only when it is tried.
		for i := range max(len(t.Examples), min(1, len(t.Schemas))) {
			if len(all) == maxTried {
				return all, err
			}
			value, text := fmt.Sprintf("%s%d:%s", exampleMark, i, t.Name), "Example of "+t.Name
			if i > 0 {
				text += fmt.Sprintf(", the %s", ordinal(i+1))
			}
			all = append(all, option{value, text, value == chosen})
		}
	}
	return all, err
}

// exampleSaid is the example that the form names, if it names one, and its event type; nil:
// it is not there.
func (v *visit) exampleSaid() (name string, payload json.RawMessage, is bool, err error) {
	said, is := strings.CutPrefix(v.said("message"), exampleMark)
	place, name, _ := strings.Cut(said, ":")
	i, bad := strconv.Atoi(place)
	if !is || bad != nil || i < 0 {
		return name, nil, is, nil
	}
	var t eventTypeOut
	err = v.read(&t, "/event-type/"+url.PathEscape(name))
	if _, refused := isRefused(err); refused {
		return name, nil, true, nil
	}
	if err != nil {
		return name, nil, true, err
	}
	payload, bad = t.kept().Example(i)
	if bad != nil {
		return name, nil, true, nil // it is not there any more
	}
	return name, payload, true, nil
}

// ordinal is such as "second".
func ordinal(n int) string {
	if names := []string{"first", "second", "third", "fourth", "fifth"}; n <= len(names) {
		return names[n-1]
	}
	return fmt.Sprintf("%dth", n)
}
