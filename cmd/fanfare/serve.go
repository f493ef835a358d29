package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/all"
	"github.com/fanfarehq/fanfare/internal/api"
	"github.com/fanfarehq/fanfare/internal/inspect"
	"github.com/fanfarehq/fanfare/internal/ui"
	"github.com/fanfarehq/fanfare/source"
)

// serveSettings are what serve can be told.
type serveSettings struct {
	listen      string
	data        string
	database    string // URL; "": a file in data
	news        string // URL at which a database tells news; "": that of database
	dev         bool
	allow       []string
	egress      []string
	publicURL   string
	httpsOnly   bool
	retry       string
	disable     patience
	perHost     int
	drainWait   time.Duration
	retention   time.Duration
	audit       time.Duration
	secretsKey  string // its file
	maxBody     size
	rateLimit   keyRate
	logFormat   string
	logLevel    slog.Level
	newAdminKey bool
	connectors  all.Options
	portal      ui.Portal
	oidc        oidcSettings
	told        []ui.Setting // all of it, as the console shows it
}

func serveCommand(e *env) *cobra.Command {
	s := serveSettings{maxBody: 1 << 20, disable: patience(5 * 24 * time.Hour)}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: "Runs the server: it accepts messages over HTTP and delivers them. Everything it\n" +
			"knows is in one folder, which is made at the first start: fanfare.db is the database,\n" +
			"with fanfare.db-wal and fanfare.db-shm while it is open. fanfare.db.reserve holds nothing:\n" +
			"it is room that is given up when the disk is full, so that what is under way can still be\n" +
			"recorded, and taken again afterwards. Copies are made by \"fanfare backup\".\n\n" +
			"With --database everything is in PostgreSQL instead, and there is no folder. A password in\n" +
			"that URL can be read by others on the machine: give it in FANFARE_DATABASE, in PGPASSWORD\n" +
			"or in a .pgpass file. The keys of the secrets have to be given then, the same ones to every\n" +
			"server on the database. What a file holds already \"fanfare migrate\" takes over.\n\n" +
			"FANFARE_ADMIN_KEY sets the key to the API; without it one is made at the first\n" +
			"start and shown once.\n\n" +
			"What is secret in the database is sealed with a key that is not in it: the one in\n" +
			"--secrets-key-file or in FANFARE_SECRETS_KEY. Without either, one is made beside the\n" +
			"database at the first start. Keep a copy of it apart from copies of the database.",
		Example: "fanfare serve\n" +
			"fanfare serve --listen :8080 --data /var/lib/fanfare --log-format json\n" +
			"fanfare serve --database postgres://fanfare@db.example.com/fanfare --secrets-key-file /etc/fanfare/secrets.key\n" +
			"fanfare serve --config fanfare.json",
		Args: takes,
	}
	flags := cmd.Flags()
	flags.StringVar(&s.listen, "listen", "127.0.0.1:8080", "address to listen on")
	flags.StringVar(&s.data, "data", "./fanfare-data", "folder of the data")
	flags.StringVar(&s.database, "database", "", "URL of a PostgreSQL database that everything is kept in instead, such as postgres://fanfare@db.example.com/fanfare")
	flags.BoolVar(&s.dev, "dev", false, "let endpoints be on this machine; the default when listening on a loopback address")
	flags.StringSliceVar(&s.allow, "allow", nil, "network that is not public and may be sent to, such as 10.0.0.0/8; repeatable")
	flags.StringSliceVar(&s.egress, "egress", nil, "address or network that deliveries come from, for consumers to let in, such as 203.0.113.7; GET /api/v1/meta lists them to everyone; repeatable")
	flags.StringVar(&s.publicURL, "public-url", "", "address at which people reach this server, for links to the portal, such as https://hooks.example.com; where it listens unless told")
	flags.DurationVar(&s.retention, "retention", 30*24*time.Hour, "how long messages that have ended are kept")
	flags.StringVar(&s.retry, "retry", "standard", "when to try again where neither endpoint, event type nor application says: "+strings.Join(fanfare.RetryPresets, ", ")+", delays such as 5s,5m,1h, or a formula such as \"n^4+5 x24\"")
	flags.Var(&s.disable, "disable-after", "how long an endpoint may do nothing but fail before it is disabled, such as 120h, though never before its plan of retries is over; never (or 0): it is not")
	flags.IntVar(&s.perHost, "per-host", 256, "attempts under way at once to one host, whichever applications' endpoints they are for")
	flags.StringVar(&s.news, "database-listen", "", "URL of the same database at which news of other servers are heard (LISTEN), where --database leads to a pooler in transaction mode")
	flags.DurationVar(&s.drainWait, "drain-wait", 0, "how long the server, told to stop, goes on to take requests and answers GET /health with 503, so that a load balancer sends nothing more (default 5s with --database)")
	flags.BoolVar(&s.httpsOnly, "https-only", false, "refuse endpoints, and all else that is called, by http")
	flags.DurationVar(&s.audit, "audit-retention", 90*24*time.Hour, "how long the audit log is kept")
	flags.StringVar(&s.secretsKey, "secrets-key-file", "", "file of the keys that secrets in the database are sealed with, one a line, the one to seal with first; unless told, "+secretsKeyFile+" in the folder of the data, which is made at the first start")
	flags.StringVar(&s.connectors.Files, "files", "", "folder in which endpoints of the kinds that write files may write; without it they may nowhere")
	flags.Var(runnable{&s.connectors.Programs}, "run", "program that endpoints of the kind exec may run, and the name that they know it by, such as build=/usr/local/bin/build; repeatable")
	flags.Var(&s.rateLimit, "rate-limit", "requests that each key may make, such as 100/s; 0: any; the admin key may make any")
	flags.Var(&s.maxBody, "max-body", "largest request body that is taken, such as 512KiB or 4MiB")
	portalFlags(flags, &s.portal)
	s.oidc.flags(flags)
	flags.StringVar(&s.logFormat, "log-format", "text", "text or json")
	flags.TextVar(&s.logLevel, "log-level", slog.LevelInfo, "debug, info, warn or error")
	flags.String(configFlag, "", "JSON file of settings, named like these flags")
	setByFanfare(cmd)
	flags.BoolVar(&s.newAdminKey, "new-admin-key", false, "replace the admin key by a new one, and show it")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !flags.Changed("dev") {
			s.dev = loopback(s.listen)
		}
		if s.database != "" && !flags.Changed("drain-wait") {
			s.drainWait = drainWait
		}
		s.told = runsWith(flags)
		return serve(cmd.Context(), e, &s)
	}
	return cmd
}

// loopback reports whether an address to listen on is only reached from this
// machine.
func loopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

func (s *serveSettings) logger(e *env) (*slog.Logger, error) {
	opt := &slog.HandlerOptions{Level: s.logLevel}
	switch s.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(e.stderr, opt)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(e.stderr, opt)), nil
	}
	return nil, usagef("--log-format is text or json, not %q", s.logFormat)
}

// options are the Hub's, for a server that listens on ln.
func (s *serveSettings) options(log *slog.Logger, ln net.Listener) (*fanfare.Options, error) {
	opt := &fanfare.Options{
		Logger:         log,
		MaxPayload:     int(s.maxBody),
		Retention:      s.retention,
		AuditRetention: s.audit,
		AllowLoopback:  s.dev,
		HTTPSOnly:      s.httpsOnly,
		DisableAfter:   time.Duration(s.disable),
		PerHost:        s.perHost,
		Connectors:     all.Connectors(&s.connectors),
		Transformer:    transformer(),
		DrainTimeout:   drainTime,
	}
	if err := s.reachable(opt); err != nil {
		return nil, err
	}
	opt.BaseURL = cmp.Or(opt.BaseURL, localURL(ln.Addr())) // of thin messages, as of portal links
	if s.retention <= 0 {
		return nil, usagef("--retention must be longer than nothing, such as 720h")
	}
	if s.drainWait < 0 || s.drainWait > maxDrainWait {
		return nil, usagef("--drain-wait must be from 0s to %s", maxDrainWait)
	}
	if s.perHost < 1 {
		return nil, usagef("--per-host must be at least 1")
	}
	if s.audit <= 0 {
		return nil, usagef("--audit-retention must be longer than nothing, such as 2160h")
	}
	for _, text := range s.allow {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, usagef("--allow %q is not a network such as 10.0.0.0/8", text)
		}
		opt.Allow = append(opt.Allow, prefix)
	}
	if addr, err := netip.ParseAddrPort(ln.Addr().String()); err == nil {
		opt.Listen = []netip.AddrPort{addr}
	}
	return opt, nil
}

// reachable tells the Hub under which name the world knows it, and when to try
// again unless somebody says otherwise.
func (s *serveSettings) reachable(opt *fanfare.Options) error {
	plan, err := readRetry(s.retry)
	if err != nil {
		return err
	}
	opt.Retry.Preset = plan.Preset
	for _, delay := range plan.Delays {
		opt.Retry.Delays = append(opt.Retry.Delays, time.Duration(delay*float64(time.Second)))
	}
	if _, err := opt.Retry.Plan(); err != nil {
		return usagef("--retry: %v", err)
	}
	if u, err := url.Parse(s.publicURL); err == nil && u.Host != "" {
		opt.BaseURL, opt.Origin = s.publicURL, u.Hostname()
	}
	return nil
}

// egressNetworks are where deliveries come from, by the operator's word.
func (s *serveSettings) egressNetworks() ([]netip.Prefix, error) {
	var networks []netip.Prefix
	for _, text := range s.egress {
		n, err := netip.ParsePrefix(text)
		if addr, addrErr := netip.ParseAddr(text); addrErr == nil && addr.Zone() == "" {
			n, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		switch {
		case err != nil || n.Addr().Is4In6() || n.Addr().IsUnspecified():
			return nil, usagef("--egress %q is neither an address such as 203.0.113.7 nor a network such as 203.0.113.0/24", text)
		case n != n.Masked():
			return nil, usagef("--egress %q has an address within a network; give that alone, or all of %v", text, n.Masked())
		}
		networks = append(networks, n)
	}
	return networks, nil
}

// checkPublicURL refuses what no link can begin with.
func checkPublicURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return usagef("--public-url %q is not an address such as https://hooks.example.com", text)
	}
	return nil
}

// tuneMemory lets the heap grow to five times what lives in it, up to a GiB,
// before garbage is collected. Measured on two cores, a signed POST then costs
// 18.1 µs instead of 20.4 (GOGC=100); more than that (GOGC=1600) gained nothing.
// GOGC and GOMEMLIMIT are obeyed where they are set.
func tuneMemory(e *env) {
	if e.getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if e.getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(1 << 30)
	}
}

// serve runs the server until ctx ends.
func serve(ctx context.Context, e *env, s *serveSettings) (err error) {
	log, err := s.logger(e)
	if err != nil {
		return err
	}
	given := e.getenv("FANFARE_ADMIN_KEY")
	if err := checkKey(given, s.newAdminKey); err != nil {
		return err
	}
	egress, err := s.egressNetworks()
	if err != nil {
		return err
	}
	if err := checkPublicURL(s.publicURL); err != nil {
		return err
	}
	if err := checkFiles(s.connectors.Files, s.data); err != nil {
		return err
	}
	logins, err := s.oidc.provider(e, s.publicURL, s.dev)
	if err != nil {
		return err
	}
	slog.SetDefault(log) // which also takes what the standard log is told
	tuneMemory(e)
	ln, err := listenOn(s.listen, "choose another address with --listen")
	if err != nil {
		return err
	}
	defer ln.Close()
	opt, err := s.options(log, ln)
	if err != nil {
		return err
	}
	site := strings.TrimRight(cmp.Or(s.publicURL, localURL(ln.Addr())), "/")
	bins := inspect.New(site)
	opt.Bins = &fanfare.Bins{At: site + inspect.Path, Serve: bins}
	db, secrets, err := s.open(ctx, e)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.store.Close()) }()
	store := db.store
	hub := fanfare.New(store, opt)
	key, err := adminKey(ctx, store, given, s.newAdminKey)
	if err != nil {
		return err
	}
	handler := api.New(hub, store, &api.Options{Logger: log, Version: version(), MaxBody: int64(s.maxBody), RateLimit: float64(s.rateLimit), KeyHash: key.hash, Secrets: secrets, Egress: egress, Store: db.kind, Leaving: ctx.Done(), BaseURL: cmp.Or(s.publicURL, localURL(ln.Addr()))})
	pages, err := ui.New(hub, handler, &ui.Options{Logger: log, BaseURL: cmp.Or(s.publicURL, localURL(ln.Addr())), Portal: s.portal, Settings: s.told, OIDC: logins, Loopback: s.dev, Bins: bins})
	if err != nil {
		return oidcMistake(portalMistake(err))
	}
	handler = pages.Before(handler)
	handler = source.NewHandler(hub, &source.Options{Logger: log, MaxBody: int64(s.maxBody), BaseURL: s.publicURL}).Before(handler)
	if key.replaced {
		if err := hub.Audit(ctx, &fanfare.AuditEntry{Actor: "cli", Action: "admin-key.replace"}); err != nil {
			return err
		}
		if err := ui.EndLogins(ctx, hub); err != nil {
			return err
		}
	}
	db.warn(ctx, log)
	w := &welcome{url: localURL(ln.Addr()), data: db.place, key: key}
	if secrets.made {
		w.secretsKey = secrets.path
	}
	if key.first && s.dev {
		// What the Hub refuses here it refuses because of its options, and Run
		// says what is wrong with those.
		var refused *fanfare.InvalidError
		if err := w.makeDemo(ctx, hub); err != nil && !errors.As(err, &refused) {
			return err
		}
	}
	w.print(e)
	late, end := linger(ctx, s.drainWait, log)
	defer end()
	var counting sync.WaitGroup
	defer counting.Wait()
	shown, hide := context.WithCancel(late)
	defer hide()
	counting.Go(func() { pages.Run(shown) }) // which has nothing to report
	return operate(late, hub, dismiss(ctx, handler), log, ln)
}

// open opens the database that the settings name, with the keys to its secrets.
func (s *serveSettings) open(ctx context.Context, e *env) (*database, *secretsKeys, error) {
	folder := s.data
	if s.database != "" {
		folder = ""
	} else if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, nil, err
	}
	secrets, err := findSecretsKeys(e.getenv(secretsKeyVariable), s.secretsKey, folder)
	if err != nil {
		return nil, nil, err
	}
	db, err := openDatabase(ctx, s.database, s.news, folder, secrets)
	return db, secrets, err
}

// databaseFile is the name of the database in the folder of the data.
const databaseFile = "fanfare.db"

// localURL is where a server that listens on addr is reached from this machine.
func localURL(addr net.Addr) string {
	at, err := netip.ParseAddrPort(addr.String())
	if err == nil && at.Addr().IsUnspecified() {
		return fmt.Sprintf("http://localhost:%d", at.Port())
	}
	return "http://" + addr.String()
}

// size is a number of bytes that may be written with KiB or MiB.
type size int64

// Set implements pflag.Value.
func (s *size) Set(text string) error {
	unit, number := int64(1), text
	for suffix, bytes := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20} {
		if digits, ok := strings.CutSuffix(text, suffix); ok {
			unit, number = bytes, strings.TrimSpace(digits)
		}
	}
	n, err := strconv.ParseInt(number, 10, 32)
	if err != nil || n < 1 || n > maxSize/unit {
		return fmt.Errorf("%q is not a size up to 256MiB, such as 512KiB", text)
	}
	*s = size(n * unit)
	return nil
}

// maxSize is the largest body that can be allowed, in bytes.
const maxSize = 256 << 20

func (s *size) String() string { return strconv.FormatInt(int64(*s), 10) }

// Type implements pflag.Value.
func (s *size) Type() string { return "size" }
