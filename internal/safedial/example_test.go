package safedial_test

import (
	"fmt"

	"github.com/fanfarehq/fanfare/internal/safedial"
)

func Example() {
	out, err := safedial.New(nil) // the public internet only
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, raw := range []string{"https://Hooks.example./in", "http://localhost:9000/in", "http://0x7f.1/"} {
		u, err := out.CheckURL(raw)
		if err != nil {
			fmt.Println("refused:", err)
			continue
		}
		fmt.Println("taken as", u)
	}

	// Output:
	// taken as https://hooks.example/in
	// refused: localhost is a loopback address; for development, serve --dev or Options.AllowLoopback allows it
	// refused: 0x7f.1 is not an IPv4 address; write four decimal numbers from 0 to 255 without leading zeros
}
