package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/fanfarehq/fanfare/connect/fake"
)

// fakes is the table of services that connectors can be tried on.
var fakes = []fakeService{
	{"twilio", "Takes text messages, as Twilio does", `"url":"http://%s"`,
		"what is for +15005550001 to …4, …9, …429, …500, …503, or from …1, …7, …8; nothing is heard again of what is for …408, and with …499 the connection is lost", byHTTP(fake.Twilio)},
	{"pushbullet", "Takes pushes, as Pushbullet does", `"url":"http://%s"`,
		"the access tokens o.unknown, o.forbidden, o.limited, o.broken, o.busy; the device and the channel nowhere", byHTTP(fake.Pushbullet)},
	{"ntfy", "Takes what is published to topics, as ntfy does", `"url":"http://%s"`,
		"the topics unauthorized, forbidden, docs, bandwidth, limited, daily, broken", byHTTP(fake.Ntfy)},
	{"smtp", "Takes mail, as an SMTP server does, and passes nothing on", `"server":"%s","security":"none"`,
		"mail from stranger@, or for nobody@, full@, gray@, busy@, spam@, late@; nothing is heard again of what is for silent@, and with lost@ the connection is lost", bySMTP},
	{"slack", "Takes posts to incoming webhooks, as Slack does", `"url":"http://%s/services/T1/B1/any"`,
		"a URL that ends with the name of an error, such as /services/T1/B1/no_service", byHTTP(fake.Slack)},
	{"discord", "Takes posts to webhooks, as Discord does", `"url":"http://%s/api/webhooks/1/any"`,
		"a URL that ends with the name of an error, such as /api/webhooks/1/unknown-webhook", byHTTP(fake.Discord)},
	{"carto", "Runs SQL, as CARTO's SQL API does", `"url":"http://%s","apiKey":"any","table":"sightings","columns":{"species":"{{payload.species}}"}`,
		"the keys wrong, readonly, limited, timed-out, broken, late, cut; and SQL that is wrong. There is a table sightings; GET /api/v2/sql?q=SELECT… reads it", byHTTP(fake.Carto)},
	{"sqs", "Takes messages for queues, as Amazon SQS does", `"queue":"http://%s/1/orders","region":"eu-central-1","accessKeyId":"` + fake.AWSKey + `","secretAccessKey":"` + fake.AWSSecret + `"`,
		"the queues unknown, denied, throttled, kms-throttled, broken, busy; another key, and what is signed otherwise", byHTTP(fake.SQS)},
	{"s3", "Takes objects, as Amazon S3 does", `"endpoint":"http://%s","bucket":"events","region":"eu-central-1","accessKeyId":"` + fake.AWSKey + `","secretAccessKey":"` + fake.AWSSecret + `"`,
		"the buckets unknown, denied, elsewhere, small, slow, broken; another key, and what is signed otherwise", byHTTP(fake.S3)},
	{"pubsub", "Takes what is published to topics, as Google Cloud Pub/Sub's emulator does", `"url":"http://%s","topic":"projects/acme-prod/topics/orders"`,
		"the topics unknown, denied, limited, broken, busy", byHTTP(func() http.Handler { return fake.Pubsub(nil) })},
	{"teams", "Takes cards for a channel, as Teams' workflows do", `"url":"http://%s/workflows/1/triggers/manual/paths/invoke?sig=any"`,
		"a workflow whose id is the name of an error, such as turned-off", byHTTP(fake.Teams)},
	{"apps-script", "Runs nothing, and answers as web apps of Google Apps Script do", `"url":"http://%s/macros/s/any/exec"`,
		"the ids throws, no-dopost, login, gone, forbidden, busy, broken; says-no returns {\"ok\":false}", byHTTP(fake.AppsScript)},
	{"open-meteo", "Makes up the weather, in the way of Open-Meteo", `"forecastUrl":"http://%[1]s","archiveUrl":"http://%[1]s","url":"http://%[1]s/records/{{payload.data.id}}"`,
		"the latitudes -89.1 to -89.4; at -89.5 no weather is known", byHTTP(fake.OpenMeteo)},
	{"github", "Sends webhooks of repositories, as GitHub does", "",
		"the token unknown, the owner nowhere, and more than 20 hooks for an event", byHTTP(func() http.Handler { return fake.GitHub(nil) })},
	{"stripe", "Sends events, as Stripe does", "",
		"the keys sk_unknown and sk_limited", byHTTP(func() http.Handler { return fake.Stripe(nil) })},
}

// A fakeService is a service that only pretends.
type fakeService struct {
	name   string
	about  string
	config string // which members of an endpoint's config lead to its address; "": it sends
	errors string // what it refuses for the asking
	serve  func(s *faking, ln net.Listener) fakeServer
}

// A fakeServer answers on its listener until it is closed.
type fakeServer struct {
	serve func() error
	close func() error
}

func fakeCommand(e *env) *cobra.Command {
	cmds := make([]*cobra.Command, len(fakes))
	for i, f := range fakes {
		cmds[i] = f.command(e)
	}
	cmd := noun("fake", "Services for connectors to be tried on", cmds...)
	cmd.Long = "Each pretends to be a service that endpoints of that kind send to, on this machine:\n" +
		"it takes what the real one takes, refuses what that refuses with the same errors, and\n" +
		"shows what it took, line by line. Nothing leaves the machine, and nothing costs anything.\n\n" +
		"GET /fake/taken on one that speaks HTTP lists what it took, DELETE /fake/taken forgets it."
	cmd.Example = "fanfare fake twilio\nfanfare fake slack --port 9101 --json"
	return cmd
}

func (f fakeService) command(e *env) *cobra.Command {
	port, host := 9100, ""
	s := &faking{out: e.stdout}
	cmd := &cobra.Command{Use: f.name, Short: f.about, Example: "fanfare fake " + f.name, Args: takes}
	cmd.Long = f.about + ".\n\nTo see its errors, have it refuse " + f.errors + "."
	flags := cmd.Flags()
	flags.IntVarP(&port, "port", "p", port, "port to listen on; 0 takes a free one")
	flags.StringVar(&host, "host", "127.0.0.1", "address to listen on")
	flags.BoolVar(&s.json, "json", false, "print one JSON object for each that it takes or refuses")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		s.paint = e.paint(e.stdout)
		if port < 0 || port > 65535 {
			return usagef("--port is a number from 0 to 65535")
		}
		ln, err := listenOn(net.JoinHostPort(host, fmt.Sprint(port)), fmt.Sprintf("choose another port: fanfare fake %s --port %d", f.name, min(port+1, 65535)))
		if err != nil {
			return err
		}
		address := ln.Addr().String()
		use := "It sends what POST http://" + address + "/fake/push tells it to, and without a body says how."
		if f.config != "" {
			use = "An endpoint gets there with this in its config: " + fmt.Sprintf(f.config, address)
		}
		fmt.Fprintf(e.stderr, "What pretends to be %s is at %s; Ctrl-C ends it.\n%s\n", f.name, e.paint(e.stderr).bold(address), use)
		return f.run(cmd.Context(), s, ln)
	}
	return cmd
}

// run answers on ln until ctx ends.
func (f fakeService) run(ctx context.Context, s *faking, ln net.Listener) error {
	server := f.serve(s, ln)
	ended := make(chan error, 1)
	go func() { ended <- server.serve() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	err := server.close()
	<-ended
	return err
}

// byHTTP serves what makes a handler.
func byHTTP(handler func() http.Handler) func(*faking, net.Listener) fakeServer {
	return func(s *faking, ln net.Listener) fakeServer {
		server := &http.Server{Handler: s.watch(handler()), ReadHeaderTimeout: 5 * time.Second, MaxHeaderBytes: 64 << 10}
		return fakeServer{
			serve: func() error {
				if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
					return err
				}
				return nil
			},
			close: server.Close,
		}
	}
}

// bySMTP serves a mailbox.
func bySMTP(s *faking, ln net.Listener) fakeServer {
	box := &fake.Mailbox{Took: func(m *fake.Mail) {
		s.print(&faked{At: m.At, Method: "MAIL", Target: m.From, Body: m.Text, Status: 250},
			strings.Join(m.To, ", ")+"  "+m.Subject)
	}}
	return fakeServer{serve: func() error { return box.Serve(ln) }, close: box.Close}
}

// A faking is a service that pretends, as its user sees it.
type faking struct {
	out   io.Writer
	paint paint
	json  bool

	mu sync.Mutex // held while printing, so that lines do not mix
}

// A faked is a request that came, and what was answered.
type faked struct {
	At     time.Time `json:"at"`
	Method string    `json:"method"`
	Target string    `json:"target"`
	Body   string    `json:"body"`
	Status int       `json:"status,omitempty"` // 0: it was not answered
	Answer string    `json:"answer,omitempty"`
}

// watch is handler, each of whose requests is printed once it is answered. What it is
// asked about what it took is not.
func (s *faking) watch(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/fake/") {
			handler.ServeHTTP(rw, r)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, maxArrival))
		if err != nil {
			http.Error(rw, "a fake takes bodies of at most 1 MiB", http.StatusRequestEntityTooLarge)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		f := &faked{At: time.Now(), Method: r.Method, Target: r.URL.RequestURI(), Body: string(body)}
		seen := &overheard{ResponseWriter: rw}
		defer func() { // also when it hangs up, by a panic
			f.Status, f.Answer = seen.status, seen.body.String()
			s.print(f, briefly(r.Header.Get("Content-Type"), f.Body))
		}()
		handler.ServeHTTP(seen, r)
	})
}

// overheard keeps what is answered through it.
type overheard struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (o *overheard) WriteHeader(status int) {
	if o.status == 0 {
		o.status = status
	}
	o.ResponseWriter.WriteHeader(status)
}

func (o *overheard) Write(p []byte) (int, error) {
	if o.status == 0 {
		o.status = http.StatusOK
	}
	o.body.Write(p[:min(len(p), max(0, maxShown-o.body.Len()))])
	return o.ResponseWriter.Write(p)
}

// Unwrap is for http.ResponseController.
func (o *overheard) Unwrap() http.ResponseWriter { return o.ResponseWriter }

// briefly is a body as people read it on a line.
func briefly(contentType, body string) string {
	if strings.HasPrefix(contentType, "application/x-www-form-urlencoded") {
		if plain, err := url.QueryUnescape(strings.ReplaceAll(body, "&", "  ")); err == nil {
			return plain
		}
	}
	var compact bytes.Buffer
	if json.Compact(&compact, []byte(body)) == nil {
		return compact.String()
	}
	return body
}

// print shows f on a line; said is its body in brief.
func (s *faking) print(f *faked, said string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.json {
		f.At = f.At.UTC()
		if text, err := json.Marshal(f); err == nil {
			fmt.Fprintf(s.out, "%s\n", printableJSON(text))
		}
		return
	}
	status, answer := s.paint.red("not answered"), ""
	switch {
	case f.Status >= 200 && f.Status < 300:
		status = s.paint.green(fmt.Sprint(f.Status))
	case f.Status != 0:
		status = s.paint.red(fmt.Sprint(f.Status))
		answer = "  " + s.paint.dim(printable(cut(strings.TrimSpace(f.Answer), 200)))
	}
	fmt.Fprintf(s.out, "%s  %s  %s %s  %s%s\n", s.paint.dim(f.At.Format(time.TimeOnly)), status,
		printable(f.Method), printable(cut(f.Target, 100)), printable(cut(said, 500)), answer)
}
