package file_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/file"
)

func TestContract(t *testing.T) {
	elsewhere := "config.path: must be the name of a file in the operator's folder"
	connecttest.Run(t, connecttest.Case{
		Connector: file.Connector(t.TempDir()), Config: `{"path":"a/b.ndjson","rotate":"size"}`, Local: true,
		Bad: map[string]string{
			`{}`:                                    elsewhere,
			`{"path":"../a.ndjson"}`:                elsewhere,
			`{"path":"/tmp/a.ndjson"}`:              elsewhere,
			`{"path":"a/../b.ndjson"}`:              elsewhere,
			`{"path":"a//b.ndjson"}`:                elsewhere,
			`{"path":"fanfare.db"}`:                 "config.path: must end with .ndjson or .jsonl",
			`{"path":"a.ndjson","rotate":"hourly"}`: "config.rotate: must be never, daily or size",
			`{"path":"a.ndjson","maxMiB":0}`:        "config.maxMiB: must be 1 to 1048576",
		},
	})
}

func TestNotAllowed(t *testing.T) {
	way, _ := connecttest.Way(t, nil)
	if _, err := file.Connector("").New([]byte(`{"path":"a.ndjson"}`), way); err == nil || !strings.Contains(err.Error(), `"fanfare serve --files DIR"`) {
		t.Errorf("%v", err)
	}
}

// open makes a sink in a folder.
func open(t *testing.T, c fanfare.Connector, config string) fanfare.Sink {
	t.Helper()
	way, _ := connecttest.Way(t, nil)
	sink, err := c.New([]byte(config), way)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sink.Close() })
	return sink
}

func send(t *testing.T, sink fanfare.Sink, payload string) *fanfare.Message {
	t.Helper()
	msg := connecttest.Message("a.b", payload)
	if reply, err := sink.Send(t.Context(), msg); err != nil || reply.Class != "" {
		t.Fatalf("%+v, %v", reply, err)
	}
	return msg
}

// files are those in a folder, with what is in them.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		text, errRead := os.ReadFile(filepath.Join(dir, e.Name()))
		if errRead != nil {
			t.Fatal(errRead)
		}
		all[e.Name()] = string(text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestLines(t *testing.T) {
	dir := t.TempDir()
	sink := open(t, file.Connector(dir), `{"path":"a.ndjson"}`)
	var want string
	for payload, data := range map[string]string{"{\"n\":\n <1>}": "", "{\"n\":\n \"<1>\"}": `{"n":"<1>"}`, "[]": "[]", "no JSON\n": `"no JSON\n"`} {
		if data == "" {
			data = `"{\"n\":\n <1>}"`
		}
		msg := send(t, sink, payload)
		want += `{"id":"` + string(msg.ID) + `","type":"a.b","timestamp":"2026-01-02T03:04:05Z","data":` + data + "}\n"
	}
	if got := files(t, dir)["a.ndjson"]; got != want {
		t.Errorf("written\n%swant\n%s", got, want)
	}
}

func TestDaily(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { // which begins on the first of January 2000 by UTC
		sink := open(t, file.Connector(dir), `{"path":"a.ndjson","rotate":"daily"}`)
		send(t, sink, "1")
		time.Sleep(24*time.Hour - time.Nanosecond)
		send(t, sink, "2")
		time.Sleep(time.Nanosecond)
		send(t, sink, "3")
	})
	all := files(t, dir)
	if len(all) != 2 || strings.Count(all["a-2000-01-01.ndjson"], "\n") != 2 || strings.Count(all["a-2000-01-02.ndjson"], "\n") != 1 {
		t.Errorf("%v", all)
	}
}

// TestSize has two endpoints fill the same file at once.
func TestSize(t *testing.T) {
	dir := t.TempDir()
	c := file.Connector(dir)
	config := `{"path":"a.ndjson","rotate":"size","maxMiB":1}`
	sinks := []fanfare.Sink{open(t, c, config), open(t, c, config)}
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() { send(t, sinks[i%2], `"`+strings.Repeat("x", 300<<10)+`"`) })
	}
	wg.Wait()
	all, ids := files(t, dir), make(map[string]bool)
	for name, text := range all {
		if len(text) > 1<<20 {
			t.Errorf("%s has %d bytes", name, len(text))
		}
		for line := range strings.Lines(text) {
			var m struct{ ID string }
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			ids[m.ID] = true
		}
	}
	if len(all) != 4 || len(ids) != 12 {
		t.Errorf("%d files with %d messages; want 4 with 12", len(all), len(ids))
	}
}

// TestTornLine begins behind a line that a crash tore.
func TestTornLine(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.ndjson"), []byte("{}\n{\"id\":\"msg"), 0o600); err != nil {
		t.Fatal(err)
	}
	send(t, open(t, file.Connector(dir), `{"path":"a.ndjson"}`), "1")
	lines := strings.SplitAfter(files(t, dir)["a.ndjson"], "\n")
	if len(lines) != 4 || lines[1] != "{\"id\":\"msg\n" || !json.Valid([]byte(lines[2])) {
		t.Errorf("%q", lines)
	}
}

// TestTakenAway has somebody take the file away, as programs that rotate logs do.
func TestTakenAway(t *testing.T) {
	dir := t.TempDir()
	sink := open(t, file.Connector(dir), `{"path":"a.ndjson"}`)
	send(t, sink, "1")
	if err := os.Rename(filepath.Join(dir, "a.ndjson"), filepath.Join(dir, "b")); err != nil {
		t.Fatal(err)
	}
	send(t, sink, "2")
	if err := os.Rename(filepath.Join(dir, "a.ndjson"), filepath.Join(dir, "c")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.ndjson"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	send(t, sink, "3")
	for name, text := range files(t, dir) {
		if strings.Count(text, "\n") != 1 {
			t.Errorf("%s has %q", name, text)
		}
	}
}

// TestOnlyInTheFolder leads out of it by links.
func TestOnlyInTheFolder(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	target := filepath.Join(outside, "a.ndjson")
	if err := os.Symlink(outside, filepath.Join(dir, "out")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(dir, "a.ndjson")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.ndjson", "out/a.ndjson", "out/b/a.ndjson"} {
		sink := open(t, file.Connector(dir), fmt.Sprintf(`{"path":%q}`, name))
		if reply, err := sink.Send(t.Context(), connecttest.Message("a.b", "1")); err == nil {
			t.Errorf("%s: %+v", name, reply)
		}
	}
	if all := files(t, outside); len(all) != 0 {
		t.Errorf("written outside: %v", all)
	}
}

// TestNoFolder sends while the folder is not there, and again when it is.
func TestNoFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	sink := open(t, file.Connector(dir), `{"path":"a/b/c.jsonl"}`)
	if reply, err := sink.Send(t.Context(), connecttest.Message("a.b", "1")); err == nil || !strings.Contains(err.Error(), "the operator's folder: ") {
		t.Errorf("%+v, %v", reply, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	send(t, sink, "1")
	text, err := os.ReadFile(filepath.Join(dir, "a/b/c.jsonl"))
	if err != nil || !bytes.HasSuffix(text, []byte("\n")) || slices.Contains(text, 0) {
		t.Errorf("%q, %v", text, err)
	}
}
