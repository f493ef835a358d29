package ui

import (
	"maps"
	"net/http"
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
	if body.Poller { // nothing is signed
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
	for _, name := range ep.EventTypes { // groups, and what is not in the catalogue
		if !known[name] {
			types = append(types, eventTypeOut{Name: name, GroupName: "Others"})
		}
	}
	add := addBody{URL: field{Name: "url", Label: "URL", Kind: "url", Value: v.said("url"), Required: true, Code: true}, Options: v.optional(), Auth: v.authPart(ep)}
	if add.Filter, err = v.filterPart(); err != nil {
		return err
	}
	if body.Poller {
		body.Hidden = nil
		add.poll()
	}
	if told != nil {
		body.Problems = add.explain(told)
	}
	if ep.URL == "" {
		add.URL = field{} // it is of another kind than webhooks
	}
	body.Address, body.Options, body.Pick, body.Filter, body.Auth = add.URL, add.Options, v.pick(types), add.Filter, add.Auth
	return v.showAs(status, "portal/settings", "Settings of "+ep.Name(), body)
}

// fill puts what is set into the visit's form, unless it has one already.
func (v *visit) fill(ep *endpointOut, anew bool) (hidden []string, err error) {
	var out struct {
		Headers   map[string]string
		Sensitive []string
	}
	if err := v.read(&out, v.of("endpoint", ep.ID, "headers")); err != nil || !anew {
		return out.Sensitive, err
	}
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(out.Headers)) {
		lines.WriteString(name + ": " + out.Headers[name] + "\n")
	}
	set := func(name, value string) { v.r.PostForm.Set(name, value) }
	if v.r.PostForm == nil {
		v.r.PostForm = map[string][]string{}
	}
	set("url", ep.URL)
	set("description", ep.Description)
	set("filter", ep.Filter)
	set("onPause", ep.OnPause)
	set("format", strings.TrimPrefix(ep.Format, "raw"))
	set("signature", strings.TrimPrefix(ep.Signature, "standard"))
	if set("retry", strings.TrimPrefix(ep.Retry.Preset, "inherit")); ep.Retry.Preset == "" {
		set("retry", asSet)
	}
	set("success", ep.Success.inForm())
	if ep.Timeout != nil {
		set("timeout", strconv.FormatFloat(*ep.Timeout, 'f', -1, 64))
	}
	set("headers", lines.String())
	if ep.RateLimit != nil {
		set("rateLimit", strconv.Itoa(*ep.RateLimit))
	}
	v.fillAuth(&ep.Auth)
	v.r.PostForm["type"] = ep.EventTypes
	if len(ep.EventTypes) > 0 {
		set("events", "some")
	}
	return out.Sensitive, nil
}

// facts are the settings in words, those of the form as the form has them.
func (v *visit) facts(ep *endpointOut) (all []place) {
	add := func(name, value string) {
		if value != "" {
			all = append(all, place{Text: name, URL: value})
		}
	}
	options := v.optional()
	if ep.Kind == fanfare.KindPoller {
		options = nameOf(options)
	} else {
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
	if ep.Kind != fanfare.KindPoller {
		add("Also by", ep.Auth.About())
	}
	return all
}

// unsaved has the form shown as it was said, with nothing wrong with it.
var unsaved = &refusal{}

func saveSettings(v *visit) error {
	if v.filterActs() {
		return v.showSettings(http.StatusOK, unsaved, "")
	}
	id := v.r.PathValue("endpoint")
	in, told, err := v.saidEndpoint()
	if err != nil {
		return err
	}
	if told != nil {
		return v.showSettings(http.StatusUnprocessableEntity, told, "")
	}
	if !v.polled() {
		err = v.settleSettings(in)
	}
	if err != nil {
		return err
	}
	given, has := in["headers"].(map[string]string)
	delete(in, "headers")
	if err = v.ask(http.MethodPatch, v.of("endpoint", id), nil, in, nil); err == nil && has {
		err = v.saveHeaders(id, given)
	}
	if told, ok := isRefused(err); ok && (told.Status == http.StatusUnprocessableEntity || told.Status == http.StatusConflict) {
		return v.showSettings(told.Status, told, "")
	}
	if err != nil {
		return err
	}
	return v.to("/endpoint/"+id+"/settings", "saved")
}

// settleSettings says in the API's words what a form of settings leaves as it was, or has be
// as usual again.
func (v *visit) settleSettings(in map[string]any) error {
	ep, err := v.endpoint()
	if err != nil {
		return err
	}
	for name, usual := range map[string]string{"format": "raw", "signature": "standard"} {
		if in[name] == nil {
			in[name] = usual
		}
	}
	if v.said("retry") == "" && v.r.PostForm.Has("retry") {
		in["retry"] = nil
	}
	if preset := v.said("success"); v.r.PostForm.Has("success") && preset != ep.Success.inForm() {
		if in["success"] = nil; preset != "" {
			in["success"] = map[string]string{"preset": preset}
		}
	}
	if !v.r.PostForm.Has("url") {
		delete(in, "url") // of another kind than webhooks
	}
	return nil
}

// saveHeaders sets the headers of the form, takes away those that are not there any
// more, and leaves alone those that are not shown.
func (v *visit) saveHeaders(id string, given map[string]string) error {
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
	if len(gone) == 0 && maps.Equal(given, out.Headers) {
		return nil
	}
	return v.ask(http.MethodPatch, v.of("endpoint", id, "headers"), nil, map[string]any{"headers": given, "deleteHeaders": gone}, nil)
}

// revealSecret shows the signing secret once more; the audit log notes who saw it.
func revealSecret(v *visit) error {
	secret, err := v.secret(v.r.PathValue("endpoint"))
	if err != nil {
		return err
	}
	return v.showSettings(http.StatusOK, nil, secret)
}
