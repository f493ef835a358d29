// Command share shows tables that endpoints of the kind sqlite keep to who has an address
// that nobody can guess, as JSON, CSV and GeoJSON.
//
//	go run ./examples/cmd/share make -dir DIR -file bears.db -table bears -key id -latitude lat -longitude lon
//	go run ./examples/cmd/share serve -dir DIR -listen 127.0.0.1:8096
//	go run ./examples/cmd/share list -dir DIR
//	go run ./examples/cmd/share revoke -dir DIR ID
//
// DIR is the folder of "fanfare serve --files DIR". Without a verb it plays what "fanfare
// demo share" does.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/fanfarehq/fanfare/examples/share"
	"github.com/fanfarehq/fanfare/examples/stage"
)

func main() {
	if len(os.Args) < 2 || strings.HasPrefix(os.Args[1], "-") {
		stage.Main(share.Demo()) // which does not return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := share.Command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "share: %v\n", err)
		os.Exit(1)
	}
}
