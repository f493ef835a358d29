package file_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/file"
)

// TestOneFileByTwoNames has what one endpoint calls today's file be the only file of
// another. When there is no room for a line of one, those of the other stay.
func TestOneFileByTwoNames(t *testing.T) {
	dir := t.TempDir()
	c := file.Connector(dir)
	name := "a-" + time.Now().UTC().Format(time.DateOnly) + ".ndjson"
	daily, never := open(t, c, `{"path":"a.ndjson","rotate":"daily"}`), open(t, c, `{"path":"`+name+`"}`)
	send(t, daily, "1")
	send(t, never, "2")
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil || strings.Count(string(text), "\n") != 2 {
		t.Fatalf("%q, %v", text, err)
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: uint64(len(text) + 10), Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	reply, err := daily.Send(t.Context(), connecttest.Message("a.b", "3"))
	if back := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); back != nil {
		t.Fatal(back)
	}
	if err == nil {
		t.Fatalf("a line for which there is no room: %+v", reply)
	}
	if got := files(t, dir)[name]; got != string(text) {
		t.Errorf("left is\n%swant\n%s", got, text)
	}
}
