package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// manual is the folder of the README.
const manual = "../.."

// page is a page of the manual.
func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(manual, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// blocks are the fenced blocks of a page in a language.
func blocks(text, language string) (all []string) {
	for _, found := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		all = append(all, found[1])
	}
	return all
}

// TestTheREADMEBeginsAsHelpDoes: the same commands, but that the README's listener
// verifies.
func TestTheREADMEBeginsAsHelpDoes(t *testing.T) {
	text := strings.Join(blocks(page(t, "README.md"), "sh"), "")
	for line := range strings.Lines(firstSteps) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") && !strings.Contains(text, "\n"+line) {
			t.Errorf("the README lacks what help begins with: %s", line)
		}
	}
}

// first begins the session of a page as the README's terminals do. The addresses
// are the script's own, because scripts share the machine.
const first = `
[!exec:curl] skip
env FANFARE_KEY=
env FANFARE_ADMIN_KEY=only-to-try-it-out
env FANFARE_LISTEN=$ADDR
exec sh -c 'exec fanfare serve >serve.out 2>serve.err' &server&
ready $FANFARE_URL/api/v1/health
exec fanfare endpoint update listen --url $HOOK
exec sh -ec 'exec sh listener.sh >listen.out 2>listen.err' &listener&
ready $HOOK
exec sh -ec 'sed -i "s|127.0.0.1:8080|$ADDR|; s|localhost:9000|127.0.0.1:$PORT|" page.sh'
exec sh -e page.sh
`

// TestPagesCanBeTyped runs the shell blocks of the manual, each page as one
// session.
func TestPagesCanBeTyped(t *testing.T) {
	readme := blocks(page(t, "README.md"), "sh")
	listener := strings.ReplaceAll(readme[1], "fanfare listen", "exec fanfare listen --port $PORT")
	dir := t.TempDir()
	for name, script := range map[string]string{
		"page-readme": first + "await listen.out 'signature: valid \\(v1\\)'\n! grep 'not checked' listen.out\n-- page.sh --\n" + readme[2] + readme[3],
		"page-guide":  first + "stdout refused\nstdout ' order.paid  .\"id\":2.$'\nawait listen.out '\"id\":2'\n-- page.sh --\n" + strings.Join(blocks(page(t, "doc/guide.md"), "sh"), ""),
		"page-operating": first + "kill -INT server\nwait server\nexec sh -c 'exec fanfare serve --data restored >again.out 2>again.err' &again&\n" +
			"ready $FANFARE_URL/api/v1/health\nexec fanfare endpoint secret listen\nstdout ^whsec_\n-- page.sh --\n" + strings.Join(blocks(page(t, "doc/operating.md"), "sh"), ""),
	} {
		text := strings.TrimSpace(script) + "\n-- listener.sh --\n" + listener
		if err := os.WriteFile(filepath.Join(dir, name+".txtar"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := scripts(t)
	p.Dir = dir
	testscript.Run(t, p)
}

// programs builds the README's two programs, the sender and the receiver, with
// other ports than they have.
func programs(t *testing.T, port string) (sender, receiver string) {
	root, err := filepath.Abs(manual)
	if err != nil {
		t.Fatal(err)
	}
	mod := strings.Replace(page(t, "go.mod"), "module github.com/fanfarehq/fanfare\n", "module example.com/first\n", 1) +
		"\nrequire github.com/fanfarehq/fanfare v0.0.0\n\nreplace github.com/fanfarehq/fanfare => " + root + "\n"
	dir := t.TempDir()
	files := map[string]string{"go.mod": mod, "go.sum": page(t, "go.sum")}
	for i, text := range blocks(page(t, "README.md"), "go") {
		files[fmt.Sprintf("program%d/main.go", i)] = strings.ReplaceAll(text, "localhost:9001", "localhost:"+port)
	}
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	bin := filepath.Join(dir, "bin")
	build := exec.Command("go", "build", "-mod=mod", "-o", bin+string(filepath.Separator), "./...")
	build.Dir = dir
	build.Env = append(os.Environ(), "GOFLAGS=", "GOPROXY=off", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(bin, "program0"), filepath.Join(bin, "program1")
}

// TestTheREADMEsProgramsRun runs both, the sender twice on one database.
func TestTheREADMEsProgramsRun(t *testing.T) {
	sender, receiver := programs(t, freePort(t))
	dir := t.TempDir()
	begin := func(program string) (*exec.Cmd, io.Reader) {
		cmd := exec.Command(program)
		cmd.Dir, cmd.Stderr = dir, os.Stderr
		cmd.Env = append(os.Environ(), "WEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		return cmd, out
	}
	listening, out := begin(receiver)
	defer func() {
		listening.Process.Kill()
		listening.Wait()
	}()
	defer time.AfterFunc(longest, func() { listening.Process.Kill() }).Stop()
	received := bufio.NewScanner(out)
	for range 2 {
		sending, said := begin(sender)
		var id string
		if _, err := fmt.Fscanf(said, "accepted %s\n", &id); err != nil {
			t.Fatalf("the sender says nothing: %v", err)
		}
		if want := id + " random_number:generate 863"; !received.Scan() || received.Text() != want {
			t.Errorf("the receiver says %q, want %q", received.Text(), want)
		}
		sending.Process.Signal(syscall.SIGINT)
		if err := sending.Wait(); err != nil {
			t.Errorf("the sender ends with %v", err)
		}
	}
}
