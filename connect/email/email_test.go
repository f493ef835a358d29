package email_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/email"
	"github.com/fanfarehq/fanfare/connect/fake"
)

// config is one that works with a mailbox without encryption, with members more or
// other ones.
func config(members string) string {
	all := map[string]any{"server": "smtp.example.com", "security": "none", "from": "fanfare@example.com", "to": "yogi@example.com"}
	return merged(all, members)
}

func merged(all map[string]any, members string) string {
	if err := json.Unmarshal([]byte("{"+members+"}"), &all); err != nil {
		panic(err)
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func open(t *testing.T, config string, dial dialer) fanfare.Sink {
	t.Helper()
	sink, err := email.Connector().New([]byte(config), fanfare.Way{Dial: dial, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return sink
}

func TestContract(t *testing.T) {
	server, authority := certified(t, "smtp.example.com")
	box := &fake.Mailbox{TLS: server, Username: "fanfare", Password: "sEcReTpAsSwOrD"}
	secure := func(members string) string {
		return merged(map[string]any{
			"server": "smtp.example.com:587", "ca": authority, "username": "fanfare", "password": "sEcReTpAsSwOrD",
			"from": "fanfare@example.com", "to": "yogi@example.com",
		}, members)
	}
	outcomes := make(map[string]connecttest.Outcome)
	for members, o := range map[string]connecttest.Outcome{
		`"to":"nobody@example.com"`:                   {Class: fanfare.ClassRejected, Detail: `550 "5.1.1 Recipient address rejected: User unknown", affected recipient(s): <nobody@example.com>`},
		`"to":"yogi@example.com, nobody@example.com"`: {Class: fanfare.ClassRejected, Detail: "affected recipient(s): <nobody@example.com>"},
		`"to":"spam@example.com"`:                     {Class: fanfare.ClassRejected, Detail: `554 "5.7.1 Message rejected as spam`},
		`"to":"full@example.com"`:                     {Class: fanfare.ClassConnector, Detail: `452 "4.2.2 Mailbox full`},
		`"to":"gray@example.com"`:                     {Class: fanfare.ClassConnector, Detail: `451 "4.7.1 Greylisting`},
		`"to":"busy@example.com"`:                     {Class: fanfare.ClassConnector, Detail: `421 "4.3.2 Service not available`},
		`"to":"late@example.com"`:                     {Class: fanfare.ClassConnector, Detail: `451 "4.3.0 Temporary server error`},
		`"from":"stranger@example.com"`:               {Class: fanfare.ClassConnector, Detail: `553 "5.7.1 Sender address rejected: not owned by user"; check from`},
		`"password":"wrong"`:                          {Class: fanfare.ClassConnector, Detail: "the server refused username and password: 535"},
		`"username":"","password":""`:                 {Class: fanfare.ClassConnector, Detail: `530 "5.7.0 Authentication required"; check username and password`},
		`"ca":""`:                                     {Err: "certificate"},
		`"server":"mail.example.com:587"`:             {Err: "certificate is valid for smtp.example.com, not mail.example.com"},
		`"to":"{{payload.email}}"`:                    {Class: fanfare.ClassRejected, Detail: "to renders empty"},
		`"to":"{{payload}}"`:                          {Class: fanfare.ClassRejected, Detail: `to renders "{\"n\":1}", which are no addresses`},
		`"from":"a@b.example,c@d.example"`:            {Class: fanfare.ClassRejected, Detail: "from renders 2 addresses; it must be one"},
		`"text":"{{payload.n.lower()}}"`:              {Class: fanfare.ClassRejected, Detail: "text: "},
	} {
		o.Config = secure(members)
		outcomes[members] = o
	}
	connecttest.Run(t, connecttest.Case{
		Connector: email.Connector(), Config: secure(""), Dial: served(t, box, nil), Outcomes: outcomes,
		Bad: map[string]string{
			`{}`:                          "config.server: must be a name and a port, such as smtp.example.com:587\nconfig.from: is missing; give an address such as fanfare@example.com\nconfig.to: is missing",
			config(`"server":"http://a"`): "config.server: must be a name and a port",
			config(`"server":"a:0"`):      "config.server: must be a name and a port",
			config(`"security":"ssl"`):    "config.security: one of starttls, tls, none",
			config(`"username":"u","password":"sEcReTpA"`):   "config.security: a password is sent over encrypted connections only",
			config(`"username":"u"`):                         "config.password: give both username and password, or neither",
			config(`"to":"yogi"`):                            "config.to: must be an address such as",
			config(`"bcc":"yogi@example.com;b@example.com"`): "config.bcc: must be an address such as",
			config(`"from":"{{"`):                            "config.from: a {{ is not closed by }}",
			config(`"ca":"x"`):                               "config.ca: has no certificate in PEM",
			config(`"helo":"a b"`):                           "config.helo: must be a host's name",
			config(`"text":"{{x}}","html":"{{"`):             "config.text: {{x}}: column 1: undeclared reference to 'x'",
		},
	})
	for _, m := range box.Mails() {
		if !m.TLS || m.User != "fanfare" {
			t.Errorf("taken without encryption or user: %+v", m)
		}
	}
}

// A part is what a reader of a mail sees.
type part struct{ kind, text string }

// read takes a mail apart.
func read(t *testing.T, one *fake.Mail) (mail.Header, []part) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(one.Text))
	if err != nil {
		t.Fatal(err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "multipart/alternative" {
		text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		return m.Header, []part{{kind, strings.ReplaceAll(string(text), "\r\n", "\n")}}
	}
	var parts []part
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextPart() // which decodes quoted-printable
		if err == io.EOF {
			return m.Header, parts
		}
		if err != nil {
			t.Fatal(err)
		}
		kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		text, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part{kind, strings.ReplaceAll(string(text), "\r\n", "\n")})
	}
}

// TestMail reads what was sent.
func TestMail(t *testing.T) {
	for name, c := range map[string]struct {
		config, payload string
		to              []string
		header          map[string]string
		parts           []part
	}{
		"default": {
			config(""), `{"n":1}`, []string{"yogi@example.com"},
			map[string]string{"From": "<fanfare@example.com>", "To": "<yogi@example.com>", "Subject": "a.b", "Auto-Submitted": "auto-generated", "User-Agent": "Fanfare", "Date": "Fri, 02 Jan 2026 03:04:05 +0000"},
			[]part{{"text/plain", `{"n":1}`}},
		},
		"all": {
			config(`"from":"Bär & Co <fanfare@example.com>","to":"{{payload.to}}","cc":"c@example.com","bcc":"b1@example.com, b2@example.com","replyTo":"Ranger <r@example.com>",` +
				`"subject":"{{payload.what}}: needs\nattention","text":"Hi <you>,\n{{payload.what}}","html":"<b>{{payload.what}}</b>"`),
			`{"to":"Yogi <yogi@example.com>, Boo <boo@example.com>","what":"Bär <script>\r\nBcc: x@example.com"}`,
			[]string{"yogi@example.com", "boo@example.com", "c@example.com", "b1@example.com", "b2@example.com"},
			map[string]string{
				"From": "Bär & Co <fanfare@example.com>", "To": `"Yogi" <yogi@example.com>, "Boo" <boo@example.com>`, "Cc": "<c@example.com>", "Bcc": "",
				"Reply-To": `"Ranger" <r@example.com>`, "Subject": "Bär <script> Bcc: x@example.com: needs attention",
			},
			[]part{{"text/plain", "Hi <you>,\nBär <script>\nBcc: x@example.com"}, {"text/html", "<b>Bär &lt;script&gt;\nBcc: x@example.com</b>"}},
		},
		"a page alone": {config(`"html":"<p>{{payload.n}}</p>"`), `{"n":5}`, []string{"yogi@example.com"}, nil, []part{{"text/html", "<p>5</p>"}}},
		"a dot":        {config(`"text":".\n..\nend"`), `{}`, []string{"yogi@example.com"}, nil, []part{{"text/plain", ".\n..\nend"}}},
	} {
		t.Run(name, func(t *testing.T) {
			box := &fake.Mailbox{}
			sink := open(t, c.config, served(t, box, nil))
			reply, err := sink.Send(t.Context(), connecttest.Message("a.b", c.payload))
			if err != nil || reply.Class != fanfare.ClassSuccess || !strings.Contains(string(reply.ResponseBody), "OK") {
				t.Fatalf("%+v (%s), %v", reply, reply.ResponseBody, err)
			}
			one := box.Mails()[0]
			if one.From != "fanfare@example.com" || !slices.Equal(one.To, c.to) || one.TLS || one.User != "" {
				t.Errorf("sent by %s to %q: %+v", one.From, one.To, one)
			}
			header, parts := read(t, one)
			for name, want := range c.header {
				got, err := new(mime.WordDecoder).DecodeHeader(strings.Join(header[name], ", "))
				if name == "From" {
					got = strings.ReplaceAll(got, `"`, "")
				}
				if err != nil || got != want {
					t.Errorf("%s is %q, %v; want %q", name, got, err, want)
				}
			}
			for i := range parts {
				parts[i].text = strings.TrimRight(parts[i].text, "\n")
			}
			if !slices.Equal(parts, c.parts) {
				t.Errorf("it reads %q; want %q", parts, c.parts)
			}
		})
	}
}

// TestMessageID sends a message twice, another, and the first by another config.
func TestMessageID(t *testing.T) {
	box := &fake.Mailbox{}
	dial := served(t, box, nil)
	one, other := connecttest.Message("a.b", "{}"), connecttest.Message("a.b", "{}")
	sink, second := open(t, config(""), dial), open(t, config(`"text":"more"`), dial)
	for _, send := range []struct {
		sink fanfare.Sink
		msg  *fanfare.Message
	}{{sink, one}, {sink, one}, {open(t, config(""), dial), one}, {sink, other}, {second, one}} {
		if reply, err := send.sink.Send(t.Context(), send.msg); err != nil || reply.Class != fanfare.ClassSuccess {
			t.Fatalf("%+v, %v", reply, err)
		}
	}
	var ids []string
	for _, m := range box.Mails() {
		ids = append(ids, m.MessageID)
	}
	if ids[0] != ids[1] || ids[0] != ids[2] || ids[0] == ids[3] || ids[0] == ids[4] || !strings.HasPrefix(ids[0], "<"+string(one.ID)+".") || !strings.HasSuffix(ids[0], "@example.com>") {
		t.Errorf("the message ids are %q", ids)
	}
}

// TestSecurity sees what is encrypted, and that nothing is sent where it cannot be.
func TestSecurity(t *testing.T) {
	server, authority := certified(t, "smtp.example.com")
	with := func(members string) string {
		return merged(map[string]any{"server": "smtp.example.com", "ca": authority, "from": "a@example.com", "to": "b@example.com"}, members)
	}
	for name, c := range map[string]struct {
		box      *fake.Mailbox
		implicit *tls.Config
		config   string
		err      string
		tls      bool
		address  string
	}{
		"starttls":              {&fake.Mailbox{TLS: server}, nil, with(""), "", true, "smtp.example.com:587"},
		"tls":                   {&fake.Mailbox{}, server, with(`"security":"tls","username":"u","password":"p"`), "", true, "smtp.example.com:465"},
		"none":                  {&fake.Mailbox{}, nil, with(`"security":"none"`), "", false, "smtp.example.com:25"},
		"a port":                {&fake.Mailbox{}, nil, with(`"security":"none","server":"smtp.example.com:2525"`), "", false, "smtp.example.com:2525"},
		"not offered":           {&fake.Mailbox{}, nil, with(""), "does not support STARTTLS", false, "smtp.example.com:587"},
		"not trusted":           {&fake.Mailbox{}, server, with(`"security":"tls","ca":""`), "certificate", false, "smtp.example.com:465"},
		"nobody may log in":     {&fake.Mailbox{TLS: server}, nil, with(`"username":"u","password":"wrong"`), "", false, "smtp.example.com:587"},
		"in words, by STARTTLS": {&fake.Mailbox{TLS: server}, nil, with(`"username":"u","password":"p"`), "", true, "smtp.example.com:587"},
	} {
		t.Run(name, func(t *testing.T) {
			dial := served(t, c.box, c.implicit)
			var conns []*counted
			sink := open(t, c.config, func(ctx context.Context, network, address string) (net.Conn, error) {
				if address != c.address {
					t.Errorf("dialled %s; want %s", address, c.address)
				}
				conn, err := dial(ctx, network, address)
				conns = append(conns, &counted{Conn: conn})
				return conns[len(conns)-1], err
			})
			reply, err := sink.Send(t.Context(), connecttest.Message("a.b", `{"very":"private"}`))
			switch {
			case c.err != "":
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%+v, %v; want %s", reply, err, c.err)
				}
			case name == "nobody may log in":
				if reply.Class != fanfare.ClassConnector {
					t.Errorf("%+v, %v", reply, err)
				}
			case err != nil || reply.Class != fanfare.ClassSuccess:
				t.Fatalf("%+v, %v", reply, err)
			case c.implicit == nil && c.box.Mails()[0].TLS != c.tls:
				t.Errorf("encrypted: %v", !c.tls)
			}
			for _, conn := range conns {
				if !conn.closed() {
					t.Error("a connection was left open")
				}
				if c.tls && bytes.Contains(conn.sent.Bytes(), []byte("b@example.com")) {
					t.Error("it was sent for all to read")
				}
			}
			if len(conns) != 1 {
				t.Errorf("%d connections", len(conns))
			}
		})
	}
}

// TestNoAnswer has the server take a mail and say nothing, or hang up: it is sent again,
// with the same Message-ID.
func TestNoAnswer(t *testing.T) {
	for to, want := range map[string]string{
		"silent@example.com": "the mail server did not answer: context deadline exceeded",
		"lost@example.com":   "EOF",
	} {
		synctest.Test(t, func(t *testing.T) {
			box := &fake.Mailbox{}
			sink := open(t, config(`"to":"`+to+`"`), served(t, box, nil))
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			reply, err := sink.Send(ctx, connecttest.Message("a.b", "{}"))
			cancel()
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %+v, %v; want %s", to, reply, err, want)
			}
			if n := len(box.Mails()); n != 1 {
				t.Errorf("%s: %d mails", to, n)
			}
		})
	}
}

func TestTarget(t *testing.T) {
	for c, want := range map[string]string{
		config(`"to":"{{payload.email}}"`):    "{{payload.email}} by smtp.example.com:25",
		config(`"server":"[2001:db8::1]:26"`): "yogi@example.com by [2001:db8::1]:26",
	} {
		if got := open(t, c, nil).Target(); got != want {
			t.Errorf("%q; want %q", got, want)
		}
	}
}
