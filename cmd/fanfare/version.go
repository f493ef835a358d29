package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func versionCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "version", Short: "Show which version this is", Args: takes}
	cmd.RunE = func(*cobra.Command, []string) error {
		_, err := fmt.Fprintln(e.stdout, "fanfare "+version())
		return err
	}
	return cmd
}

// version is the module's version as the build knows it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "development"
	}
	return info.Main.Version
}
