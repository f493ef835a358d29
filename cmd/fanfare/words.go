package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// endpointWords explains the words that the flags of an endpoint take, as the
// library has them.
func endpointWords() string {
	var profiles []string
	for _, p := range webhook.Profiles() {
		profiles = append(profiles, string(p))
	}
	var b strings.Builder
	for _, flag := range []struct {
		name      string
		words     []string
		about     func(string) string
		otherwise string
	}{
		{"format", fanfare.Formats, fanfare.AboutFormat, ""},
		{"signature", profiles, func(p string) string { return webhook.Profile(p).About() }, ""},
		{"retry", fanfare.RetryPresets, fanfare.AboutRetry, "or delays of your own, such as 5s,5m,1h, or a formula of them, such as \"n^4+5 x24\"; \"fanfare retry-plan\" shows the exact times"},
		{"success", fanfare.SuccessPresets, fanfare.AboutSuccess, "or statuses of your own, such as 200-207 or 200,204"},
	} {
		fmt.Fprintf(&b, "\n--%s is one of:\n\n", flag.name)
		t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, word := range flag.words {
			fmt.Fprintf(t, "    %s\t%s\n", word, flag.about(word))
		}
		t.Flush()
		if flag.otherwise != "" {
			fmt.Fprintf(&b, "    %s\n", flag.otherwise)
		}
	}
	return b.String()
}
