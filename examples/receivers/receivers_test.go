package receivers

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/internal/freeport"
	"github.com/fanfarehq/fanfare/webhook"
)

// languages are how each receiver is started, on a port or, for 0, on any that is free.
// A language that is not on this machine is left out.
var languages = map[string]struct {
	command []string
	silent  bool // it does not say where it listens, and needs to be told a port
}{
	"node":    {command: []string{"node", "receiver.mjs"}},
	"python3": {command: []string{"python3", "receiver.py"}},
	"java":    {command: []string{"java", "Receiver.java"}},
	"ruby":    {command: []string{"ruby", "receiver.rb"}},
	"php":     {command: []string{"php", "-S", "127.0.0.1:PORT", "receiver.php"}, silent: true},
}

// A printer keeps what a receiver prints.
type printer struct {
	mu  sync.Mutex
	out bytes.Buffer
}

func (p *printer) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *printer) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// start runs a receiver until the test ends, and returns its URL.
func start(t *testing.T, language, secret string) (url string, out *printer) {
	l := languages[language]
	path, err := exec.LookPath(l.command[0])
	if err != nil {
		t.Skipf("there is no %s on this machine", l.command[0])
	}
	if _, err := os.ReadFile(l.command[len(l.command)-1]); err != nil { // so that go test knows what it tests
		t.Fatal(err)
	}
	port := 0
	if l.silent {
		if port, err = freeport.Next(); err != nil {
			t.Fatal(err)
		}
	}
	args := strings.Split(strings.ReplaceAll(strings.Join(l.command[1:], "\n"), "PORT", fmt.Sprint(port)), "\n")
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+secret, fmt.Sprintf("PORT=%d", port), "TMPDIR="+t.TempDir())
	out = &printer{}
	read, write := io.Pipe()
	cmd.Stdout, cmd.Stderr = io.MultiWriter(out, write), out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = write.Close()
		reading.Wait()
	})
	said := make(chan string, 1)
	reading.Go(func() {
		lines := bufio.NewScanner(read)
		for lines.Scan() {
			if url, ok := strings.CutPrefix(lines.Text(), "Listening on "); ok {
				said <- url
			}
		}
		_, _ = io.Copy(io.Discard, read)
	})
	if l.silent {
		return await(t, port), out
	}
	select {
	case url := <-said:
		return url, out
	case <-time.After(time.Minute):
		t.Fatalf("it did not say where it listens: %s", out)
	}
	return "", nil
}

// await waits until somebody listens on a port.
func await(t *testing.T, port int) string {
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = conn.Close()
			return fmt.Sprintf("http://127.0.0.1:%d", port)
		}
	}
	t.Fatal("nobody listens")
	return ""
}

// A hook is a webhook as it is sent.
type hook struct {
	id, timestamp, signature string
	body                     string
}

func signed(t *testing.T, secret *webhook.Secret, id string, at time.Time, body string) hook {
	signer, err := webhook.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	return hook{id, fmt.Sprint(at.Unix()), signer.Sign(id, at, []byte(body)), body}
}

func (h hook) send(t *testing.T, url string) (status int, said string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(h.body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		webhook.HeaderID: h.id, webhook.HeaderTimestamp: h.timestamp, webhook.HeaderSignature: h.signature, webhook.HeaderEventType: "record.create",
	} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// TestReceivers runs each, and sends it what is signed as it should be and what is not.
func TestReceivers(t *testing.T) {
	for language := range languages {
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			receiver(t, language)
		})
	}
}

func receiver(t *testing.T, language string) {
	secret, other, now := webhook.GenerateSecret(), webhook.GenerateSecret(), time.Now()
	url, out := start(t, language, secret.Reveal())
	const body = `{"name":"Bär ☃", "n": 1.50}`
	good := signed(t, secret, "msg_1", now, body)
	flip := func(text string, at int) string { return text[:at] + string(text[at]^1) + text[at+1:] }
	with := func(change func(h *hook)) hook { h := good; h.id = "msg_1"; change(&h); return h }
	refused := map[string]hook{
		"a bit of the body":      with(func(h *hook) { h.body = flip(h.body, len(h.body)-3) }),
		"a bit of the signature": with(func(h *hook) { h.signature = flip(h.signature, len("v1,")+4) }),
		"another id":             with(func(h *hook) { h.id = "msg_2" }),
		"another time":           with(func(h *hook) { h.timestamp = fmt.Sprint(now.Unix() - 1) }),
		"no id":                  with(func(h *hook) { h.id = "" }),
		"no time":                with(func(h *hook) { h.timestamp = "" }),
		"no number":              with(func(h *hook) { h.timestamp = "-1" }),
		"no signature":           with(func(h *hook) { h.signature = "" }),
		"an empty signature":     with(func(h *hook) { h.signature = "v1," }),
		"a bare signature":       with(func(h *hook) { h.signature = "v1" }),
		"no Base64":              with(func(h *hook) { h.signature = "v1,###" }),
		"another version":        with(func(h *hook) { h.signature = strings.Replace(h.signature, "v1,", "v2,", 1) }),
		"another secret":         signed(t, other, "msg_1", now, body),
		"too old":                signed(t, secret, "msg_1", now.Add(-6*time.Minute), body),
		"of the future":          signed(t, secret, "msg_1", now.Add(6*time.Minute), body),
	}
	for name, h := range refused {
		if status, said := h.send(t, url); status != http.StatusUnauthorized || said == "" {
			t.Errorf("%s: answered %d, %q", name, status, said)
		}
	}
	rotated := signed(t, secret, "msg_3", now, "{}")
	rotated.signature = signed(t, other, "msg_3", now, "{}").signature + " v1a,AAAA " + rotated.signature
	old := signed(t, secret, "msg_4", now.Add(-4*time.Minute), "[]")
	for _, h := range []hook{good, good, rotated, old} {
		if status, said := h.send(t, url); status != http.StatusNoContent || said != "" {
			t.Errorf("%s: answered %d, %q", h.id, status, said)
		}
	}
	want := "msg_1 record.create " + body + "\nmsg_3 record.create {}\nmsg_4 record.create []\n"
	// What it prints may come a moment after what it answers.
	for end := time.Now().Add(time.Minute); !strings.Contains(out.String(), "msg_4 record.create []\n") && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
	var got strings.Builder
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "msg_") {
			got.WriteString(line)
		}
	}
	if got.String() != want {
		t.Errorf("it printed %q; want each once: %q\n%s", got.String(), want, out)
	}
}
