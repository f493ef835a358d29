package ui

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/fanfarehq/fanfare"
)

type settingsBody struct {
	*endpointHead
	Poller    bool
	MayManage bool
	Address   field // its URL
	Pick      pick
	Filter    *filterPart
	Options   []field
	Auth      *authPart
	Problems  string
	Once      string
	Was       []place // its fields as they were when the form was opened
	Clashes   []clash
	Hidden    []string // headers that are set, but not shown

	Secret    *copyable // nil: it was not asked for
	MayReveal bool
	MayRotate bool
	Facts     []place // what is set, for those who may only look
}

func endpointSettings(v *visit) error { return v.showSettings(http.StatusOK, nil, "") }

// showSettings shows what is set, or, after a form that was refused, what it said.
func (v *visit) showSettings(status int, told *refusal, secret string) error {
	ep, err := v.endpoint()
	if err != nil {
		return err
	}
	head, err := v.headOf(ep, "settings")
	if err != nil {
		return err
	}
	body := settingsBody{
		endpointHead: head, Poller: ep.Kind == fanfare.KindPoller, MayManage: v.may(fanfare.ManageEndpoint), MayReveal: v.may(fanfare.ViewEndpointSecret) && ep.Signature != "none",
		MayRotate: v.may(fanfare.ManageEndpointSecret), Once: once(),
	}
	if !ep.posted() { // nothing is signed
		body.MayReveal, body.MayRotate = false, false
	}
	if secret != "" {
		body.Secret = &copyable{Text: secret, Label: "the signing secret"}
	}
	if !body.MayManage {
		if v.reaches("GET /app/{app}/endpoint/{endpoint}/headers") {
			if _, err = v.fill(ep, true); err != nil {
				return err
			}
		}
		body.Facts = v.facts(ep)
		return v.showAs(status, "portal/settings", "Settings of "+ep.Name(), body)
	}
	if body.Hidden, err = v.fill(ep, told == nil); err != nil {
		return err
	}
	types, err := v.eventTypes("false")
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, t := range types {
		known[t.Name] = true
	}
	for _, name := range slices.Concat(ep.EventTypes, v.r.PostForm["type"]) { // groups, and what is not in the catalogue
		if !known[name] {
			known[name] = true
			types = append(types, eventTypeOut{Name: name, GroupName: "Others"})
		}
	}
	add := addBody{URL: field{Name: "url", Label: "URL", Kind: "url", Value: v.said("url"), Required: true, Code: true}, Options: v.optional(), Auth: v.authPart(ep)}
	if add.Filter, err = v.filterPart(); err != nil {
		return err
	}
	switch {
	case body.Poller:
		add.URL = field{}
		add.poll()
	case !ep.posted():
		add.taken()
	}
	if !ep.posted() {
		body.Hidden = nil
	}
	if told != nil {
		body.Problems = add.explain(told)
		body.Clashes = worded(told.Clashes, append([]field{add.URL, {Name: "eventTypes", Label: "Which events"}, {Name: "filter", Label: "Only some of them"}, {Name: "auth", Label: "How the receiver knows who comes"}}, add.Options...))
	}
	body.Was = v.wasOf(endpointParts(ep), told == nil)
	body.Address, body.Options, body.Pick, body.Filter, body.Auth = add.URL, add.Options, v.pick(types), add.Filter, add.Auth
	return v.showAs(status, "portal/settings", "Settings of "+ep.Name(), body)
}

// fill puts what is set into the visit's form, unless it has one already.
func (v *visit) fill(ep *endpointOut, anew bool) (hidden []string, err error) {
	set, hidden, err := v.stored(ep)
	if err != nil || !anew {
		return hidden, err
	}
	if v.r.PostForm == nil {
		v.r.PostForm = url.Values{}
	}
	maps.Copy(v.r.PostForm, set)
	return hidden, nil
}

// stored is what is set, as the form has it, and the names of headers that it has not.
func (v *visit) stored(ep *endpointOut) (form url.Values, hidden []string, err error) {
	var out struct {
		Headers   map[string]string
		Sensitive []string
	}
	if err := v.read(&out, v.of("endpoint", ep.ID, "headers")); err != nil {
		return nil, nil, err
	}
	form = url.Values{}
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(out.Headers)) {
		lines.WriteString(name + ": " + out.Headers[name] + "\n")
	}
	set := form.Set
	set("kind", ep.Kind)
	set("url", ep.URL)
	set("description", ep.Description)
	set("filter", ep.Filter)
	set("onPause", ep.OnPause)
	set("format", strings.TrimPrefix(ep.Format, "raw"))
	set("signature", strings.TrimPrefix(ep.Signature, "standard"))
	if set("retry", strings.TrimPrefix(ep.Retry.Preset, "inherit")); ep.Retry.Preset == "" {
		set("retry", ownOf(ep.Retry))
	}
	set("success", ep.Success.inForm())
	if set("timeout", ""); ep.Timeout != nil {
		set("timeout", strconv.FormatFloat(*ep.Timeout, 'f', -1, 64))
	}
	set("headers", lines.String())
	if set("rateLimit", ""); ep.RateLimit != nil {
		set("rateLimit", strconv.Itoa(*ep.RateLimit))
	}
	ep.Auth.fill(form)
	form["type"] = ep.EventTypes
	if set("events", "all"); len(ep.EventTypes) > 0 {
		set("events", "some")
	}
	return form, out.Sensitive, nil
}

// facts are the settings in words, those of the form as the form has them.
func (v *visit) facts(ep *endpointOut) (all []place) {
	add := func(name, value string) {
		if value != "" {
			all = append(all, place{Text: name, URL: value})
		}
	}
	options := v.optional()
	switch {
	case ep.Kind == fanfare.KindPoller:
		options = nameOf(options)
	case !ep.posted():
		options = ofTaken(options)
		add("Where it goes", ep.URL)
	default:
		add("URL", ep.URL)
	}
	add("Events", ep.Events())
	add("Filter", ep.Filter)
	for _, f := range options {
		value := f.Value
		for i, o := range f.Options {
			if i == 0 || o.Chosen {
				value = o.Text
			}
		}
		add(f.Label, value)
	}
	if ep.posted() {
		add("Also by", ep.Auth.About())
	}
	return all
}

// unsaved has the form shown as it was said, with nothing wrong with it.
var unsaved = &refusal{}

func saveSettings(v *visit) error {
	if !v.may(fanfare.ManageEndpoint) {
		return mayOnlyLook
	}
	if v.filterActs() {
		return v.showSettings(http.StatusOK, unsaved, "")
	}
	in, told, err := v.saidEndpoint()
	if err != nil {
		return err
	}
	if told != nil {
		return v.showSettings(http.StatusUnprocessableEntity, told, "")
	}
	v.settleSettings(in)
	id := v.r.PathValue("endpoint")
	changed, err := v.saveChanged(id, in)
	if told, ok := isRefused(err); ok && (told.Status == http.StatusUnprocessableEntity || told.Status == http.StatusConflict) {
		return v.showSettings(told.Status, told, "")
	}
	if err != nil {
		return err
	}
	return v.to("/endpoint/"+id+"/settings", v.savedOr("saved", changed))
}

// saveChanged saves of in what the form has changed, if nobody else has, and names it.
func (v *visit) saveChanged(id string, in map[string]any) (changed []string, err error) {
	err = inPeace(func() error {
		changed, err = v.saveParts(id, in)
		return err
	})
	if err == nil && len(changed) > 1 && slices.Contains(changed, "headers") {
		_, err = v.saveChanged(id, map[string]any{"headers": in["headers"]}) // which the API takes by themselves
	}
	return changed, err
}

// saveParts is saveChanged once, but for headers that are not all that has changed.
func (v *visit) saveParts(id string, in map[string]any) (changed []string, err error) {
	ep := &endpointOut{}
	tag, err := v.readTagged(ep, v.of("endpoint", id))
	if err != nil {
		return nil, err
	}
	now, _, err := v.stored(ep)
	if err != nil {
		return nil, err
	}
	parts := slices.DeleteFunc(endpointParts(ep), func(p part) bool { _, is := in[p.name]; return !is })
	changed, clashes := v.catchUp(parts, now)
	lost := v.lostSecret()
	switch {
	case len(clashes) > 0:
		return nil, clashing(clashes)
	case lost != nil:
		return nil, lost
	case len(changed) == 0:
		return nil, nil
	case slices.Equal(changed, []string{"headers"}):
		return changed, v.saveHeaders(id, tag, in["headers"].(map[string]string))
	}
	body := map[string]any{}
	for _, name := range changed {
		body[name] = in[name]
	}
	delete(body, "headers")
	return changed, v.amend(http.MethodPatch, v.of("endpoint", id), tag, body)
}

// settleSettings says in the API's words what a form of settings has be as usual again.
func (v *visit) settleSettings(in map[string]any) {
	for name, usual := range map[string]string{"format": "raw", "signature": "standard"} {
		if in[name] == nil {
			in[name] = usual
		}
	}
	if v.said("retry") == "" {
		in["retry"] = nil
	}
	switch preset := v.said("success"); {
	case isOwn(preset): // which is no change
	case preset == "":
		in["success"] = nil
	default:
		in["success"] = map[string]string{"preset": preset}
	}
}

// saveHeaders sets the headers of the form, takes away those that are not there any
// more, and leaves alone those that are not shown.
func (v *visit) saveHeaders(id, tag string, given map[string]string) error {
	var out struct{ Headers map[string]string }
	if err := v.read(&out, v.of("endpoint", id, "headers")); err != nil {
		return err
	}
	gone := []string{}
	for name := range out.Headers {
		if _, still := given[name]; !still {
			gone = append(gone, name)
		}
	}
	return v.amend(http.MethodPatch, v.of("endpoint", id, "headers"), tag, map[string]any{"headers": given, "deleteHeaders": gone})
}

// revealSecret shows the signing secret once more; the audit log notes who saw it.
func revealSecret(v *visit) error {
	secret, err := v.secret(v.r.PathValue("endpoint"))
	if err != nil {
		return err
	}
	return v.showSettings(http.StatusOK, nil, secret)
}
