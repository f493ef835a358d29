package main

import (
	"net/url"
	"strings"

	"github.com/spf13/pflag"

	"github.com/fanfarehq/fanfare/internal/ui"
)

// runsWith is what a server was told when it was started, as its operator is shown it.
// Nothing of it is secret: addresses of databases are shown without who opens them.
func runsWith(flags *pflag.FlagSet) (all []ui.Setting) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Name == configFlag || f.Name == "new-admin-key" {
			return
		}
		value := f.Value.String()
		if strings.HasPrefix(f.Name, "database") && value != "" {
			value = whereabouts(value)
		}
		about, _, _ := strings.Cut(f.Usage, " [FANFARE_")
		all = append(all, ui.Setting{Name: f.Name, Value: strings.Trim(value, "[]"), About: about, Default: !f.Changed})
	})
	return all
}

// whereabouts is where a database is, without its user, password and parameters.
func whereabouts(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return "(told)"
	}
	return u.Scheme + "://" + u.Host + u.Path
}
