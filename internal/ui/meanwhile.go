package ui

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/fanfarehq/fanfare"
)

// A form of what there is already says beside each field what it was when the form was
// opened. So only what its visitor has changed is stored, and what somebody else has changed
// meanwhile, to something else, is asked about.

// wasField stands before the name of a field that says what another was when the form was opened.
const wasField = "was-"

// A part of a form says one thing, in one field or in several.
type part struct {
	name   string // what the API calls it
	fields []string
	says   func(form url.Values) string // in words that differ where it does
}

// alone are parts of one field each, which is one line: browsers leave out where others begin.
func alone(names ...string) (all []part) {
	for _, name := range names {
		all = append(all, part{name, []string{name}, func(form url.Values) string {
			return strings.ReplaceAll(saidIn(form, name), "\n", "")
		}})
	}
	return all
}

// saidIn is what a form says in a field, however its lines end.
func saidIn(form url.Values, name string) string { return strings.TrimSpace(oneLine(form.Get(name))) }

// written is a part of one field that may have several lines.
func written(name string) part {
	return part{name, []string{name}, func(form url.Values) string { return saidIn(form, name) }}
}

// A clash is a part of a form that its visitor and somebody else have changed, since the form
// was opened.
type clash struct {
	Name, Label, Now, Said string
	Do                     string // what to save it is called, in the form; "": save
}

// catchUp brings the form up to date with what is stored now: what its visitor has left alone,
// or wants left as it is, is as it is stored. What they have changed is named in changed, and
// in clashes too if somebody else has changed it meanwhile: the next time the form is sent it
// is known that they know.
func (v *visit) catchUp(parts []part, now url.Values) (changed []string, clashes []clash) {
	form := v.r.PostForm
	was := url.Values{}
	for name, values := range form {
		if of, ok := strings.CutPrefix(name, wasField); ok {
			was[of] = values
		}
	}
	for _, p := range parts {
		if !form.Has(p.fields[0]) {
			continue
		}
		said, there := p.says(form), p.says(now)
		before := there
		if was.Has(p.fields[0]) {
			before = p.says(was)
		}
		kept := v.said("do") == "keep" && slices.Contains(form["clash"], p.name)
		for _, name := range p.fields {
			if form[wasField+name] = now[name]; said == before || kept {
				form[name] = now[name]
			}
		}
		switch {
		case said == there || said == before || kept:
		case before != there:
			clashes = append(clashes, clash{Name: p.name, Label: p.name, Now: there, Said: said})
			fallthrough
		default:
			changed = append(changed, p.name)
		}
	}
	return changed, clashes
}

// wasOf are the hidden fields that say what the parts were when the form was opened, which is
// now if it is opened anew.
func (v *visit) wasOf(parts []part, anew bool) (all []place) {
	for _, p := range parts {
		for _, name := range p.fields {
			from := wasField + name
			if anew {
				from = name
			}
			for _, value := range v.r.PostForm[from] {
				all = append(all, place{Text: wasField + name, URL: value})
			}
		}
	}
	return all
}

// clashing is why a form is not saved; it is shown again with them.
func clashing(clashes []clash) *refusal {
	return &refusal{Status: http.StatusConflict, Clashes: clashes}
}

// worded says clashes in the words of the fields.
func worded(clashes []clash, fields []field) []clash {
	for i := range clashes {
		c := &clashes[i]
		at := slices.IndexFunc(fields, func(f field) bool { return f.Name == c.Name })
		if at < 0 {
			continue
		}
		c.Label = fields[at].Label
		for _, text := range []*string{&c.Now, &c.Said} {
			if isOwn(*text) && len(fields[at].Options) > 0 {
				*text = "something of its own, which no form can say"
			}
			for _, o := range fields[at].Options {
				if o.Value == *text {
					*text = o.Text
					break
				}
			}
		}
	}
	return clashes
}

// marked is a mark of a text that is too long to be in a form twice.
func marked(text string) string {
	sum := sha256.Sum256([]byte(strings.TrimSpace(oneLine(text))))
	return hex.EncodeToString(sum[:16])
}

// inPeace saves a form, and begins anew while others change what is saved.
func inPeace(save func() error) error {
	for try := 1; ; try++ {
		err := save()
		if told, ok := isRefused(err); !ok || told.Status != http.StatusPreconditionFailed || try == fanfare.MaxAmends {
			return err
		}
	}
}

// savedOr is the word for what came of a form: "kept" if there was nothing left to save.
func (v *visit) savedOr(word string, changed []string) string {
	if v.said("do") == "keep" && len(changed) == 0 {
		return "kept"
	}
	return word
}

// endpointParts are those of the settings of an endpoint, by its kind.
func endpointParts(ep *endpointOut) []part {
	parts := append(alone("description"), written("filter"), part{"eventTypes", []string{"events", "type"}, eventsSaid})
	switch {
	case ep.Kind == fanfare.KindPoller:
		return parts
	case ep.posted():
		parts = append(parts, alone("url", "format", "signature", "success")...)
		parts = append(parts, part{"headers", []string{"headers"}, headersSaid}, part{"auth", authNames, authSaid})
	}
	return append(parts, alone("retry", "timeout", "rateLimit", "onPause")...)
}

// eventsSaid is which event types a form wants.
func eventsSaid(form url.Values) string {
	if form.Get("events") != "some" {
		return "Everything"
	}
	return strings.Join(slices.Sorted(slices.Values(form["type"])), ", ")
}

// headersSaid are the headers of a form, in order of name.
func headersSaid(form url.Values) string {
	lines, _ := headerLines(saidIn(form, "headers"))
	said := []string{}
	for _, line := range lines {
		said = append(said, line[0]+": "+line[1])
	}
	slices.Sort(said)
	return strings.Join(said, "\n")
}

// authNames are the fields of an authPart, that of its kind first; authSecrets are those whose
// values no page has.
var (
	authNames = []string{
		"auth", "auth.basic.username", "auth.basic.password", "auth.bearer.token",
		"auth.oauth2.tokenUrl", "auth.oauth2.clientId", "auth.oauth2.clientSecret", "auth.oauth2.scopes", "auth.oauth2.audience", "auth.oauth2.style",
	}
	authSecrets = []string{"auth.basic.password", "auth.bearer.token", "auth.oauth2.clientSecret"}
)

// lostField names secrets that were typed into a form which is shown again without them.
const lostField = "lost"

// lostSecret refuses a form without a secret that was typed into it before, where it still
// means something: what would be saved, or kept, is not what was said.
func (v *visit) lostSecret() *refusal {
	form := v.r.PostForm
	if v.said("do") == "keep" && slices.Contains(form["clash"], "auth") {
		return nil
	}
	for _, name := range form[lostField] {
		if slices.Contains(authSecrets, name) && strings.HasPrefix(name, "auth."+form.Get("auth")+".") && form.Get(name) == "" {
			return wrongField(name, secretAgain+"; or open the settings anew to leave the one that is there")
		}
	}
	return nil
}

// authSaid is what a form says of how the receiver knows who comes. Secrets are not said.
func authSaid(form url.Values) string {
	kind := cmp.Or(form.Get("auth"), "none")
	said := []string{kind}
	for _, o := range options(kind, authKinds...) {
		if o.Chosen {
			said[0] = o.Text
		}
	}
	for _, name := range authNames {
		value := saidIn(form, name)
		switch {
		case value == "" || !strings.HasPrefix(name, "auth."+kind+"."):
		case slices.Contains(authSecrets, name):
			said = append(said, "another secret")
		default:
			said = append(said, value)
		}
	}
	return strings.Join(said, ", ")
}
