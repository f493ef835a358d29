package exec_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/exec"
)

// behaviours are what this program does when it is run under that name: it is the one
// that is run here, by links.
var behaviours = map[string]func(){
	"true": func() { _, _ = io.Copy(io.Discard, os.Stdin) },
	"echo": func() {
		env := os.Environ()
		slices.Sort(env)
		fmt.Println(strings.Join(env, "\n"))
		fmt.Println(os.Getwd())
		fmt.Println(strings.Join(os.Args[1:], " "))
		_, _ = io.Copy(os.Stdout, os.Stdin)
	},
	"later":  func() { fmt.Fprintln(os.Stderr, "the ledger is locked"); os.Exit(75) },
	"never":  func() { fmt.Fprintln(os.Stderr, "no such account"); os.Exit(1) },
	"loud":   func() { _, _ = os.Stdout.Write(make([]byte, 200<<10)) },
	"killed": func() { p, _ := os.FindProcess(os.Getpid()); _ = p.Kill(); select {} },
	"slow": func() {
		env := []string{"ALIVE=" + filepath.Join(filepath.Dir(os.Args[0]), "alive")}
		child, err := os.StartProcess(os.Args[0], []string{"grandchild"}, &os.ProcAttr{Env: env, Files: []*os.File{nil, os.Stdout}})
		if err != nil {
			os.Exit(1)
		}
		_, _ = child.Wait()
	},
	"grandchild": func() {
		conn, err := net.Dial("unix", os.Getenv("ALIVE"))
		if err != nil {
			os.Exit(1)
		}
		time.Sleep(time.Minute)
		fmt.Println("woke", conn.Close())
	},
}

func TestMain(m *testing.M) {
	if behave, ok := behaviours[filepath.Base(os.Args[0])]; ok {
		behave()
		return
	}
	os.Exit(m.Run())
}

// programs are links to this one, one for each way to behave.
func programs(t *testing.T) map[string]string {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"missing": filepath.Join(t.TempDir(), "missing")}
	for name := range behaviours {
		all[name] = filepath.Join(t.TempDir(), name)
		if err := os.Symlink(self, all[name]); err != nil {
			t.Fatal(err)
		}
	}
	all["ledger"] = all["true"]
	return all
}

func TestContract(t *testing.T) {
	connecttest.Run(t, connecttest.Case{
		Connector: exec.Connector(programs(t)), Config: `{"program":"true"}`, Local: true,
		Bad: map[string]string{
			`{}`:                               "config.program: must be one that the operator named: echo, grandchild, killed, later, ledger, loud, missing, never, slow, true",
			`{"program":"/bin/sh"}`:            "config.program: must be one that the operator named",
			`{"program":"true","args":["-c"]}`: "config.args: is not known here; there are program, body",
			`{"program":"true","body":"{{"}`:   "config.body: a {{ is not closed by }}",
		},
		Outcomes: map[string]connecttest.Outcome{
			"try again": {Config: `{"program":"later"}`, Class: fanfare.ClassConnector, Detail: "exit status 75: the ledger is locked"},
			"failed":    {Config: `{"program":"never"}`, Class: fanfare.ClassRejected, Detail: "exit status 1: no such account"},
			"killed":    {Config: `{"program":"killed"}`, Class: fanfare.ClassConnector, Detail: "signal: killed"},
			"missing":   {Config: `{"program":"missing"}`, Err: "no such file"},
			"unread":    {Config: `{"program":"loud"}`, Message: connecttest.Message("a.b", strings.Repeat("x", 1<<20)), Class: fanfare.ClassSuccess},
			"zero byte": {Message: connecttest.Message("a\x00b", `{}`), Class: fanfare.ClassRejected, Detail: "FANFARE_EVENT_TYPE has a zero byte"},
		},
	})
}

func TestNotAllowed(t *testing.T) {
	way, _ := connecttest.Way(t, nil)
	if _, err := exec.Connector(nil).New([]byte(`{"program":"true"}`), way); err == nil || !strings.Contains(err.Error(), `"fanfare serve --run NAME=/path/to/program"`) {
		t.Errorf("%v", err)
	}
}

func run(t *testing.T, ctx context.Context, config string, msg *fanfare.Message) (fanfare.Reply, error) {
	t.Helper()
	way, _ := connecttest.Way(t, nil)
	sink, err := exec.Connector(programs(t)).New([]byte(config), way)
	if err != nil {
		t.Fatal(err)
	}
	return sink.Send(ctx, msg)
}

// TestWhatAProgramIsTold sees all that one is given, and that nothing else is.
func TestWhatAProgramIsTold(t *testing.T) {
	t.Setenv("FANFARE_ADMIN_KEY", "secret")
	for config, input := range map[string]string{`{"program":"echo"}`: "{\"n\": 1}", `{"program":"echo","body":"{{payload.n}}\n"}`: "1\n"} {
		msg := connecttest.Message("a.b; $(id)", `{"n": 1}`)
		msg.Channels = []string{"x", "y"}
		reply, err := run(t, t.Context(), config, msg)
		want := "FANFARE_APPLICATION=app_00000000000000000000000001\nFANFARE_CHANNELS=x,y\nFANFARE_CONTENT_TYPE=application/json\nFANFARE_EVENT_TYPE=a.b; $(id)\n" +
			"FANFARE_MESSAGE_ID=" + string(msg.ID) + "\nFANFARE_TIMESTAMP=2026-01-02T03:04:05Z\nPATH=/usr/local/bin:/usr/bin:/bin\n/ <nil>\n\n" + input
		if got := string(reply.ResponseBody); err != nil || got != want {
			t.Errorf("%v, told\n%s\nwant\n%s", err, got, want)
		}
	}
}

func TestOutputIsBounded(t *testing.T) {
	reply, err := run(t, t.Context(), `{"program":"loud"}`, connecttest.Message("a.b", `{}`))
	if err != nil || len(reply.ResponseBody) != 64<<10+1 {
		t.Errorf("%d bytes, %v", len(reply.ResponseBody), err)
	}
}

// TestTimeIsBounded ends a program that waits for another, which is ended too.
func TestTimeIsBounded(t *testing.T) {
	all := programs(t)
	alive, err := net.Listen("unix", filepath.Join(filepath.Dir(all["slow"]), "alive"))
	if err != nil {
		t.Fatal(err)
	}
	defer alive.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		other, err := alive.Accept()
		cancel() // now that it runs
		if err == nil {
			defer other.Close()
			_ = other.SetReadDeadline(time.Now().Add(30 * time.Second))
			_, err = other.Read(make([]byte, 1)) // until it has ended
		}
		ended <- err
	}()
	way, _ := connecttest.Way(t, nil)
	sink, err := exec.Connector(all).New([]byte(`{"program":"slow"}`), way)
	if err != nil {
		t.Fatal(err)
	}
	if reply, err := sink.Send(ctx, connecttest.Message("a.b", `{}`)); !errors.Is(err, context.Canceled) {
		t.Errorf("%+v, %v", reply, err)
	}
	alive.Close() // so that nobody waits for one that has not begun
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Errorf("the other one has not been ended: %v", err)
	}
}
