package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// fromEnv is the annotation of a flag that names the environment variables that
// may set it, the first one that is set.
const fromEnv = "environment"

// setBy lets environment variables set a flag of cmd that the command line does
// not.
func setBy(cmd *cobra.Command, flag string, variables ...string) {
	f := cmd.Flags().Lookup(flag)
	if f.Annotations == nil {
		f.Annotations = make(map[string][]string)
	}
	f.Annotations[fromEnv] = variables
	f.Usage += " [" + variables[0] + "]"
}

// setByFanfare does that for all flags of cmd: --max-body is FANFARE_MAX_BODY.
func setByFanfare(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		setBy(cmd, f.Name, "FANFARE_"+strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_")))
	})
}

// set sets a flag. Its error does not speak of flags, since none was used.
func set(flags *pflag.FlagSet, name, text string) error {
	err := flags.Set(name, text)
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		return invalid.Unwrap()
	}
	return err
}

// configFlag names the flag that names the settings file, of a command whose settings
// the environment may set too; an endpoint's --config is another.
const configFlag = "config"

// settle fills in the flags that the command line left alone: from the
// environment, else from the command's settings file. What neither sets keeps its
// default.
func (e *env) settle(cmd *cobra.Command) error {
	var flags []*pflag.Flag
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Changed {
			flags = append(flags, f)
		}
	})
	for _, f := range flags {
		for _, name := range f.Annotations[fromEnv] {
			text := e.getenv(name)
			if text == "" {
				continue
			}
			if err := set(cmd.Flags(), f.Name, text); err != nil {
				return usagef("environment variable %s: %w", name, err)
			}
			break
		}
	}
	config := cmd.Flags().Lookup(configFlag)
	if config == nil || config.Annotations[fromEnv] == nil || config.Value.String() == "" {
		return nil
	}
	return settleFile(cmd.Flags(), config.Value.String())
}

// settleFile sets the flags that are still unset from a JSON file whose fields
// are called as the flags are.
func settleFile(flags *pflag.FlagSet, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var fields map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber() // so that large numbers stay as they are written
	if err := decoder.Decode(&fields); err != nil {
		return usagef("%s is not a JSON object of settings: %w", path, err)
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f := flags.Lookup(name)
		if f == nil || f.Annotations[fromEnv] == nil || name == configFlag {
			return usagef("%s: there is no setting %q", path, name)
		}
		if f.Changed {
			continue
		}
		if err := set(flags, name, settingText(fields[name])); err != nil {
			return usagef("%s: %s: %w", path, name, err)
		}
	}
	return nil
}

// settingText writes a JSON value as the command line would.
func settingText(v any) string {
	list, ok := v.([]any)
	if !ok {
		return fmt.Sprint(v)
	}
	texts := make([]string, len(list))
	for i, item := range list {
		texts[i] = fmt.Sprint(item)
	}
	return strings.Join(texts, ",")
}
