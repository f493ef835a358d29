package row

import (
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"time"
)

var versionNumber = regexp.MustCompile(`^-?[0-9]{1,40}(\.[0-9]{1,40})?$`)

// Canonical is a version as it is kept: a number as it is, a time in UTC, or ""
// for none.
func Canonical(text string) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" || versionNumber.MatchString(text) {
		return text, nil
	}
	if t, ok := TimeOf(text); ok {
		return t.Format(time.RFC3339Nano), nil
	}
	return "", fmt.Errorf("version renders %q, which is neither a number nor a time such as 2026-01-02T15:04:05Z", Clip(text))
}

// Compare orders two versions; it cannot where they are not of one kind.
func Compare(a, b string) (order int, ok bool) {
	if a == "" || b == "" || versionNumber.MatchString(a) != versionNumber.MatchString(b) {
		return 0, false
	}
	if versionNumber.MatchString(a) {
		x, _ := new(big.Rat).SetString(a)
		y, _ := new(big.Rat).SetString(b)
		return x.Cmp(y), x != nil && y != nil
	}
	x, okX := TimeOf(a)
	y, okY := TimeOf(b)
	return x.Compare(y), okX && okY
}
