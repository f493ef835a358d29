// Package all has every connector there is, for programs that want them all.
package all

import (
	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/discord"
	"github.com/fanfarehq/fanfare/connect/email"
	"github.com/fanfarehq/fanfare/connect/ntfy"
	"github.com/fanfarehq/fanfare/connect/pushbullet"
	"github.com/fanfarehq/fanfare/connect/slack"
	"github.com/fanfarehq/fanfare/connect/teams"
	"github.com/fanfarehq/fanfare/connect/twilio"
)

// Connectors are those there are, each under the kind of the endpoints it serves.
func Connectors() map[string]fanfare.Connector {
	return map[string]fanfare.Connector{
		"discord":    discord.Connector(),
		"ntfy":       ntfy.Connector(),
		"pushbullet": pushbullet.Connector(),
		"slack":      slack.Connector(),
		"smtp":       email.Connector(),
		"teams":      teams.Connector(),
		"twilio":     twilio.Connector(),
	}
}
