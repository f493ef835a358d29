package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/fanfarehq/fanfare/internal/manifest"
	"github.com/fanfarehq/fanfare/webhook"
)

// A server refuses a secret that a signature cannot be made with. It would do so
// half-way through; the functions of this file find it while the plan is made.

// refuse notes what the server would refuse.
func (p *planner) refuse(item *manifest.Item, line int, format string, args ...any) {
	text := title(item.Kind.String(), item.Name, item.App) + ": " + fmt.Sprintf(format, args...)
	p.problems = append(p.problems, manifest.Problem{File: item.File, Line: line, Text: text})
}

// signatureOf is how an endpoint of the file is signed.
func signatureOf(item *manifest.Item) (profile webhook.Profile, line int) {
	f := item.Field("signature")
	if f == nil {
		return webhook.Standard, item.Line
	}
	_ = json.Unmarshal(f.Value, &profile) // the grammar has seen to it that it is text
	return profile, f.Line
}

// checkSecret notes if the secret of the file does not suit its signature.
func (p *planner) checkSecret(item *manifest.Item) {
	f := item.Field("secret")
	if item.Kind != manifest.Endpoint || f == nil || len(f.Unset) > 0 {
		return
	}
	var text string
	_ = json.Unmarshal(f.Value, &text) // as above
	if profile, _ := signatureOf(item); !signsWith(profile, text) {
		p.refuse(item, f.Line, "secret: the signature %q cannot be made with it; give %s", profile, secretFor(profile))
	}
}

// checkKeptSecret is checkSecret for an endpoint that is there. It also notes if the
// signature changes to one that the secret which is there does not suit.
func (p *planner) checkKeptSecret(ctx context.Context, item *manifest.Item, have thing, path string) error {
	p.checkSecret(item)
	profile, line := signatureOf(item)
	old := webhook.Profile(have.text("signature"))
	if item.Field("secret") != nil || profile == cmp.Or(old, webhook.Standard) {
		return nil
	}
	var kept struct{ Key string }
	if _, err := p.call(ctx, http.MethodGet, path+"/secret", nil, &kept); err != nil {
		return err
	}
	if signsWith(profile, kept.Key) {
		return nil
	}
	why := ""
	if item.Field("signature") == nil {
		why = ", which is usual where the file says nothing"
	}
	p.refuse(item, line, "its signature would change from %q to %q%s, and that cannot be made with the secret it has; write \"signature: %s\" to leave it, or a \"secret: …\" too: %s",
		old, profile, why, old, secretFor(profile))
	return nil
}

// signsWith reports whether the signature can be made with a secret.
func signsWith(profile webhook.Profile, text string) bool {
	if profile == webhook.Standard {
		_, err := webhook.ParseSecret(text)
		return err == nil
	}
	return len(text) >= 8 && len(text) <= 256
}

// secretFor says which secrets suit a signature.
func secretFor(profile webhook.Profile) string {
	if profile == webhook.Standard {
		return `"whsec_" and what "openssl rand -base64 32" prints`
	}
	return "any text of 8 to 256 characters"
}
