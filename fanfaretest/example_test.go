package fanfaretest_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/fanfaretest"
)

// createRecord stands for a program that is tested.
func createRecord(ctx context.Context, hub *fanfare.Hub, name string) error {
	_, err := hub.Send(ctx, "acme", "record.created", map[string]string{"name": name})
	return err
}

// A test of a program: its customer is away for a while, and hears of the record all
// the same. The hours it takes pass at once.
func TestExample(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := fanfaretest.New(t, nil)
		customer := hub.NewReceiver("acme", &fanfare.Endpoint{EventTypes: []string{"record.*"}})
		customer.Fail(3, 503)
		customer.Hang(1)
		begun := time.Now()
		if err := createRecord(t.Context(), hub.Hub, "first"); err != nil {
			t.Fatal(err)
		}
		got := customer.WaitFor(1)
		if got[0].Type != "record.created" || string(got[0].Body) != `{"name":"first"}` {
			t.Errorf("the customer got %s %s", got[0].Type, got[0].Body)
		}
		if took := time.Since(begun); took < 2*time.Hour {
			t.Errorf("the customer heard of it after %v, before the fifth attempt was due", took)
		}
	})
}
