// Command geobooze is a form for what people drink: Slack hears of it, and how strong it
// is is looked up.
//
//	go run ./examples/cmd/geobooze
//
// "fanfare demo geobooze" is the same.
package main

import (
	"github.com/fanfarehq/fanfare/examples/geobooze"
	"github.com/fanfarehq/fanfare/examples/stage"
)

func main() { stage.Main(geobooze.Demo()) }
