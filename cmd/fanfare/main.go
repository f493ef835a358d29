// Command fanfare is the server and everything around it: it serves, sends,
// listens, and looks after what a server holds. Each command is a file of its
// own, and all of them touch the world through an env.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
)

// commands is the table of what fanfare can do, in the order help shows it.
var commands = []func(*env) *cobra.Command{
	serveCommand,
	demoCommand,
	fakeCommand,
	listenCommand,
	sendCommand,
	tailCommand,
	pollCommand,
	pullCommand,
	appCommand,
	endpointCommand,
	sourceCommand,
	recipeCommand,
	kindCommand,
	filterCommand,
	operationalCommand,
	eventTypeCommand,
	messageCommand,
	consumerCommand,
	taskCommand,
	attemptCommand,
	applyCommand,
	exportCommand,
	importCommand,
	keyCommand,
	portalCommand,
	retryPlanCommand,
	auditCommand,
	nodeCommand,
	secretsCommand,
	backupCommand,
	migrateCommand,
	relayCommand,
	benchCommand,
	versionCommand,
}

// env is the world as a command sees it: data goes to stdout, words go to
// stderr.
type env struct {
	args       []string
	stdin      io.Reader
	stdout     io.Writer
	stderr     io.Writer
	getenv     func(string) string
	isTerminal func(stream any) bool
	ours       bool // the commands are about the operator's own endpoints

	misnamed error // help was asked for what does not exist
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == runScripts {
		os.Exit(serveScripts(os.Stdin, os.Stdout, os.Stderr))
	}
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(1) // who asks twice does not want to wait
	}()
	os.Exit(run(ctx, &env{
		args:       os.Args[1:],
		stdin:      os.Stdin,
		stdout:     os.Stdout,
		stderr:     os.Stderr,
		getenv:     os.Getenv,
		isTerminal: isTerminal,
	}))
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// A usageError is a mistake in how the program was called. It exits with 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// An exitCode is an outcome that is not an error, but which programs must be able
// to tell from others.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// run runs the command that e.args name and returns the exit code: 0, 1 for what
// went wrong, 2 for what was asked wrongly.
func run(ctx context.Context, e *env) int {
	err := rootCommand(ctx, e).ExecuteContext(ctx)
	if err == nil {
		err = e.misnamed
	}
	if err == nil {
		return 0
	}
	var code exitCode
	if errors.As(err, &code) {
		return int(code)
	}
	e.complain(ctx, err)
	var usage usageError
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

// complain tells the user what went wrong.
func (e *env) complain(ctx context.Context, err error) {
	text := err.Error()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		text = "interrupted"
	}
	fmt.Fprintf(e.stderr, "%s %s\n", e.paint(e.stderr).red("fanfare:"), printableLines(text))
}

// firstSteps can be typed as they are, in an empty folder. The README has the same.
const firstSteps = "# in each of three terminals, the key to the server:\n" +
	"# without it one is made, and shown once\n" +
	"export FANFARE_ADMIN_KEY=only-to-try-it-out\n" +
	"# a server, a listener and a first message, each in one of them\n" +
	"fanfare serve\n" +
	"fanfare listen\n" +
	"fanfare send random_number:generate 863 --wait"

func rootCommand(ctx context.Context, e *env) *cobra.Command {
	cobra.EnableCommandSorting = false // the table's order is the one to learn them in
	root := noun("fanfare", "Send webhooks: signed, retried for days, logged and explained")
	root.Long = "Fanfare sends webhooks. A program tells it that something happened; Fanfare sees to\n" +
		"it that everyone who asked hears of it: signed, retried for days, logged, and\n" +
		"explained when it fails."
	root.Example = firstSteps
	root.Version = version()
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(e.args)
	root.SetIn(e.stdin)
	root.SetOut(e.stdout)
	root.SetErr(e.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w; see %q", err, cmd.CommandPath()+" --help")
	})
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error { return e.settle(cmd) }
	for _, command := range commands {
		root.AddCommand(command(e))
	}
	e.helpWith(ctx, root)
	return root
}

// noun is a command that only has commands of its own.
func noun(use, short string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.ArbitraryArgs}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return noCommand(cmd, args[0])
	}
	cmd.AddCommand(verbs...)
	return cmd
}

// takes is the validator of a command's arguments: as many as its Use line names,
// those in square brackets being optional.
func takes(cmd *cobra.Command, args []string) error {
	names := strings.Fields(cmd.Use)[1:]
	required := 0
	for _, name := range names {
		if !strings.HasPrefix(name, "[") {
			required++
		}
	}
	switch {
	case len(args) < required:
		return usagef("%s needs %s; see %q", cmd.CommandPath(), names[len(args)], cmd.CommandPath()+" --help")
	case len(args) > len(names):
		return usagef("%s: one argument too many: %q", cmd.CommandPath(), args[len(names)])
	}
	return nil
}
