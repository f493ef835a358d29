package postgres

import (
	"fmt"
	"strings"
)

// A process is one among those of a machine, of which can be told later, from another
// one there, whether it has ended.
type process struct {
	place string // the boot of the machine, and the namespace of the number
	pid   int
	start uint64 // when it was started, since a number is given again
}

func (p *process) String() string {
	if p == nil {
		return ""
	}
	return fmt.Sprintf("%s %d %d", p.place, p.pid, p.start)
}

// readProcess reads what String has written.
func readProcess(text string) (p process, ok bool) {
	var boot, space string
	n, err := fmt.Sscanf(text, "%s %s %d %d", &boot, &space, &p.pid, &p.start)
	p.place = boot + " " + space
	return p, n == 4 && err == nil && p.pid > 0 && strings.TrimSpace(boot) != ""
}
