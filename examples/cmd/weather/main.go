// Command weather is a form for what is seen outdoors, on whose records the weather is
// written.
//
//	go run ./examples/cmd/weather
//
// "fanfare demo weather" is the same.
package main

import (
	"github.com/fanfarehq/fanfare/examples/stage"
	"github.com/fanfarehq/fanfare/examples/weather"
)

func main() { stage.Main(weather.Demo()) }
