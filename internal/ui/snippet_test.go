package ui_test

import (
	"bytes"
	"fmt"
	"html"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/internal/freeport"
	"github.com/fanfarehq/fanfare/webhook"
)

// TestReceiversKnowTheSignature adds endpoints that are signed in several ways, and starts
// the receivers that the page shows for them, where there are programs to run these.
func TestReceiversKnowTheSignature(t *testing.T) {
	for _, p := range []webhook.Profile{webhook.GitHub, webhook.Shopify} {
		w := newWorld(t, nil)
		d := w.submit(303, w.get(200, "/portal/endpoint/new"), "Add endpoint", "url", w.rcv.URL, "signature", string(p))
		d.says(p.About(), "Ruby", "PHP", "Java").lacks("standardwebhooks")
		var secret string
		receivers := map[string]string{}
		for _, block := range regexp.MustCompile("(?s)<code>(.*?)</code>").FindAllStringSubmatch(d.text, -1) {
			code := html.UnescapeString(block[1])
			switch {
			case len(code) > 40 && !strings.ContainsAny(code, " :/"):
				secret = code
			case strings.Contains(code, "createServer"):
				receivers["node"] = code
			case strings.Contains(code, "HTTPServer"):
				receivers["python3"] = code
			case strings.Contains(code, "BASE64{"), strings.Contains(code, "HEX{"):
				t.Errorf("not filled in: %s", code)
			}
		}
		if secret == "" || len(receivers) != 2 {
			t.Fatalf("the page has the secret %q and %d receivers to try", secret, len(receivers))
		}
		for program, code := range receivers {
			t.Run(string(p)+" "+program, func(t *testing.T) { tryReceiver(t, p, secret, program, code) })
		}
	}
}

// tryReceiver starts a receiver and sends it something that is signed, and something that
// is not what was signed.
func tryReceiver(t *testing.T, p webhook.Profile, secret, program, code string) {
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("there is no %s here", program)
	}
	port, err := freeport.Next()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "receiver.mjs")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(code, "3000", fmt.Sprint(port))), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, file)
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+secret)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	body := []byte(`{"id": 1}`)
	signed, err := p.Sign(&webhook.Message{ID: "msg_1", Time: time.Now(), Body: body}, secret)
	if err != nil {
		t.Fatal(err)
	}
	send := func(body []byte) int {
		r, err := http.NewRequest(http.MethodPost, fmt.Sprintf("http://127.0.0.1:%d/webhooks", port), bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range signed.Header {
			r.Header.Set(f.Name, f.Value)
		}
		for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
			res, err := http.DefaultClient.Do(r)
			if err == nil {
				res.Body.Close()
				return res.StatusCode
			}
			if time.Now().After(end) {
				t.Fatalf("the receiver does not answer: %v, %s", err, &said)
			}
			r.Body, _ = r.GetBody()
		}
	}
	if got := send(body); got != 204 {
		t.Errorf("what is signed is answered %d: %s", got, &said)
	}
	if got := send([]byte(`{"id": 2}`)); got != 400 {
		t.Errorf("what is not signed is answered %d", got)
	}
}

// TestReceiversOfTheOthers looks at those of signatures that take more than a few lines.
func TestReceiversOfTheOthers(t *testing.T) {
	w := newWorld(t, nil)
	add := func(p string) *doc {
		return w.submit(303, w.get(200, "/portal/endpoint/new"), "Add endpoint", "url", w.rcv.URL, "signature", p)
	}
	add("stripe").says("Stripe-Signature", `webhook.Profile("stripe")`).lacks("standardwebhooks", "Ruby")
	add("none").says("not signed: whoever knows the URL", "Apps Script").lacks("The signing secret", "WEBHOOK_SECRET")
	add("").says("standardwebhooks", "Ruby", "The signing secret")
}
