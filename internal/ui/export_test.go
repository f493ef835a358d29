package ui

import "github.com/fanfarehq/fanfare"

// Contrast is that of two colours, by WCAG 2.2.
func Contrast(a, b string) float64 {
	x, _ := parseColour(a)
	y, _ := parseColour(b)
	return contrast(x, y)
}

// NowLine is what the first page says of these figures.
func NowLine(c fanfare.Counters) (texts []string) {
	for _, f := range (&visit{Handler: &Handler{}}).nowLine(c, 0, false) {
		texts = append(texts, f.Text)
	}
	return texts
}
