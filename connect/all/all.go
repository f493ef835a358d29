// Package all has every connector there is, for programs that want them all.
package all

import (
	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/appsscript"
	"github.com/fanfarehq/fanfare/connect/call"
	"github.com/fanfarehq/fanfare/connect/carto"
	"github.com/fanfarehq/fanfare/connect/discord"
	"github.com/fanfarehq/fanfare/connect/email"
	"github.com/fanfarehq/fanfare/connect/exec"
	"github.com/fanfarehq/fanfare/connect/file"
	"github.com/fanfarehq/fanfare/connect/kafka"
	"github.com/fanfarehq/fanfare/connect/lookup"
	"github.com/fanfarehq/fanfare/connect/mirror"
	"github.com/fanfarehq/fanfare/connect/nats"
	"github.com/fanfarehq/fanfare/connect/ntfy"
	"github.com/fanfarehq/fanfare/connect/pubsub"
	"github.com/fanfarehq/fanfare/connect/pushbullet"
	"github.com/fanfarehq/fanfare/connect/rabbitmq"
	"github.com/fanfarehq/fanfare/connect/s3"
	"github.com/fanfarehq/fanfare/connect/slack"
	"github.com/fanfarehq/fanfare/connect/sqs"
	"github.com/fanfarehq/fanfare/connect/teams"
	"github.com/fanfarehq/fanfare/connect/twilio"
)

// Options are what connectors may do on this machine. Where nothing is allowed the kinds
// that would are there all the same, and say so.
type Options struct {
	// Files is a folder in which endpoints may have files; "": they may have none.
	Files string
	// Programs are those that endpoints may run: the path of each, by the name that they
	// know it by.
	Programs map[string]string
}

// Connectors are those there are, each under the kind of the endpoints it serves.
func Connectors(opt *Options) map[string]fanfare.Connector {
	if opt == nil {
		opt = &Options{}
	}
	return map[string]fanfare.Connector{
		"apps-script": appsscript.Connector(),
		"carto":       carto.Connector(),
		"discord":     discord.Connector(),
		"exec":        exec.Connector(opt.Programs),
		"file":        file.Connector(opt.Files),
		"http":        call.Connector(),
		"kafka":       kafka.Connector(),
		"lookup":      lookup.Connector(),
		"mysql":       mirror.MySQL(),
		"nats":        nats.Connector(),
		"ntfy":        ntfy.Connector(),
		"postgres":    mirror.PostgreSQL(),
		"pubsub":      pubsub.Connector(),
		"pushbullet":  pushbullet.Connector(),
		"rabbitmq":    rabbitmq.Connector(),
		"s3":          s3.Connector(),
		"slack":       slack.Connector(),
		"smtp":        email.Connector(),
		"sqlite":      mirror.SQLite(opt.Files),
		"sqs":         sqs.Connector(),
		"teams":       teams.Connector(),
		"twilio":      twilio.Connector(),
		"weather":     lookup.Weather(),
	}
}
