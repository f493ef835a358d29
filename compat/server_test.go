package compat

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare/compat/internal/fanfared"
)

func TestMain(m *testing.M) { os.Exit(fanfared.Run(m.Run)) }

// A server is a running process of the program with a data folder of its own.
type server struct {
	url string // without a path
	key string
}

// startServer ends the server when the test does, and fails the test if it does
// not end in good order.
func startServer(t *testing.T) *server {
	t.Helper()
	return &server{fanfared.Start(t, nil).URL, fanfared.AdminKey}
}

// call makes a request of its own, for what the clients do not know. It fails
// the test unless the answer has the status that is wanted; the answer is
// decoded into out, if that is not nil.
func (s *server) call(t *testing.T, method, path, body string, want int, out any) {
	t.Helper()
	s.send(t, method, path, "application/json", body, want, out)
}

func (s *server) send(t *testing.T, method, path, contentType, body string, want int, out any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.url+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	if body != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != want {
		t.Fatalf("%s %s: answered %d, want %d: %s", method, path, res.StatusCode, want, answer)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal(answer, out); err != nil {
		t.Fatalf("%s %s: %v in %s", method, path, err, answer)
	}
}

// node runs a script of this folder with what it is to read, and returns what it
// prints.
func node(t *testing.T, stdin io.Reader, script string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", append([]string{script}, args...)...)
	cmd.Stdin = stdin
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("node %s: %v\n%s", script, err, stderr.Bytes())
	}
	return out
}
