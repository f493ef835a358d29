package ui

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/fanfarehq/fanfare"
)

// portalKeyPages are about the API keys that the visitor of the portal makes.
func portalKeyPages() map[string]func(*visit) error {
	return map[string]func(*visit) error{
		"POST /settings/key":              addOwnKey,
		"GET /settings/key/{key}/revoke":  confirmOwnRevoke,
		"POST /settings/key/{key}/revoke": revokeOwnKey,
	}
}

// ownKeys are the API keys of the visitor's application.
type ownKeys struct {
	Rows    []ownKeyRow
	Name    field
	Lasts   field
	Scopes  []option
	Problem string
	Scoping string    // what is wrong with the scopes
	Made    *copyable // just now; nil: none
	Within  []string  // channels that they are for; none: all
	API     copyable  // where it is
	Try     copyable  // a first request
}

type ownKeyRow struct {
	keyOut
	State         badge
	Used, Expires when
}

// inOwnWords are what scopes let do that customers can give.
var inOwnWords = map[fanfare.Scope]string{
	fanfare.ScopeReadMessages:   "Read messages and deliveries",
	fanfare.ScopeReadEndpoints:  "Read endpoints, but not their secrets",
	fanfare.ScopeReadEventTypes: "Read event types",
	fanfare.ScopeWriteMessages:  "Send again, and send examples",
	fanfare.ScopeWriteEndpoints: "Add, change and delete endpoints, and read their secrets",
}

// usualScopes are chosen unless the visitor chooses others.
var usualScopes = []string{string(fanfare.ScopeReadMessages), string(fanfare.ScopeReadEndpoints)}

// firstRequest is something that a key with the chosen scopes may ask for, if it may ask for
// anything.
func (v *visit) firstRequest() string {
	chosen := func(s fanfare.Scope) bool { return slices.Contains(v.r.PostForm["scope"], string(s)) }
	switch {
	case chosen(fanfare.ScopeReadEndpoints) || !chosen(fanfare.ScopeReadMessages) && !chosen(fanfare.ScopeReadEventTypes):
		return v.of("endpoint")
	case chosen(fanfare.ScopeReadMessages):
		return v.of("msg")
	}
	return "/event-type"
}

// keysOwned are the keys as the page has them, with what was wrong with a new one and the
// secret of one that was made.
func (v *visit) keysOwned(told *refusal, made string) (*ownKeys, error) {
	all, err := v.readOwnKeys()
	if err != nil {
		return nil, err
	}
	k := &ownKeys{
		Within: v.session.Channels,
		Name:   field{Name: "name", Label: "Name", Kind: "text", Required: true, Value: v.said("name"), Hint: "Which program uses it, for people."},
		Lasts: field{Name: "days", Label: "It is good for", Kind: "select", Options: []option{
			{"30", "30 days", false}, {"90", "90 days", false}, {"365", "A year", false}, {"0", "Ever, until it is revoked", false}}},
		API: copyable{Text: v.site + "/api/v1", Label: "the API's address"},
		Try: copyable{Text: `curl -H "Authorization: Bearer $FANFARE_KEY" ` + v.site + "/api/v1" + v.firstRequest(), Label: "a first request", Block: true},
	}
	for _, out := range all {
		row := ownKeyRow{out, badge{"ok", "Good"}, v.past(out.LastUsedAt), v.when(out.ExpiresAt)}
		if !out.ExpiresAt.IsZero() && !out.ExpiresAt.After(v.now) {
			row.State = badge{"idle", "Expired"}
		}
		k.Rows = append(k.Rows, row)
	}
	if made != "" {
		k.Made = &copyable{Text: made, Label: "the key"}
		return k, nil
	}
	chosen, lasts := usualScopes, "90"
	if told != nil {
		chosen, lasts = v.r.PostForm["scope"], v.said("days")
		k.Name.Problem, k.Scoping = told.Fields["name"], told.Fields["scopes"]
		if k.Name.Problem == "" && k.Scoping == "" {
			k.Problem = told.Detail
		}
	}
	for i, o := range k.Lasts.Options {
		k.Lasts.Options[i].Chosen = o.Value == lasts
	}
	for _, s := range v.session.PortalScopes() {
		k.Scopes = append(k.Scopes, option{string(s), inOwnWords[s], slices.Contains(chosen, string(s))})
	}
	return k, nil
}

// readOwnKeys reads all there are, which are bounded.
func (v *visit) readOwnKeys() ([]keyOut, error) {
	var list listOf[keyOut]
	err := v.read(&list, v.of("key"), "limit", fmt.Sprint(fanfare.MaxPortalKeys))
	return list.Data, err
}

// addOwnKey makes an API key, and shows it this once.
func addOwnKey(v *visit) error {
	in := map[string]any{"name": v.said("name"), "scopes": append([]string{}, v.r.PostForm["scope"]...)}
	days, err := strconv.ParseUint(v.said("days"), 10, 9)
	if err != nil {
		return v.showSelf(http.StatusUnprocessableEntity, selfSaid{key: &refusal{Detail: "Choose how long the key is good for."}})
	}
	if days > 0 {
		in["expiresAt"] = v.now.AddDate(0, 0, int(days)).UTC()
	}
	var made struct{ Token string }
	err = v.ask(http.MethodPost, v.of("key"), nil, in, &made)
	if told, ok := isRefused(err); ok && isWrong(told) {
		return v.showSelf(told.Status, selfSaid{key: told})
	}
	if err != nil {
		return err
	}
	return v.showSelf(http.StatusOK, selfSaid{made: made.Token})
}

func confirmOwnRevoke(v *visit) error {
	all, err := v.readOwnKeys()
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(k keyOut) bool { return k.ID == v.r.PathValue("key") })
	if i < 0 {
		return &refusal{Status: http.StatusNotFound, Detail: "There is no such key, or not any more."}
	}
	return v.show("ask", "Revoke "+all[i].Name+"?", confirmation{
		Heading: "Revoke the key " + all[i].Name + "?", Text: "Whichever program uses it is let in no more, at once. That cannot be undone.",
		Do: v.act("/settings/key/"+all[i].ID+"/revoke", "Revoke it", "danger"), Back: v.base + "/settings",
	})
}

// revokeOwnKey revokes one. That it was revoked already is as good.
func revokeOwnKey(v *visit) error {
	err := v.ask(http.MethodDelete, v.of("key", v.r.PathValue("key")), nil, nil, nil)
	if gone(err) {
		err = nil
	}
	return v.after(err, "/settings", "revoked")
}
