package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// runnable are the programs that endpoints may run, as a flag: NAME=/path/to/program.
type runnable struct{ all *map[string]string }

var programName = regexp.MustCompile(`^[A-Za-z0-9][-._A-Za-z0-9]{0,63}$`)

// Set adds those that text names, with commas between them.
func (p runnable) Set(text string) error {
	for one := range strings.SplitSeq(text, ",") {
		if err := p.add(one); err != nil {
			return err
		}
	}
	return nil
}

func (p runnable) add(text string) error {
	name, path, _ := strings.Cut(text, "=")
	switch file, err := os.Stat(path); {
	case !programName.MatchString(name) || path == "":
		return errors.New("give a name and a program, such as build=/usr/local/bin/build")
	case !filepath.IsAbs(path):
		return fmt.Errorf("%q must be a whole path, such as /usr/local/bin/build", path)
	case err != nil:
		return fmt.Errorf("there is no program: %w", err)
	case !file.Mode().IsRegular() || file.Mode()&0o111 == 0:
		return fmt.Errorf("%q is no program that can be run", path)
	case (*p.all)[name] != "":
		return fmt.Errorf("%s is there twice", name)
	}
	if *p.all == nil {
		*p.all = make(map[string]string)
	}
	(*p.all)[name] = path
	return nil
}

// checkFiles refuses a folder for endpoints to write in that is none, or that the server
// has its own data in: who may make endpoints could write into its database.
func checkFiles(folder, data string) error {
	if folder == "" {
		return nil
	}
	found, err := os.Stat(folder)
	if err != nil || !found.IsDir() {
		return usagef("--files %q is not a folder; make it first", folder)
	}
	if own, err := os.Stat(data); err == nil && os.SameFile(found, own) {
		return usagef("--files %q has the server's own data in it; name another folder", folder)
	}
	return nil
}

// Type is how help calls a value.
func (runnable) Type() string { return "NAME=PATH" }

// String has them in order of name.
func (p runnable) String() string {
	if p.all == nil {
		return ""
	}
	var each []string
	for _, name := range slices.Sorted(maps.Keys(*p.all)) {
		each = append(each, name+"="+(*p.all)[name])
	}
	return strings.Join(each, ",")
}
