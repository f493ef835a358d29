package storetest

import (
	"sync"
	"testing"

	"github.com/fanfarehq/fanfare"
)

// models opens Models: the one of a name is there again when it is opened again.
func models() Opener {
	var mu sync.Mutex
	byName := map[string]*Model{}
	return func(_ testing.TB, name string) fanfare.Store {
		mu.Lock()
		defer mu.Unlock()
		if byName[name] == nil {
			byName[name] = NewModel()
		}
		return byName[name]
	}
}

func TestModel(t *testing.T) { Run(t, models()) }

func TestModelExpiry(t *testing.T) { RunExpiry(t, models()) }
