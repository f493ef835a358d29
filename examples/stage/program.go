package stage

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// A Program is a demo that can be played, by itself or by "fanfare demo".
type Program struct {
	Name  string
	Short string // what it shows, in a line
	Long  string // and in some more

	// Flags are those it has beside the ones that all have; nil: none.
	Flags func(*flag.FlagSet)
	// Check says what is wrong with what the flags were given, in words that name them;
	// nil: nothing can be.
	Check func() error
	// Play plays it: until ctx ends, or with [Stage].Once until it has seen all that is
	// to be shown. What it returns tells what that was, also as JSON.
	Play func(ctx context.Context, s *Stage) (fmt.Stringer, error)
}

// Perform plays p, and prints on out what was seen.
func (p *Program) Perform(ctx context.Context, opt *Options, out io.Writer, asJSON bool) error {
	return Run(ctx, opt, func(ctx context.Context, s *Stage) error {
		seen, err := p.Play(ctx, s)
		switch {
		case err != nil || seen == nil:
			return err
		case asJSON:
			return json.NewEncoder(out).Encode(seen)
		}
		_, err = fmt.Fprintln(out, seen)
		return err
	})
}

// Checked is what is wrong with the flags, if anything.
func (p *Program) Checked(opt *Options) error {
	if opt.Port < 0 || opt.Port > 65535 {
		return errors.New("--port is a number from 0 to 65535")
	}
	if p.Check == nil {
		return nil
	}
	return p.Check()
}

// AllFlags are those of p, and those that all have.
func (p *Program) AllFlags(opt *Options) *flag.FlagSet {
	flags := flag.NewFlagSet(p.Name, flag.ExitOnError)
	flags.IntVar(&opt.Port, "port", 0, "the port of the first page; 0: the usual one, or one near it that is free")
	flags.BoolVar(&opt.Once, "once", false, "play it through without anybody, print what was seen, and end")
	flags.BoolVar(&opt.Keep, "keep", false, "leave the folder with the databases where it is")
	if p.Flags != nil {
		p.Flags(flags)
	}
	return flags
}

// Main is the main function of a program that is p alone. It does not return.
func Main(p *Program) {
	opt := &Options{Words: os.Stderr, Getenv: os.Getenv}
	flags := p.AllFlags(opt)
	asJSON := flags.Bool("json", false, "print what was seen as JSON")
	flags.Parse(os.Args[1:]) // which exits where it fails
	if err := p.Checked(opt); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", p.Name, err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := p.Perform(ctx, opt, os.Stdout, *asJSON)
	stop()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", p.Name, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// UntilDone waits for ctx to end, which is how people end a demo.
func (s *Stage) UntilDone(ctx context.Context) {
	s.Say("\nCtrl-C ends it.")
	<-ctx.Done()
}
