package ui

import "net/url"

// An unsent list says why a message was not sent to some endpoints.
type unsent struct {
	Heading string
	Rows    []unsentRow
	More    string // how many others there are; "": none
	Open    bool   // there is nothing else to be seen of where the message went
}

type unsentRow struct{ URL, Name, Why string }

// unsent are the endpoints that a message was not sent to; nil if it was sent to all, or
// the visitor may not know. sent: it was sent to some.
func (v *visit) unsent(msg string, sent bool) (*unsent, error) {
	if !v.reaches("GET /app/{app}/msg/{msg}/unsent") {
		return nil, nil
	}
	var list struct {
		Data []struct {
			endpointOut
			Why string
		}
		More int
	}
	if err := v.read(&list, v.of("msg", msg, "unsent")); err != nil || len(list.Data) == 0 {
		return nil, err
	}
	out := &unsent{Heading: "Not sent to " + count(len(list.Data)+list.More, "endpoint", "endpoints"), Open: !sent}
	for _, ep := range list.Data {
		out.Rows = append(out.Rows, unsentRow{v.base + "/endpoint/" + url.PathEscape(ep.ID), ep.Name(), ep.Why})
	}
	if list.More > 0 {
		out.More = count(list.More, "other", "others")
	}
	return out, nil
}
