package api

import (
	"net/http"
	"strings"
)

// preferHeader is what the client would like of the answer.
const preferHeader = "Prefer"

// minimal reports whether the client would rather have no body in the answer to what
// it sends (RFC 7240 §4.2). Of a preference that is given twice the first one counts
// (§2); what makes no sense is left aside, as everything here is only a wish.
func minimal(header http.Header) bool {
	for _, line := range header[preferHeader] {
		for one := range strings.SplitSeq(line, ",") {
			one, _, _ = strings.Cut(one, ";")
			name, value, _ := strings.Cut(one, "=")
			if strings.EqualFold(strings.Trim(name, " \t"), "return") {
				return strings.EqualFold(strings.Trim(value, " \t\""), "minimal")
			}
		}
	}
	return false
}
