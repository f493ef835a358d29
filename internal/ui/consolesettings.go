package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// A Setting is something that the server was told when it was started, for the console
// to show. It has no secrets.
type Setting struct {
	Name, Value string
	About       string
	Default     bool // nobody has said so
}

// settingPages are about the server itself.
func settingPages() map[string]func(*visit) error {
	return map[string]func(*visit) error{
		"GET /setting":            readSettings,
		"GET /key":                listKeys,
		"POST /key":               addKey,
		"GET /key/{key}/revoke":   confirmRevoke,
		"POST /key/{key}/revoked": revokeKey,
		"GET /audit":              listAudit,
	}
}

type settingsOfServer struct {
	Groups  []settingGroup
	Egress  []string
	Nodes   []nodeRow
	Tabs    []place
	Sealing sealingOut
	Backup  *copyable // nil: it is not made by a command of ours
	Copies  string    // about backups
	Figures *copyable
}

type nodeRow struct {
	Name    string
	Shards  int
	Started when
}

// serverTabs are the pages about the server.
func (v *visit) serverTabs(here string) []place {
	return []place{
		{"Settings", v.root + "/setting", here == "setting"}, {"API keys", v.root + "/key", here == "key"},
		{"Operational webhooks", v.root + "/operational", here == "operational"}, {"Audit log", v.root + "/audit", here == "audit"},
	}
}

func readSettings(v *visit) error {
	body := settingsOfServer{Groups: v.groups(), Tabs: v.serverTabs("setting"), Figures: v.figuresOf()}
	body.Backup, body.Copies = v.backup()
	if err := v.read(&body.Sealing, "/secrets-key"); err != nil {
		return err
	}
	var meta struct{ Egress []string }
	if err := v.read(&meta, "/meta"); err != nil {
		return err
	}
	body.Egress = meta.Egress
	var nodes listOf[struct {
		Name      string
		Shards    int
		StartedAt time.Time
	}]
	if err := v.read(&nodes, "/nodes"); err != nil {
		return err
	}
	for _, n := range nodes.Data {
		body.Nodes = append(body.Nodes, nodeRow{n.Name, n.Shards, v.when(n.StartedAt)})
	}
	return v.show("console/settings", "Settings", body)
}

// keyOut is an API key as the API shows it.
type keyOut struct {
	ID, Name    string
	Scopes      []string
	Application string
	Channels    []string
	Portal      bool // made there
	CreatedAt   time.Time
	ExpiresAt   time.Time
	LastUsedAt  time.Time
}

type keyRow struct {
	keyOut
	Login         bool // of the console
	Mine          bool // this one
	State         badge
	Used, Expires when
	AppName       string // "": it is of all
}

type keysBody struct {
	Tabs    []place
	Rows    []keyRow
	Pager   pager
	Fields  []field
	Scopes  []option
	Problem string
	Scoping string // what is wrong with the scopes
	Made    *copyable
}

func listKeys(v *visit) error { return v.showKeys(http.StatusOK, nil, nil) }

func (v *visit) showKeys(status int, told *refusal, made *copyable) error {
	var list listOf[keyOut]
	if err := v.read(&list, "/api-key", "limit", fmt.Sprint(pageSize), "iterator", v.asked("at")); err != nil {
		return err
	}
	b, err := v.hub.Identify(v.r.Context(), v.token)
	if err != nil {
		return err
	}
	body := keysBody{Tabs: v.serverTabs("key"), Pager: list.pager(v, "/key"), Made: made}
	names := v.names()
	for _, k := range list.Data {
		row := keyRow{keyOut: k, Mine: k.ID == string(b.Key.ID), State: badge{"ok", "Good"}, Used: v.when(k.LastUsedAt), Expires: v.when(k.ExpiresAt)}
		_, row.Login = strings.CutPrefix(k.Name, loginOf)
		if !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(v.now) {
			row.State = badge{"idle", "Expired"}
		}
		if k.Application != "" {
			if row.AppName, err = names(fanfare.ApplicationID(k.Application)); err != nil {
				return err
			}
		}
		body.Rows = append(body.Rows, row)
	}
	if made == nil {
		if err := v.keyFields(&body, told); err != nil {
			return err
		}
	}
	return v.showAs(status, "console/keys", "API keys", body)
}

// keyFields are the form for a new key.
func (v *visit) keyFields(body *keysBody, told *refusal) error {
	app, err := v.chooseApplication("application", "Only of this application", "All applications")
	if err != nil {
		return err
	}
	body.Fields = []field{
		{Name: "name", Label: "Name", Kind: "text", Required: true, Value: v.said("name"), Hint: "Who uses it, for people."},
		app,
		{Name: "days", Label: "Ends after so many days", Kind: "number", Value: v.said("days"), Hint: "Never unless told."},
	}
	chosen := v.r.PostForm["scope"]
	for _, s := range fanfare.Scopes() {
		body.Scopes = append(body.Scopes, option{string(s), string(s), slices.Contains(chosen, string(s))})
	}
	if told != nil {
		body.Problem, body.Scoping = told.Detail, told.Fields["scopes"]
		for i, f := range body.Fields {
			body.Fields[i].Problem = told.Fields[f.Name]
		}
		if p := told.Fields["expiresAt"]; p != "" {
			body.Fields[2].Problem = p
		}
	}
	return nil
}

// addKey makes an API key, and shows it this once.
func addKey(v *visit) error {
	in := map[string]any{"name": v.said("name"), "scopes": append([]string{}, v.r.PostForm["scope"]...)}
	if app := v.said("application"); app != "" {
		in["application"] = app
	}
	if text := v.said("days"); text != "" {
		var days int
		if n, err := fmt.Sscanf(text, "%d", &days); n != 1 || err != nil || days < 1 || days > 36500 {
			return v.showKeys(http.StatusUnprocessableEntity, wrongField("days", "That is no number of days from 1 to 36500."), nil)
		}
		in["expiresAt"] = v.now.AddDate(0, 0, days).UTC().Format(time.RFC3339)
	}
	var made struct{ ID, Token string }
	err := v.ask(http.MethodPost, "/api-key", nil, in, &made)
	if told, ok := isRefused(err); ok && (told.Status == http.StatusUnprocessableEntity || told.Status == http.StatusConflict) {
		return v.showKeys(told.Status, told, nil)
	}
	if err != nil {
		return err
	}
	return v.showKeys(http.StatusOK, nil, &copyable{Text: made.Token, Label: "the key"})
}

type revokeBody struct {
	keyOut
	Mine bool
	Do   *act
}

func confirmRevoke(v *visit) error {
	var k keyOut
	if err := v.read(&k, "/api-key/"+url.PathEscape(v.r.PathValue("key"))); err != nil {
		return err
	}
	b, err := v.hub.Identify(v.r.Context(), v.token)
	if err != nil {
		return err
	}
	mine := k.ID == string(b.Key.ID) || loginOf+k.ID == b.Key.Name
	return v.show("console/revoke", "Revoke "+k.Name, revokeBody{k, mine, v.act("/key/"+url.PathEscape(k.ID)+"/revoked", "Revoke it", "danger")})
}

func revokeKey(v *visit) error {
	if err := v.ask(http.MethodDelete, "/api-key/"+url.PathEscape(v.r.PathValue("key")), nil, nil, nil); err != nil {
		return err
	}
	return v.to("/key", "revoked")
}

type auditBody struct {
	Tabs   []place
	Fields []field
	Rows   []auditRow
	Pager  pager
	Empty  empty
}

type auditRow struct {
	ID, Actor, Action, Application, Object, Address, Detail, Outcome string
	Fields                                                           []string
	Timestamp                                                        time.Time
	At                                                               when  `json:"-"`
	State                                                            badge `json:"-"`

	ActorName, AppName string `json:"-"`
}

// Given is what the request gave, by name.
func (a auditRow) Given() string { return strings.Join(a.Fields, ", ") }

func listAudit(v *visit) error {
	var list listOf[auditRow]
	if err := v.read(&list, "/audit", "limit", fmt.Sprint(pageSize), "actor", v.asked("actor"), "object", v.asked("object"), "iterator", v.asked("at")); err != nil {
		return err
	}
	body := auditBody{Tabs: v.serverTabs("audit"), Rows: list.Data, Pager: list.pager(v, "/audit"), Fields: []field{
		{Name: "actor", Label: "By whom", Kind: "text", Code: true, Value: v.asked("actor"), Placeholder: "admin, key_…"},
		{Name: "object", Label: "To what", Kind: "text", Code: true, Value: v.asked("object"), Placeholder: "app_…, ep_…"},
	}}
	if err := v.nameRows(body.Rows); err != nil {
		return err
	}
	for i := range body.Rows {
		r := &body.Rows[i]
		if r.At, r.State = v.when(r.Timestamp), (badge{"ok", "Done"}); r.Outcome == "refused" {
			r.State = badge{"bad", "Refused"}
		}
	}
	body.Empty = empty{"Nothing is noted", "Whatever is changed, and whoever is refused for want of access, is noted here.", nil}
	if v.asked("actor")+v.asked("object") != "" {
		body.Empty = empty{"Nothing like that", "Nothing is noted of who and what the filters say. An id stands here as it is; of what has a uid too, the id does.", []place{{Text: "Show all", URL: v.root + "/audit"}}}
	}
	return v.show("console/audit", "Audit log", body)
}
