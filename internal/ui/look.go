package ui

import (
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/fanfarehq/fanfare"
)

// Portal is what a provider's portal looks like, and where it may be shown.
type Portal struct {
	Name     string // of the provider; "": Webhooks
	Accent   string // colour of links and buttons, such as #3451d1; "": a blue
	Logo     string // address of an image, https or data:; "": none
	LogoDark string // the same for dark pages; "": it is the same one
	Radius   string // of corners, in pixels from 0 to 24; "": 8

	// Frames are the origins, such as https://app.example.com, of pages that may show
	// the portal in a frame, beside pages of its own origin.
	Frames []string
}

// A look is a Portal that was checked.
type look struct {
	name, logo, logoDark string
	origins              []string // from which logos come
	light, dark          colour   // accent on a light and on a dark page
	radius               int
}

const (
	defaultAccent = "#3451d1"
	defaultRadius = 8
	maxRadius     = 24
)

func (p *Portal) look() (look, error) {
	l := look{name: p.Name, logo: p.Logo, logoDark: p.LogoDark, radius: defaultRadius}
	if l.name == "" {
		l.name = "Webhooks"
	}
	if len(l.name) > 100 {
		return l, &fanfare.InvalidError{Field: "portal.name", Reason: "at most 100 bytes"}
	}
	for _, origin := range p.Frames {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Scheme+"://"+u.Host != origin || strings.ContainsAny(origin, " ;,'*") {
			return l, &fanfare.InvalidError{Field: "portal.frames", Reason: fmt.Sprintf("%q is no origin such as https://app.example.com", cut(origin, 100))}
		}
	}
	if err := l.admit(p.Logo, "portal.logo"); err != nil {
		return l, err
	}
	if err := l.admit(p.LogoDark, "portal.logo-dark"); err != nil {
		return l, err
	}
	if p.Radius != "" {
		n, err := strconv.Atoi(p.Radius)
		if err != nil || n < 0 || n > maxRadius {
			return l, &fanfare.InvalidError{Field: "portal.radius", Reason: fmt.Sprintf("a whole number of pixels from 0 to %d", maxRadius)}
		}
		l.radius = n
	}
	accent := p.Accent
	if accent == "" {
		accent = defaultAccent
	}
	c, ok := parseColour(accent)
	if !ok {
		return l, &fanfare.InvalidError{Field: "portal.accent", Reason: fmt.Sprintf("%q is no colour such as %s", cut(accent, 20), defaultAccent)}
	}
	l.light, l.dark = c.against(lightPage, black), c.against(darkPage, white)
	return l, nil
}

// admit takes the address of a logo, which may be loaded from where it is.
func (l *look) admit(logo, name string) error {
	if logo == "" || strings.HasPrefix(logo, "data:image/") {
		return nil
	}
	u, err := url.Parse(logo)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || strings.ContainsAny(u.Host, " ;,'*") {
		return &fanfare.InvalidError{Field: name, Reason: "an https address or data:image/…"}
	}
	if origin := u.Scheme + "://" + u.Host; !slices.Contains(l.origins, origin) {
		l.origins = append(l.origins, origin)
	}
	return nil
}

// css has the accent as it can be read on both kinds of page.
func (l *look) css() []byte {
	return fmt.Appendf(nil, ":root{--accent:light-dark(%s,%s);--on-accent:light-dark(%s,%s);--round:%dpx}\n", l.light, l.dark, l.light.text(), l.dark.text(), l.radius)
}

// A colour is red, green and blue, from 0 to 1.
type colour [3]float64

var (
	black     = colour{}
	white     = colour{1, 1, 1}
	lightPage = colour{0.953, 0.957, 0.969} // --page and --sunken are no darker
	darkPage  = colour{0.149, 0.173, 0.204} // and no lighter
)

func parseColour(text string) (c colour, ok bool) {
	hex, ok := strings.CutPrefix(text, "#")
	if !ok || len(hex) != 6 {
		return c, false
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		return c, false
	}
	return colour{float64(n>>16) / 255, float64(n>>8&255) / 255, float64(n&255) / 255}, true
}

func (c colour) String() string {
	part := func(x float64) int { return int(math.Round(255 * x)) }
	return fmt.Sprintf("#%02x%02x%02x", part(c[0]), part(c[1]), part(c[2]))
}

// luminance is that of WCAG 2.2.
func (c colour) luminance() float64 {
	linear := func(x float64) float64 {
		if x <= 0.04045 {
			return x / 12.92
		}
		return math.Pow((x+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c[0]) + 0.7152*linear(c[1]) + 0.0722*linear(c[2])
}

func contrast(a, b colour) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

// against is c, mixed with as much of another colour as it takes to be read on a page.
func (c colour) against(page, with colour) colour {
	for mix := 0.0; mix < 1; mix += 0.05 {
		m := colour{c[0] + mix*(with[0]-c[0]), c[1] + mix*(with[1]-c[1]), c[2] + mix*(with[2]-c[2])}
		if contrast(m, page) >= 4.6 {
			return m
		}
	}
	return with
}

// text is the colour of words on c.
func (c colour) text() colour {
	if contrast(white, c) >= contrast(black, c) {
		return white
	}
	return black
}
