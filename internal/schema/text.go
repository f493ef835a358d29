package schema

import (
	"regexp/syntax"
	"strings"
)

// samples are strings of the formats that JSON Schema and OpenAPI name.
var samples = map[string]string{
	"date-time": "2026-01-02T15:04:05Z", "date": "2026-01-02", "time": "15:04:05Z", "duration": "PT1H",
	"email": "user@example.com", "idn-email": "user@example.com", "hostname": "example.com", "idn-hostname": "example.com",
	"uri": "https://example.com/", "url": "https://example.com/", "iri": "https://example.com/",
	"uri-reference": "/path", "iri-reference": "/path", "uri-template": "/items/{id}",
	"ipv4": "192.0.2.1", "ipv6": "2001:db8::1", "uuid": "0190163d-8694-739b-aea5-966c26f8ad91",
	"json-pointer": "/a", "relative-json-pointer": "0", "regex": ".*", "byte": "AA==",
}

// text makes a string that fits a schema.
func text(s map[string]any) (v any, ok bool) {
	if pattern, ok := s["pattern"].(string); ok {
		tree, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil || stepsOf(tree) > maxMadeText {
			return nil, false
		}
		var b strings.Builder
		spell(tree, &b)
		return b.String(), b.Len() <= maxMadeText
	}
	out := "string"
	if format, ok := s["format"].(string); ok && samples[format] != "" {
		out = samples[format]
	}
	least := int(min(numberOf(s, "minLength", 0), maxMadeText+1))
	most := int(max(0, min(numberOf(s, "maxLength", maxMadeText), maxMadeText)))
	out += strings.Repeat("x", max(0, least-len(out)))
	return out[:min(len(out), most)], least <= maxMadeText
}

// spell writes a short string that the pattern matches: the first alternative,
// the fewest repetitions, the first character of a class.
func spell(tree *syntax.Regexp, b *strings.Builder) {
	switch tree.Op {
	case syntax.OpLiteral:
		b.WriteString(string(tree.Rune))
	case syntax.OpCharClass:
		if len(tree.Rune) > 0 {
			b.WriteRune(readable(tree.Rune))
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpCapture, syntax.OpPlus:
		spell(tree.Sub[0], b)
	case syntax.OpRepeat:
		for range tree.Min {
			spell(tree.Sub[0], b)
		}
	case syntax.OpConcat:
		for _, sub := range tree.Sub {
			spell(sub, b)
		}
	case syntax.OpAlternate:
		spell(tree.Sub[0], b)
	}
}

// readable is a letter or digit of a class, given as ranges, or else the first.
func readable(ranges []rune) rune {
	for i := 0; i+1 < len(ranges); i += 2 {
		for _, c := range "a0A" {
			if ranges[i] <= c && c <= ranges[i+1] {
				return c
			}
		}
	}
	return ranges[0]
}
