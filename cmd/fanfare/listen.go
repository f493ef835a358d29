package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/fanfarehq/fanfare/webhook"
)

func listenCommand(e *env) *cobra.Command {
	var (
		port    = "9000"
		host    string
		status  = sequence{http.StatusOK}
		delay   seconds
		secrets []string
		profile string
		forward string
		public  string
		show    reporter
	)
	cmd := &cobra.Command{
		Use:   "listen [PORT]",
		Short: "Receive webhooks in the terminal",
		Long: "Shows every request that arrives, and answers it with a status of your choice and\n" +
			"its own body. GET says that it is up and running.",
		Example: "fanfare listen\n" +
			"fanfare listen 3000 --secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n" +
			"# fail twice, then succeed, and take 2.5 seconds each time\n" +
			"fanfare listen --status 500,500,200 --delay 2.5\n" +
			"fanfare listen --signature github --secret 'a secret of 8 characters or more'\n" +
			"# behind a tunnel, whose address is what the sender signs\n" +
			"fanfare listen --signature twilio --secret $TWILIO_AUTH_TOKEN --url https://tunnel.example\n" +
			"# pass everything on and answer what comes back\n" +
			"fanfare listen --forward http://localhost:3000/hooks --quiet",
		Args: takes,
	}
	flags := cmd.Flags()
	flags.StringVarP(&port, "port", "p", port, "port to listen on; 0 takes a free one")
	flags.StringVar(&host, "host", "127.0.0.1", "address to listen on")
	flags.Var(&status, "status", "status to answer, or several in turn, of which the last stays: 500,500,200")
	flags.Var(&delay, "delay", "time to take before answering: 2.5 or 300ms")
	flags.StringArrayVar(&secrets, "secret", nil, "secret to verify signatures with: whsec_…, whsk_… or whpk_…, or any text with --signature; repeatable")
	flags.StringVar(&profile, "signature", "standard", "how requests must be signed: "+profiles())
	flags.StringVar(&public, "url", "", "where senders reach this listener, if a tunnel or proxy stands before it: mandrill and twilio sign that, and the path")
	flags.StringVar(&forward, "forward", "", "pass requests on to this URL, and answer what it answers")
	flags.BoolVar(&show.json, "json", false, "print one JSON object a request")
	flags.BoolVarP(&show.quiet, "quiet", "q", false, "print one line a request")
	setBy(cmd, "port", "PORT")
	setBy(cmd, "status", "STATUS_CODE")
	setBy(cmd, "delay", "SECONDS_TO_SLEEP")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 1 {
			port = args[0]
		}
		if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
			return usagef("port %q is not a number from 0 to 65535", port)
		}
		l := &listener{status: status, delay: time.Duration(delay), forward: forward}
		if !cmd.Flags().Changed("signature") {
			profile = "" // what is checked is what the secrets are of
		}
		if err := l.verifyWith(webhook.Profile(profile), secrets); err != nil {
			return err
		}
		if forward != "" && !isWebURL(forward) {
			return usagef("--forward %q is not a URL such as http://localhost:3000/hooks", forward)
		}
		if public != "" && (!isWebURL(public) || strings.ContainsAny(public, "?#")) {
			return usagef("--url %q is not a URL such as https://tunnel.example, without a query", public)
		}
		l.public = public
		ln, err := listenOn(net.JoinHostPort(host, port), "choose another: fanfare listen 9001")
		if err != nil {
			return err
		}
		show.out, show.paint = e.stdout, e.paint(e.stdout)
		l.report = show.report
		fmt.Fprintf(e.stderr, "Listening on %s; Ctrl-C ends it.\n", e.paint(e.stderr).bold("http://"+ln.Addr().String()))
		return l.serve(cmd.Context(), ln)
	}
	return cmd
}

func isWebURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// listenOn listens, and says what to do when the address is taken, or is none.
func listenOn(address, otherwise string) (net.Listener, error) {
	ln, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("something listens on %s already; stop it or %s", address, otherwise)
	}
	var malformed *net.AddrError
	var unknown *net.DNSError
	if errors.As(err, &malformed) || errors.As(err, &unknown) {
		return nil, usagef("%q is not an address to listen on, such as 127.0.0.1:8080 or :8080", address)
	}
	return ln, err
}

// verifyWith makes the listener check signatures of a profile by these secrets.
func (l *listener) verifyWith(profile webhook.Profile, texts []string) (err error) {
	switch l.profile = profile; {
	case profile == "", profile == webhook.Standard:
	case !profile.Known():
		return usagef("--signature %q is none of %s", profile, profiles())
	case len(texts) == 0 && profile != webhook.None:
		return usagef("--signature %s needs the secret too; give it with --secret", profile)
	default:
		if l.verifier, err = profile.Verifier(texts...); err != nil {
			return usagef("--secret: %w", err)
		}
		return nil
	}
	for i, text := range texts {
		secret, err := webhook.ParseSecret(text)
		if err != nil {
			return usagef("--secret number %d: %w; if it is of another signature, name that with --signature", i+1, err)
		}
		l.secrets = append(l.secrets, secret)
	}
	return nil
}

// serve answers on ln until ctx ends.
func (l *listener) serve(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler:           l,
		ReadHeaderTimeout: 5 * time.Second,
		MaxHeaderBytes:    64 << 10,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ln) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if server.Shutdown(grace) != nil {
		server.Close()
	}
	<-ended
	return nil
}
