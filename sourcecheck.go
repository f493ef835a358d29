package fanfare

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/fanfarehq/fanfare/internal/expression"
	"github.com/fanfarehq/fanfare/webhook"
)

// maxSourceName bounds the names of sources, in bytes.
const maxSourceName = 256

// checkSource tells all that is wrong with src at once.
func (h *Hub) checkSource(src *Source) error {
	_, ours := DecodeID("src_", src.UID)
	_, err := h.filters.of(src.Filter)
	return allWrong(
		checkUID(src.UID),
		must(!ours, "uid", "must not look like one of Fanfare's own ids"),
		must(src.Name != "" && len(src.Name) <= maxSourceName, "name", fmt.Sprintf("1 to %d bytes", maxSourceName)),
		checkText("name", src.Name),
		must(len(src.Description) <= 4096, "description", "at most 4096 bytes"),
		checkText("description", src.Description),
		src.checkProfile(),
		src.checkSecrets(),
		src.checkPublicURL(),
		err,
		checkTemplate("eventType", src.EventType),
		src.checkDedupe(),
		must(src.Response.Status == 0 || 200 <= src.Response.Status && src.Response.Status <= 299, "response.status", "200 to 299, or 0 for what suits the profile"),
		checkTemplate("response.body", src.Response.Body),
		must(0 <= src.RateLimit && src.RateLimit <= maxRate, "rateLimit", fmt.Sprintf("0 (no limit) to %d a second", maxRate)),
	)
}

func (src *Source) checkProfile() error {
	if !slices.Contains(SourceProfiles(), src.Profile) {
		return &InvalidError{"profile", oneOf(SourceProfiles())}
	}
	if src.Profile != ProfileHMAC {
		return must(src.HMAC == webhook.HMAC{}, "hmac", "is of the profile hmac only; leave it out")
	}
	if err := src.HMAC.Check(); err != nil {
		return &InvalidError{"hmac", err.Error()}
	}
	return allWrong(
		must(len(src.HMAC.Header) <= 128 && httpguts.ValidHeaderFieldName(src.HMAC.Header), "hmac.header", "must be the name of a header"),
		must(len(src.HMAC.Prefix) <= 64 && printable(src.HMAC.Prefix), "hmac.prefix", "at most 64 printable ASCII characters"),
	)
}

// checkSecrets makes sure that there is always something to verify by.
func (src *Source) checkSecrets() error {
	if src.Profile == string(webhook.None) {
		return must(len(src.Secrets) == 0, "secret", "the profile none has none: whoever knows the address may send; choose another profile, or leave the secret out")
	}
	if len(src.Secrets) > maxSecrets {
		return &InvalidError{"secret", fmt.Sprintf("at most %d at once", maxSecrets)}
	}
	if !slices.ContainsFunc(src.Secrets, func(s Secret) bool { return s.ExpiresAt.IsZero() }) {
		return &InvalidError{"secret", "is missing; give the one that the sender signs with (where you may choose it, any text of 8 to 256 characters that nobody can guess)"}
	}
	for _, s := range src.Secrets {
		if err := checkSecret(webhook.Profile(src.Profile), s.Text); err != nil {
			return err
		}
	}
	return nil
}

func (src *Source) checkPublicURL() error {
	if src.PublicURL == "" {
		return nil
	}
	u, err := url.Parse(src.PublicURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Fragment != "" || len(src.PublicURL) > 2048 {
		return &InvalidError{"publicUrl", "must be the address that the sender has been given, such as https://hooks.example.com/in/…"}
	}
	return nil
}

func (src *Source) checkDedupe() error {
	if name, ok := strings.CutPrefix(src.Dedupe, DedupeHeader); ok {
		return must(len(name) <= 128 && httpguts.ValidHeaderFieldName(name), "dedupe", "the header: must be followed by the name of a header")
	}
	return must(slices.Contains([]string{"", DedupeOff, DedupeBody}, src.Dedupe), "dedupe", `one of off, body, and header: with a name, such as header:X-Event-Id; or none, for what the profile has`)
}

// checkTemplate refuses what is no template of package expression.
func checkTemplate(field, text string) error {
	if len(text) > maxSourceTemplate {
		return &InvalidError{field, fmt.Sprintf("at most %d bytes", maxSourceTemplate)}
	}
	if _, err := expression.ParseTemplate(text); err != nil {
		return &InvalidError{field, err.Error()}
	}
	return nil
}

// maxSourceTemplate bounds the templates of a source, in bytes.
const maxSourceTemplate = 4096

// FitEventType makes a legal event type of text: what is neither a letter, a digit, "_",
// "-" nor one of the dividers "." ":" "/" becomes "_", dividers that divide nothing are
// left out, and so is what is beyond the length that names may have. "" if nothing is
// left.
func FitEventType(text string) string {
	fit := make([]byte, 0, min(len(text), maxEventType))
	part := 0
	for _, r := range text {
		c := byte('_')
		if r < 0x80 {
			c = byte(r)
		}
		switch {
		case len(fit) == maxEventType:
		case c == '.' || c == ':' || c == '/':
			if part > 0 {
				fit, part = append(fit, c), 0
			}
		case isWord(c):
			fit, part = append(fit, c), part+1
		default:
			fit, part = append(fit, '_'), part+1
		}
	}
	return strings.TrimRight(string(fit), ".:/")
}
