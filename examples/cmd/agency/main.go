// Command agency is the Government Agency for Bear Attacks: an application with forms,
// records, pages and an API that announces every change by a webhook.
//
//	go run ./examples/cmd/agency
//
// Open the page it names, file a report, and see the webhook come. "fanfare demo
// agency" is the same.
package main

import (
	"github.com/fanfarehq/fanfare/examples/agency"
	"github.com/fanfarehq/fanfare/examples/stage"
)

func main() { stage.Main(agency.Demo()) }
