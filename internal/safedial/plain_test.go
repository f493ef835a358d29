package safedial

import (
	"errors"
	"strings"
	"testing"
)

func TestHTTPSOnly(t *testing.T) {
	for _, only := range []bool{false, true} {
		d, err := New(&Policy{HTTPSOnly: only, Loopback: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, url := range []string{"http://example.com/", "HTTP://example.com:443/", "http://127.0.0.1:9000/"} {
			_, err := d.CheckURL(url)
			if refused := err != nil; refused != only || refused && !AboutHTTPS(err.Error()) {
				t.Errorf("%s, https only %v: %v", url, only, err)
			}
		}
		if _, err := d.CheckURL("https://example.com/"); err != nil {
			t.Errorf("https only %v: %v", only, err)
		}
		denied := (*DeniedError)(nil)
		if err := d.RefusePlain(); (err != nil) != only || only && (!errors.As(err, &denied) || !strings.Contains(err.Error(), "--https-only")) {
			t.Errorf("https only %v: to speak http is %v", only, err)
		}
	}
	if AboutHTTPS("10.0.0.1 is a private address") {
		t.Error("another refusal is taken for one of http")
	}
}
