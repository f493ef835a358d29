package fanfare

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// headerTag begins a tag that keeps one header of the request that a message came with,
// as "fanfare-header:x-github-event: push". As a tag it can be searched for, and costs
// nothing where there is none.
const headerTag = "fanfare-header:"

// Bounds on the headers that a message keeps.
const (
	maxKept      = 24
	maxKeptValue = 512
	maxKeptSum   = 4096
)

// unkept are headers that say nothing of the event: of the way that the request took, and
// what is kept elsewhere.
var unkept = []string{
	"accept", "accept-charset", "accept-encoding", "accept-language", "cache-control", "connection", "content-encoding", "content-length", "content-type", "date",
	"expect", "forwarded", "host", "keep-alive", "origin", "pragma", "referer", "te", "trailer", "transfer-encoding", "upgrade", "via", strings.ToLower(HeaderHops),
}

// telltales are parts of the names of headers that hold secrets, or what is as good.
var telltales = []string{"auth", "cookie", "hmac", "key", "password", "secret", "session", "signature", "token"}

// KeepHeaders notes on msg, as its tags, the headers of the request that it came with, in
// order of name and within bounds; [Message.Headers] gives them back, and filters and
// templates see them. What may be secret is left out, what proxies add, and what is not
// printable ASCII.
func (msg *Message) KeepHeaders(header http.Header) {
	var kept []string
	sum := 0
	for name, values := range header {
		name, value := strings.ToLower(name), strings.Join(values, ", ")
		if !keeps(name) || len(value) > maxKeptValue || !printable(value) {
			continue
		}
		kept = append(kept, headerTag+name+": "+value)
	}
	slices.Sort(kept)
	kept = kept[:min(len(kept), maxKept)]
	for _, tag := range kept {
		if sum += len(tag); sum > maxKeptSum {
			break
		}
		msg.Tags = append(msg.Tags, tag)
	}
}

func keeps(name string) bool {
	return len(name) <= 64 && printable(name) && !slices.Contains(unkept, name) && !strings.HasPrefix(name, "x-forwarded-") && !strings.HasPrefix(name, "x-real-") &&
		!slices.ContainsFunc(telltales, func(part string) bool { return strings.Contains(name, part) })
}

// Headers are those that KeepHeaders has noted, by lower-case name; nil for none.
func (msg *Message) Headers() map[string]string {
	var all map[string]string
	for _, tag := range msg.Tags {
		if text, ok := strings.CutPrefix(tag, headerTag); ok {
			if all == nil {
				all = make(map[string]string)
			}
			name, value, _ := strings.Cut(text, ": ")
			all[name] = value
		}
	}
	return all
}

func isHeaderTag(tag string) bool { return strings.HasPrefix(tag, headerTag) }

// withoutHeaders are tags without those that keep headers, which are longer than others,
// and more.
func withoutHeaders(tags []string) ([]string, error) {
	if !slices.ContainsFunc(tags, isHeaderTag) {
		return tags, nil
	}
	var others []string
	n := 0
	for _, tag := range tags {
		if !isHeaderTag(tag) {
			others = append(others, tag)
			continue
		}
		if n++; n > maxKept || len(tag) > len(headerTag)+64+2+maxKeptValue || !printable(tag) {
			return nil, &InvalidError{"tags", fmt.Sprintf("%s… is for the headers of what a source receives", headerTag)}
		}
	}
	return others, nil
}

const formType = "application/x-www-form-urlencoded"

// View is the payload as filters and templates see it: that of a form as an object of its
// fields, each a string, or a list of strings if it is there several times; any other as
// it is.
func (msg *Message) View() []byte {
	if !strings.HasPrefix(msg.ContentType, formType) {
		return msg.Payload
	}
	fields, err := url.ParseQuery(string(msg.Payload))
	if err != nil {
		return msg.Payload
	}
	view := make(map[string]any, len(fields))
	for name, values := range fields {
		if view[name] = values; len(values) == 1 {
			view[name] = values[0]
		}
	}
	text, err := json.Marshal(view)
	if err != nil {
		panic(err) // strings always can be
	}
	return text
}
