package seal_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare/seal"
)

const place = "endpoint/1/settings"

func Example() {
	ring := seal.NewRing(seal.NewKey())
	sealed := ring.Seal("endpoint/1/secret", []byte("whsec_c2VjcmV0"))
	text, err := ring.Open("endpoint/1/secret", sealed)
	fmt.Println(string(text), err)
	_, err = ring.Open("endpoint/2/secret", sealed)
	fmt.Println(err)
	// Output:
	// whsec_c2VjcmV0 <nil>
	// it was not sealed for this place, or was altered since
}

func TestWhatIsSealedIsOpenedInItsPlaceOnly(t *testing.T) {
	ring := seal.NewRing(seal.NewKey())
	for _, text := range []string{"", "a secret", strings.Repeat("long ", 10_000)} {
		sealed := ring.Seal(place, []byte(text))
		if got, err := ring.Open(place, sealed); err != nil || string(got) != text {
			t.Errorf("%d bytes come back as %d: %v", len(text), len(got), err)
		}
		if text != "" && strings.Contains(sealed, text) {
			t.Errorf("%q is in %q", text, sealed)
		}
		if sealed == ring.Seal(place, []byte(text)) {
			t.Errorf("%d bytes are sealed alike twice", len(text))
		}
		for _, elsewhere := range []string{"", "endpoint/2/settings", "endpoint/1/settings2"} {
			if _, err := ring.Open(elsewhere, sealed); !errors.Is(err, seal.ErrForged) {
				t.Errorf("opened for %q: %v", elsewhere, err)
			}
		}
	}
}

func TestNoByteOfASealedTextCanBeAltered(t *testing.T) {
	ring := seal.NewRing(seal.NewKey())
	sealed := ring.Seal(place, []byte("whsec_c2VjcmV0"))
	for i := range sealed {
		for _, b := range []byte{'A', 'B', '.', '=', 0, 0xff} {
			altered := sealed[:i] + string([]byte{b}) + sealed[i+1:]
			if altered == sealed {
				continue
			}
			var missing *seal.MissingKeyError
			if text, err := ring.Open(place, altered); !errors.Is(err, seal.ErrForged) && !errors.As(err, &missing) {
				t.Fatalf("%q opens to %q, %v", altered, text, err)
			}
		}
		if _, err := ring.Open(place, sealed[:i]); err == nil {
			t.Fatalf("%q opens", sealed[:i])
		}
	}
	for _, text := range []string{"", "v1", "v1.", "v1..", "v2." + sealed[3:], sealed + "A", sealed + "\n", `{"plain":1}`} {
		if _, err := ring.Open(place, text); err == nil {
			t.Errorf("%q opens", text)
		}
	}
}

func TestARingOpensWhatItsOldKeysSealed(t *testing.T) {
	old, next := seal.NewKey(), seal.NewKey()
	before := seal.NewRing(old)
	after := before.With(next)
	if after.Current() != next.ID() || !after.Has(old.ID()) || before.Has(next.ID()) {
		t.Errorf("the ring %v became %v", before, after)
	}
	if back, err := after.Using(old.ID()); err != nil || back.String() != old.ID()+" "+next.ID() || after.Current() != next.ID() {
		t.Errorf("of the ring %v the old key seals in %v (%v)", after, back, err)
	}
	if same, err := after.Using(next.ID()); err != nil || same.String() != after.String() {
		t.Errorf("of the ring %v the present key seals in %v (%v)", after, same, err)
	}
	if _, err := before.Using(next.ID()); err == nil {
		t.Error("a key seals that is not there")
	}
	sealed := before.Seal(place, []byte("text"))
	if got, err := after.Open(place, sealed); err != nil || string(got) != "text" {
		t.Errorf("the new ring opens it to %q, %v", got, err)
	}
	_, err := before.Open(place, after.Seal(place, []byte("text")))
	var missing *seal.MissingKeyError
	if !errors.As(err, &missing) || missing.ID != next.ID() {
		t.Errorf("the error is %v, want one that names %s", err, next.ID())
	}
}

func TestRingsAreReadAsTheyAreWritten(t *testing.T) {
	a, b := seal.NewKey(), seal.NewKey()
	ring := seal.NewRing(a, b)
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(a.Text(), "fan_seal_"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		ring.Text(), "# a comment, with " + b.Text() + "\n\n " + a.Text() + " \r\n" + b.Text(), a.Text() + "," + b.Text(),
		hex.EncodeToString(raw) + "," + b.Text(), base64.StdEncoding.EncodeToString(raw) + ", " + b.Text(), base64.URLEncoding.EncodeToString(raw) + "\n" + b.Text(),
	} {
		got, err := seal.ParseRing(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if got.Text() != ring.Text() || got.String() != ring.String() {
			t.Errorf("%q is read as %v, want %v", text, got, ring)
		}
	}
	for text, want := range map[string]string{
		"": "no key", "# nothing\n": "no key", "hunter2": "32 random bytes", a.Text()[:30]: "32 random bytes",
		a.Text() + "," + a.Text(): "key number 2 is the same",
	} {
		if _, err := seal.ParseRing(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	many := ""
	for range 65 {
		many += seal.NewKey().Text() + "\n"
	}
	if _, err := seal.ParseRing(many); err == nil || !strings.Contains(err.Error(), "at most 64") {
		t.Errorf("65 keys: %v", err)
	}
}

func TestPrintingDisclosesNothing(t *testing.T) {
	k := seal.NewKey()
	ring := seal.NewRing(k)
	secret := strings.TrimPrefix(k.Text(), "fan_seal_")
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		for _, v := range []any{k, &k, ring, []seal.Key{k}} {
			if text := fmt.Sprintf(format, v); strings.Contains(text, secret) || !strings.Contains(text, k.ID()) {
				t.Errorf("%s of a %T is %q", format, v, text)
			}
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	ring := seal.NewRing(seal.NewKey())
	sealed := ring.Seal(place, make([]byte, 500))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ring.Open(place, sealed); err != nil {
			b.Fatal(err)
		}
	}
}
