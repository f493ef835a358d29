package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/pprof"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/fanfarehq/fanfare/bench"
)

func benchCommand(e *env) *cobra.Command {
	var (
		settings bench.Settings
		quick    bool
		asJSON   bool
		out      string
	)
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure deliveries against a bare POST loop on this machine",
		Long: "Starts a server with an empty store and a sink, puts load on them, and compares\n" +
			"what arrives with what plain POSTs to the same sink come to, which answers both\n" +
			"with a status and no body, as the server is asked to (Prefer: return=minimal). It\n" +
			"takes about five minutes. Everything stays on this machine, and is ended and\n" +
			"removed afterwards.\n\n" +
			"A figure that misses its bar is reported, and no failure; a delivery that is\n" +
			"missing is one.",
		Example: "fanfare bench --quick\n" +
			"fanfare bench --only single,latency --out bench.json\n" +
			"fanfare bench --quick --database postgres://postgres@127.0.0.1/postgres",
		Args: takes,
	}
	flags := cmd.Flags()
	flags.BoolVar(&quick, "quick", false, "some twenty seconds instead of five minutes, and rough figures")
	flags.StringSliceVar(&settings.Only, "only", nil, "what to measure, of "+strings.Join(bench.Arms(), ", "))
	flags.IntVar(&settings.Rounds, "rounds", 0, "how often to measure everything; a figure is the median (default 3)")
	flags.IntVar(&settings.Events, "events", 0, "deliveries a measurement, about (default 40000)")
	flags.IntVar(&settings.Clients, "clients", 0, "requests under way at once (default 256)")
	flags.StringVar(&settings.Database, "database", "", "URL of a PostgreSQL database on this machine, by a user who may make databases: the servers have theirs there, and its processes count")
	flags.StringVar(&settings.Dir, "dir", "", "folder on the disk to measure with (default the system's for temporary files)")
	flags.StringVar(&settings.Profile, "profile", "", "folder to write CPU profiles of the server to, which cost it some speed")
	flags.StringVar(&out, "out", "", "file to write the report to, as JSON")
	flags.BoolVar(&asJSON, "json", false, "print the report as JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if quick {
			settings = quicken(settings)
		}
		if err := settings.Check(); err != nil {
			return usageError{err}
		}
		report, err := e.measure(cmd.Context(), &settings)
		if err != nil && len(report.Lines) == 0 {
			return err
		}
		return errors.Join(err, e.present(report, asJSON, out))
	}
	cmd.AddCommand(benchSinkCommand(e), benchServeCommand(e))
	return cmd
}

// quicken gives settings those of a quick run where they say nothing themselves.
func quicken(settings bench.Settings) bench.Settings {
	quick := bench.Quick()
	if settings.Rounds == 0 {
		settings.Rounds = quick.Rounds
	}
	if settings.Events == 0 {
		settings.Events = quick.Events
	}
	settings.LatencyTime = quick.LatencyTime
	return settings
}

// measure runs the measurement with this very program, and shows how far it is.
func (e *env) measure(ctx context.Context, settings *bench.Settings) (*bench.Report, error) {
	program, err := os.Executable()
	if err != nil {
		return &bench.Report{}, err
	}
	if settings.Profile != "" {
		if err := os.MkdirAll(settings.Profile, 0o755); err != nil {
			return &bench.Report{}, err
		}
	}
	wipe := ""
	if e.isTerminal(e.stderr) {
		wipe = "\r\x1b[K"
		settings.Starting = func(round int, arm string) { fmt.Fprintf(e.stderr, "%sround %d: %s…", wipe, round, arm) }
	}
	settings.Measured = func(line bench.Line) { fmt.Fprintf(e.stderr, "%sround %d: %v\n", wipe, line.Round, line) }
	report, err := bench.Run(ctx, program, settings)
	fmt.Fprint(e.stderr, wipe)
	return report, err
}

// present writes the report where it was asked for. A report of something wrong
// is written all the same, and then is an error.
func (e *env) present(report *bench.Report, asJSON bool, out string) error {
	text, err := json.MarshalIndent(report, "", "  ")
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if out != "" {
		if err := os.WriteFile(out, text, 0o644); err != nil {
			return err
		}
	}
	if asJSON {
		_, err = e.stdout.Write(text)
	} else {
		err = report.Write(e.stdout)
	}
	if err == nil && len(report.Failures) > 0 {
		err = fmt.Errorf("deliveries are missing or wrong, so the figures are worth nothing: %s", report.Failures[0])
	}
	return err
}

// benchSinkCommand is the receiver of a measurement, which bench starts as a
// process of its own.
func benchSinkCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{Use: "sink", Short: "Receive what a measurement sends", Hidden: true, Args: takes}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return bench.RunSink(cmd.Context(), e.stdin, e.stdout)
	}
	return cmd
}

// benchServeCommand is serve with its profiles open on an address of their own,
// for measurements only.
func benchServeCommand(e *env) *cobra.Command {
	cmd := serveCommand(e)
	cmd.Hidden = true
	address := cmd.Flags().String("pprof", "", "address for profiles")
	serve := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ln, err := listenOn(*address, "choose another address with --pprof")
		if err != nil {
			return err
		}
		mux := http.NewServeMux()
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
		done := make(chan error, 1)
		go func() { done <- server.Serve(ln) }()
		err = serve(cmd, args)
		server.Close()
		if failed := <-done; !errors.Is(failed, http.ErrServerClosed) {
			err = errors.Join(err, failed)
		}
		return err
	}
	return cmd
}
