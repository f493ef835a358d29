package postgres_test

import (
	"errors"
	"testing"

	"github.com/fanfarehq/fanfare"
)

// TestWhatWasStoredIsNotOvertaken repeats a call whose COMMIT was not heard of, after
// those who poll have read past it: it is stored, and must not be refused, or its
// sender stores it once more under another id.
func TestWhatWasStoredIsNotOvertaken(t *testing.T) {
	url := database(t)
	store := openAt(t, url, nil)
	shop := newShop(t, store, 1)
	in, late := shop.intake(0), shop.intake(1)
	if err := shop.acceptErr(in); err != nil {
		t.Fatal(err)
	}
	execute(t, url, "UPDATE counter SET n = 9000000000000000 WHERE name = 'horizon'")
	if err := shop.acceptErr(in); err != nil {
		t.Errorf("the same again: %v", err)
	}
	var overtaken *fanfare.OvertakenError
	if err := shop.acceptErr(late); !errors.As(err, &overtaken) || overtaken.Horizon != 9000000000000000 {
		t.Errorf("one that is not there: %v", err)
	}
}
