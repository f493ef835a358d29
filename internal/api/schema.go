package api

import (
	"strconv"
	"strings"

	"github.com/fanfarehq/fanfare"
)

// schemaProblem is 422 with the places where a payload is not as its schema
// wants it.
func schemaProblem(e *fanfare.SchemaError) *problem {
	var fields []fieldError
	for _, v := range e.Violations {
		loc := append([]string{"body", "payload"}, v.Path...)
		fields = append(fields, fieldError{loc, v.Reason, "value_error"})
	}
	p := invalid(fields...)
	p.cause = e
	return p
}

// warn tells the client where its payload is not as the schema wants it.
func (c *call) warn(found []fanfare.Violation) {
	if len(found) == 0 {
		return
	}
	texts := warningTexts(found)
	for i, text := range texts {
		texts[i] = strings.Trim(strconv.QuoteToASCII(cut(text, maxMsg)), `"`)
	}
	c.w.Header().Set("Fanfare-Schema-Warnings", strings.Join(texts, ", "))
}

// unlisted says that the catalogue does not have an event type, which is no mistake
// but often a slip.
func unlisted(eventType string) string {
	return "The event type " + eventType + " is not in the catalogue."
}

// warnings are all there is to say of a message that was accepted.
func (c *call) warnings(msg *fanfare.Message) []string {
	texts := warningTexts(msg.Warnings)
	if !c.hub.Listed(c.r.Context(), msg.EventType) {
		texts = append(texts, unlisted(msg.EventType))
	}
	if text := c.deprecated(msg); text != "" {
		texts = append(texts, text)
	}
	return texts
}

// warningTexts are a line each; nil for none.
func warningTexts(found []fanfare.Violation) []string {
	var texts []string
	for _, v := range found {
		texts = append(texts, v.String())
	}
	return texts
}
