package main

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestTablesFitTheTerminal(t *testing.T) {
	const id, message, endpoint = "atmpt_06H06QB13HR011VE9QZ33NXS44", "msg_06H06QB139R01CGF4DT70NCN84", "hook"
	why := "The connection was refused: nothing listens at that address and port."
	for _, c := range []struct {
		width int
		left  []string
		want  []string // of the last line
	}{
		{0, nil, []string{id, message, endpoint, "refused", "5ms", "2026-11-22 13:06:21", cut(why, cellWidth)}},
		{200, nil, []string{id, message, endpoint, "refused", "5ms", "2026-11-22 13:06:21", cut(why, cellWidth)}},
		{140, nil, []string{id, message, endpoint, "refused", "5ms", "2026-11-22 13:06:21", cut(why, 28)}},
		{120, []string{"TOOK", "WHY"}, []string{id, message, endpoint, "refused", "2026-11-22 13:06:21"}},
		{80, []string{"TOOK", "WHY", "MESSAGE"}, []string{id, endpoint, "refused", "2026-11-22 13:06:21"}},
		{30, []string{"TOOK", "WHY", "MESSAGE", "ENDPOINT"}, []string{id, "refused", "2026-11-22 13:06:21"}}, // which is as narrow as it gets
	} {
		var b strings.Builder
		table := newTable(&b, "ID", "MESSAGE", "ENDPOINT", "RESULT", "TOOK", "AT", "STATE", "WHY")
		table.width = c.width
		table.least, table.spare = []string{"TOOK", "WHY", "MESSAGE", "ENDPOINT"}, []string{"STATE", "AT"}
		table.row(id, message, endpoint, "refused", "5ms", "2026-11-22 13:06:21", "", why)
		left, err := table.Flush()
		if err != nil || !slices.Equal(left, c.left) {
			t.Errorf("%d wide: left out is %q, %v, want %q", c.width, left, err, c.left)
		}
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		for _, line := range lines {
			if n := utf8.RuneCountInString(strings.TrimRight(line, " ")); c.width >= 80 && n > c.width {
				t.Errorf("%d wide: a line has %d characters: %s", c.width, n, line)
			}
		}
		got, want := strings.Join(strings.Fields(lines[1]), " "), strings.Join(c.want, " ")
		if got != want {
			t.Errorf("%d wide:\n%s\nwant\n%s", c.width, got, want)
		}
	}
}
