package ui

// Contrast is that of two colours, by WCAG 2.2.
func Contrast(a, b string) float64 {
	x, _ := parseColour(a)
	y, _ := parseColour(b)
	return contrast(x, y)
}
