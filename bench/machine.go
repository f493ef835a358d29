package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// A Machine is where a measurement was made. What the system does not tell stays
// empty.
type Machine struct {
	System  string  `json:"system"`
	Kernel  string  `json:"kernel,omitempty"`
	CPU     string  `json:"cpu,omitempty"`
	Cores   int     `json:"cores"`
	Load    string  `json:"load,omitempty"`    // when it began, as the kernel tells it
	Fsync   float64 `json:"fsyncMilliseconds"` // of 4 KiB written, where the server's data was
	Go      string  `json:"go"`
	Version string  `json:"version,omitempty"` // of the program that measures
	Commit  string  `json:"commit,omitempty"`
}

// inspect looks at the machine, and at the disk that dir is on.
func inspect(dir string) (Machine, error) {
	m := Machine{
		System: runtime.GOOS + "/" + runtime.GOARCH,
		Kernel: firstLine("/proc/sys/kernel/osrelease"),
		CPU:    cpuModel(),
		Cores:  runtime.NumCPU(),
		Load:   firstLine("/proc/loadavg"),
		Go:     runtime.Version(),
	}
	if build, ok := debug.ReadBuildInfo(); ok {
		m.Version = build.Main.Version
		for _, setting := range build.Settings {
			switch {
			case setting.Key == "vcs.revision":
				m.Commit = setting.Value
			case setting.Key == "vcs.modified" && setting.Value == "true":
				m.Commit += " and changes"
			}
		}
	}
	var err error
	m.Fsync, err = fsyncTime(dir)
	return m, err
}

// firstLine reads the first line of a file that the kernel may have.
func firstLine(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// fsyncTime returns the median time, in milliseconds, that it takes to have
// 4 KiB on the disk that dir is on.
func fsyncTime(dir string) (float64, error) {
	f, err := os.Create(filepath.Join(dir, "fsync"))
	if err != nil {
		return 0, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 4<<10)
	times := make([]time.Duration, 50)
	for i := range times {
		began := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, fmt.Errorf("measuring the disk: %w", err)
		}
		if err := f.Sync(); err != nil {
			return 0, fmt.Errorf("measuring the disk: %w", err)
		}
		times[i] = time.Since(began)
	}
	slices.Sort(times)
	return milliseconds(percentile(times, 50)), nil
}
