package ui

import (
	"cmp"
	"slices"
	"strings"

	"github.com/fanfarehq/fanfare"
)

// settingGroups are what settings are about, by their names; what is in none stands in
// the last.
var settingGroups = []struct {
	heading, about string
	names          []string
}{
	{"What may be reached", "Addresses that are not public are refused, whatever a name leads to, but for those that are allowed here.", []string{"allow", "dev", "https-only", "egress", "per-host", "files", "run"}},
	{"How long it is kept", "", []string{"retention", "audit-retention"}},
	{"When to try again", "Endpoints, event types and applications may say otherwise.", []string{"retry", "disable-after"}},
	{"Portal", "", []string{"portal-name", "portal-accent", "portal-logo", "portal-frame"}},
	{"Server", "", nil},
}

type settingGroup struct {
	Heading, About string
	ID             string
	Settings       []Setting
	Presets        []retryPreset // of when to try again
	Egress         []string
	Reach          bool // it is the group of what may be reached
}

type retryPreset struct {
	Name, Plan string
	Attempts   int
	Over       string
}

// groups are the settings by what they are about.
func (v *visit) groups() (all []settingGroup) {
	rest := slices.Clone(v.settings)
	for _, g := range settingGroups {
		group := settingGroup{Heading: g.heading, About: g.about, ID: strings.ReplaceAll(strings.ToLower(g.heading), " ", "-")}
		for _, name := range g.names {
			if i := slices.IndexFunc(rest, func(s Setting) bool { return s.Name == name }); i >= 0 {
				group.Settings = append(group.Settings, rest[i])
				rest = slices.Delete(rest, i, i+1)
			}
		}
		switch {
		case g.names == nil:
			group.Settings = rest
		case slices.Contains(g.names, "retry"):
			group.Presets = retryPresets()
		case slices.Contains(g.names, "egress"):
			group.Reach = true
		}
		all = append(all, group)
	}
	return all
}

// retryPresets are the plans that an endpoint may have by name.
func retryPresets() (all []retryPreset) {
	for _, name := range fanfare.RetryPresets {
		delays, err := fanfare.Retry{Preset: name}.Plan()
		if err != nil {
			continue // it is one of them
		}
		p := retryPreset{Name: name, Attempts: len(delays) + 1, Over: "at once, and not again"}
		var words []string
		for _, d := range delays {
			words = append(words, long(d))
		}
		if len(delays) > 0 {
			_, p.Over, _ = strings.Cut(fanfare.AboutRetry(name), " attempts ")
			p.Over, _, _ = strings.Cut(p.Over, ",")
			p.Plan = strings.Join(words[:min(9, len(words))], ", ")
			if len(words) > 9 {
				p.Plan += ", …"
			}
		}
		all = append(all, p)
	}
	return all
}

// sealingOut is with which key secrets are sealed, as the API shows it.
type sealingOut struct {
	Key               string
	OldKeys           []string
	Left              int
	Next              string // a key that is to seal; "": there is none
	Lacking           []string
	Resealing, Traces bool
	Error             string
}

// Records is how many are sealed with old keys.
func (s sealingOut) Records() string { return count(s.Left, "record", "records") }

// State says how it stands.
func (s sealingOut) State() badge {
	switch {
	case s.Error != "":
		return badge{"bad", "Resealing has stopped"}
	case s.Key == "":
		return badge{"wait", "Not sealed"}
	case s.Resealing:
		return badge{"wait", "Being sealed with a new key"}
	case s.Next != "":
		return badge{"wait", "A new key waits"}
	}
	return badge{"ok", "Sealed"}
}

// backup is the command that copies what the server keeps, and a sentence about it.
func (v *visit) backup() (command *copyable, about string) {
	set := func(name string) string {
		i := slices.IndexFunc(v.settings, func(s Setting) bool { return s.Name == name })
		if i < 0 {
			return ""
		}
		return v.settings[i].Value
	}
	keys := " Keep the keys that secrets are sealed with as well, and not in the same place."
	if set("database") != "" {
		return nil, "Everything is in PostgreSQL, and is copied with its own tools: pg_dump as it is at one moment, pg_basebackup with the archived WAL up to any moment." + keys
	}
	quoted := "'" + strings.ReplaceAll(cmp.Or(set("data"), "./fanfare-data"), "'", `'\''`) + "'"
	return &copyable{Label: "the command that makes a copy", Block: true, Text: `fanfare backup "fanfare-$(date +%F).db" --data ` + quoted},
		"The database is copied while the server runs, as it is at one moment." + keys
}

// figuresOf is how the server's figures are read.
func (v *visit) figuresOf() *copyable {
	return &copyable{Label: "the command that reads the figures", Block: true, Text: `curl -H "Authorization: Bearer $FANFARE_KEY" '` + v.site + "/metrics'"}
}
