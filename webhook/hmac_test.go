package webhook_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/webhook"
)

func TestHMAC(t *testing.T) {
	for _, c := range []struct {
		name   string
		hmac   webhook.HMAC
		secret string
		want   string
	}{
		{"as Dropbox", webhook.HMAC{Header: "X-Sig"}, "app_secret", "8118baea9332524a7a07e29c8326be48d401e9c88934477d9aa686322d42ad28"},
		{"as Shopify", webhook.HMAC{Header: "X-Sig", Algorithm: "sha256", Encoding: "base64"}, "shpss_secret", "ChCWiXMZQuSreK0DQWhNakDZbptY2o3L4+fdlsWAXi0="},
		{"as Intercom", webhook.HMAC{Header: "X-Sig", Algorithm: "sha1", Encoding: "hex", Prefix: "sha1="}, "client_secret", "sha1=24c5ae5404d24084cbb207016b0d3c86b19b1390"},
	} {
		got, err := c.hmac.Sign([]byte(recordBody), c.secret)
		if err != nil || got != (webhook.Field{Name: "X-Sig", Value: c.want}) {
			t.Errorf("%s: signed is %v, %v; want %s", c.name, got, err, c.want)
		}
		v, err := c.hmac.Verifier("another", c.secret)
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{"X-Sig": {c.want}}
		if _, err := v.Verify(header, []byte(recordBody), time.Now()); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if _, err := v.Verify(header, []byte(recordBody+" "), time.Now()); !errors.Is(err, webhook.ErrNoMatch) {
			t.Errorf("%s, altered: %v", c.name, err)
		}
		if _, err := v.Verify(http.Header{}, []byte(recordBody), time.Now()); !errors.Is(err, webhook.ErrMissingHeader) {
			t.Errorf("%s, without: %v", c.name, err)
		}
	}
	long := webhook.HMAC{Header: "X-Sig", Algorithm: "sha512"}
	line, err := long.Sign([]byte("x"), "secret")
	if err != nil || len(line.Value) != 128 {
		t.Errorf("SHA-512 is %v, %v", line, err)
	}
	for _, bad := range []webhook.HMAC{{}, {Header: "X", Algorithm: "md5"}, {Header: "X", Encoding: "base32"}} {
		_, err := bad.Verifier("secret")
		if _, other := bad.Sign(nil, "secret"); bad.Check() == nil || err == nil || other == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	for _, secrets := range [][]string{nil, {""}, {"a", ""}} {
		if _, err := long.Verifier(secrets...); !errors.Is(err, webhook.ErrNoSecret) {
			t.Errorf("with the secrets %q: %v", secrets, err)
		}
	}
	if _, err := long.Sign(nil, ""); !errors.Is(err, webhook.ErrNoSecret) {
		t.Errorf("signed by nothing: %v", err)
	}
}

// A sender that puts the HMAC of the body into a header of its own.
func ExampleHMAC() {
	custom := webhook.HMAC{Header: "X-Acme-Signature", Algorithm: "sha1", Prefix: "sha1="}
	line, err := custom.Sign([]byte("Hello, World!"), "It's a Secret to Everybody")
	if err != nil {
		panic(err)
	}
	fmt.Println(line.Name, line.Value)
	// Output: X-Acme-Signature sha1=01dc10d0c83e72ed246219cdd91669667fe2ca59
}
