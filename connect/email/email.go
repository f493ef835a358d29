// Package email sends mail through an SMTP server.
package email

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net"
	"net/mail"
	"net/netip"
	"strconv"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
)

// Bounds of a mail.
const (
	maxSubject    = 200 // characters; what is longer is cut off, and ends with an ellipsis
	maxRecipients = 50
)

// What keeps others from reading along on the way to the server, and the port where it
// usually listens for that.
const (
	startTLS    = "starttls" // the connection is encrypted before anything is said; it fails where it cannot be
	implicitTLS = "tls"      // it is encrypted from the first byte on
	plain       = "none"
)

var ports = map[string]string{startTLS: "587", implicitTLS: "465", plain: "25"}

// Connector sends a mail.
func Connector() fanfare.Connector {
	return fanfare.Connector{
		About: "Sends it as an e-mail through an SMTP server.",
		Example: json.RawMessage(`{"server":"smtp.example.com:587","username":"fanfare","password":"secret-of-it","from":"Fanfare <fanfare@example.com>",` +
			`"to":"{{payload.email}}","subject":"{{eventType}}","text":"{{payload}}"}`),
		Hidden:   []string{"password"},
		Where:    []string{"server", "security", "ca"},
		New:      open,
		InFlight: 4, // connections at once, of which servers want few
	}
}

type config struct {
	Server   string `json:"server"`
	Security string `json:"security"`
	CA       string `json:"ca"`
	Hello    string `json:"helo"`
	Username string `json:"username"`
	Password string `json:"password"`
	From     string `json:"from"`
	To       string `json:"to"`
	Cc       string `json:"cc"`
	Bcc      string `json:"bcc"`
	ReplyTo  string `json:"replyTo"`
	Subject  string `json:"subject"`
	Text     string `json:"text"`
	HTML     string `json:"html"`
}

// A sink sends through one server.
type sink struct {
	way        fanfare.Way
	config     config
	host, port string
	tls        *tls.Config
	mark       string // tells mails of this config from those of another
	// address templates
	from, to, cc, bcc, replyTo *connect.Template
	subject, text, html        *connect.Template
}

func open(text []byte, way fanfare.Way) (fanfare.Sink, error) {
	c := config{Security: startTLS, Subject: "{{eventType}}"}
	if err := connect.Decode(text, &c); err != nil {
		return nil, err
	}
	if c.Text == "" && c.HTML == "" {
		c.Text = "{{payload}}"
	}
	s := &sink{way: way, config: c}
	var errs [12]error
	s.from, errs[0] = addressTemplate("from", c.From)
	s.to, errs[1] = addressTemplate("to", c.To)
	s.cc, errs[2] = addressTemplate("cc", c.Cc)
	s.bcc, errs[3] = addressTemplate("bcc", c.Bcc)
	s.replyTo, errs[4] = addressTemplate("replyTo", c.ReplyTo)
	s.subject, errs[5] = connect.Text("subject", c.Subject)
	s.text, errs[6] = connect.Text("text", c.Text)
	s.html, errs[7] = connect.Text("html", c.HTML)
	errs[8] = s.server()
	errs[9] = connect.Must(c.From != "", "from", "is missing; give an address such as fanfare@example.com")
	errs[10] = connect.Must(c.To != "", "to", "is missing; give an address, or where it is in the message, such as {{payload.email}}")
	errs[11] = connect.Must((c.Username == "") == (c.Password == ""), "password", "give both username and password, or neither")
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q", []string{c.From, c.To, c.Cc, c.Bcc, c.Subject, c.Text, c.HTML}))
	s.mark = hex.EncodeToString(sum[:4])
	return s, nil
}

// server reads what the config says of the server.
func (s *sink) server() error {
	c := &s.config
	port, known := ports[c.Security]
	if !known {
		return connect.Must(false, "security", "one of starttls, tls, none")
	}
	var err error
	if s.host, s.port, err = net.SplitHostPort(c.Server); err != nil {
		s.host, s.port = c.Server, port
	}
	number, err := strconv.ParseUint(s.port, 10, 16)
	if _, bad := netip.ParseAddr(s.host); err != nil || number == 0 || s.host == "" || bad != nil && strings.ContainsAny(s.host, ":/@[] \t\r\n") {
		return connect.Must(false, "server", "must be a name and a port, such as smtp.example.com:587")
	}
	s.tls = &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		s.tls.RootCAs = x509.NewCertPool()
		if !s.tls.RootCAs.AppendCertsFromPEM([]byte(c.CA)) {
			return connect.Must(false, "ca", "has no certificate in PEM, from -----BEGIN CERTIFICATE----- on")
		}
	}
	return errors.Join(
		connect.Must(c.Security != plain || c.Password == "", "security", "a password is sent over encrypted connections only; use starttls or tls"),
		connect.Must(!strings.ContainsAny(c.Hello, " \t\r\n"), "helo", "must be a host's name, such as fanfare.example.com"),
	)
}

// addressTemplate reads a template of addresses. One without expressions is looked at as
// it is.
func addressTemplate(member, source string) (*connect.Template, error) {
	if !strings.Contains(source, "{{") {
		if _, err := addresses(source); err != nil {
			return nil, connect.Must(false, member, `must be an address such as "Yogi <yogi@example.com>", or several with commas between`)
		}
	}
	return connect.Text(member, source)
}

// addresses reads a list of them, which may be empty.
func addresses(text string) ([]*mail.Address, error) {
	if text = strings.Trim(text, ", \t\r\n"); text == "" {
		return nil, nil
	}
	return mail.ParseAddressList(text)
}

// Target is whom it is sent to, and through what server.
func (s *sink) Target() string {
	return connect.OneLine(s.config.To) + " by " + net.JoinHostPort(s.host, s.port)
}

// Close has nothing to end: each mail has its own connection.
func (s *sink) Close() error { return nil }

// compose makes the mail about msg. Made again it has the same Message-ID, so that it is
// one mail to those who have it already.
func (s *sink) compose(msg *fanfare.Message) (*gomail.Msg, error) {
	in := connect.InputOf(msg)
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	recipients := 0
	var from []*mail.Address
	for _, field := range []struct {
		member string
		text   *connect.Template
		set    func([]*mail.Address)
	}{
		{"from", s.from, func(all []*mail.Address) { from = all }},
		{"to", s.to, func(all []*mail.Address) { m.ToMailAddress(all...) }},
		{"cc", s.cc, func(all []*mail.Address) { m.CcMailAddress(all...) }},
		{"bcc", s.bcc, func(all []*mail.Address) { m.BccMailAddress(all...) }},
		{"replyTo", s.replyTo, func(all []*mail.Address) { m.ReplyToMailAddress(all...) }},
	} {
		text, err := connect.Fill(field.member, field.text, in, nil)
		if err != nil {
			return nil, err
		}
		all, err := addresses(text)
		if err != nil {
			return nil, fmt.Errorf("%s renders %q, which are no addresses", field.member, connect.Shorten(text, 100))
		}
		if recipients += len(all); recipients > maxRecipients {
			return nil, fmt.Errorf("more than %d addresses", maxRecipients)
		}
		if len(all) > 0 {
			field.set(all)
		}
	}
	switch {
	case len(from) != 1:
		return nil, fmt.Errorf("from renders %d addresses; it must be one", len(from))
	case len(m.GetTo()) == 0:
		return nil, errors.New("to renders empty: the message does not say whom to write to")
	}
	m.FromMailAddress(from[0])
	_, domain, _ := strings.Cut(from[0].Address, "@")
	m.SetMessageIDWithValue(string(msg.ID) + "." + s.mark + "@" + domain)
	m.SetDateWithValue(msg.CreatedAt)
	m.SetGenHeader("User-Agent", "Fanfare")
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: nobody is to answer by machine
	return m, s.write(m, msg)
}

// write gives m its subject and body.
func (s *sink) write(m *gomail.Msg, msg *fanfare.Message) error {
	in := connect.InputOf(msg)
	var errs [3]error
	var subject, text, page string
	subject, errs[0] = connect.Fill("subject", s.subject, in, nil)
	text, errs[1] = connect.Fill("text", s.text, in, nil)
	page, errs[2] = connect.Fill("html", s.html, in, html.EscapeString)
	if err := errors.Join(errs[:]...); err != nil {
		return err
	}
	m.Subject(connect.Shorten(strings.Join(strings.Fields(subject), " "), maxSubject))
	switch {
	case s.config.HTML == "":
		m.SetBodyString(gomail.TypeTextPlain, text)
	case s.config.Text == "":
		m.SetBodyString(gomail.TypeTextHTML, page)
	default:
		m.SetBodyString(gomail.TypeTextPlain, text)
		m.AddAlternativeString(gomail.TypeTextHTML, page)
	}
	return nil
}

// Send mails msg.
func (s *sink) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	m, err := s.compose(msg)
	if err != nil {
		return connect.Unfit("%v", err), nil
	}
	return s.deliver(ctx, m)
}
