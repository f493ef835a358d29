// Command bookshop tells the same readers of the same books by polling and by webhooks,
// and counts what each of the ways costs.
//
//	go run ./examples/cmd/bookshop
//
// Open the page it names. With -once it runs for half a minute and prints the counters.
// "fanfare demo bookshop" is the same.
package main

import (
	"github.com/fanfarehq/fanfare/examples/bookshop"
	"github.com/fanfarehq/fanfare/examples/stage"
)

func main() { stage.Main(bookshop.Demo()) }
