// Package all has every connector there is, for programs that want them all.
package all

import (
	"github.com/fanfarehq/fanfare"
)

// Connectors are those there are, each under the kind of the endpoints it serves.
func Connectors() map[string]fanfare.Connector {
	return map[string]fanfare.Connector{}
}
