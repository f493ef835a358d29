// Command leads is a form for businesses, and 19 departments that hear of the leads
// which concern them, each by a webhook of its own.
//
//	go run ./examples/cmd/leads
//
// Open the form it names, choose some programs, and see on the other page which
// departments have heard of it. "fanfare demo leads" is the same.
package main

import (
	"github.com/fanfarehq/fanfare/examples/leads"
	"github.com/fanfarehq/fanfare/examples/stage"
)

func main() { stage.Main(leads.Demo()) }
