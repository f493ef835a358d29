package webhook

import (
	"bytes"
	"encoding/json"
	"net/http"
)

// eventType returns what the header says, or else the first text at "type" of
// a JSON object, or else the one at "event".
func eventType(header http.Header, body []byte) string {
	if t := header.Get(HeaderEventType); t != "" {
		return t
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return ""
	}
	event := ""
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return ""
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return ""
		}
		switch {
		case key == "type" && value[0] == '"':
			return text(value)
		case key == "event" && value[0] == '"' && event == "":
			event = text(value)
		}
	}
	return event
}

// text returns the string that value, a JSON string, spells.
func text(value json.RawMessage) string {
	var s string
	if json.Unmarshal(value, &s) != nil {
		return ""
	}
	return s
}
