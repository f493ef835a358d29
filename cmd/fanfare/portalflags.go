package main

import (
	"errors"
	"strings"

	"github.com/spf13/pflag"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/internal/ui"
)

// portalFlags are what the customers' portal looks like.
func portalFlags(flags *pflag.FlagSet, p *ui.Portal) {
	flags.StringVar(&p.Name, "portal-name", "", "what the portal is called, such as the name of your product")
	flags.StringVar(&p.Accent, "portal-accent", "", "colour of links and buttons in the portal, such as #3451d1; it is made lighter or darker where it could not be read")
	flags.StringVar(&p.Logo, "portal-logo", "", "address of a logo for the portal, https or data:")
	flags.StringVar(&p.LogoDark, "portal-logo-dark", "", "the same for dark pages, where it is another")
	flags.StringVar(&p.Radius, "portal-radius", "", "how round corners are in the portal, in pixels from 0 to 24; 8 unless told")
	flags.StringSliceVar(&p.Frames, "portal-frame", nil, "origin of a site that may show the portal in a frame, such as https://app.example.com; repeatable")
}

// portalMistake names the flag that the portal cannot be as it says.
func portalMistake(err error) error {
	var wrong *fanfare.InvalidError
	if !errors.As(err, &wrong) {
		return err
	}
	if field, ok := strings.CutPrefix(wrong.Field, "portal."); ok {
		return usagef("--portal-%s: %s", strings.Replace(field, "frames", "frame", 1), wrong.Reason)
	}
	return err
}
