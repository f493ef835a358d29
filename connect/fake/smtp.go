package fake

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/mail"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// A Mail is one that was taken.
type Mail struct {
	At        time.Time `json:"at"`
	From      string    `json:"from"`
	To        []string  `json:"to"`
	Subject   string    `json:"subject"`
	MessageID string    `json:"messageId"`
	User      string    `json:"user,omitempty"` // who was logged in
	TLS       bool      `json:"tls"`
	Text      string    `json:"text"` // all of it, with its header
}

// A Mailbox is an SMTP server that takes mail for everybody and passes nothing on. What
// an address starts with may ask for a refusal: from stranger@ nothing is taken (553); to
// nobody@ (550), full@ (452), gray@ (451) and busy@ (421) nothing is sent; what is for
// spam@ and late@ is refused once it is there (554, 451); of what is for silent@ nothing
// is heard again, and with lost@ the connection is lost.
type Mailbox struct {
	// TLS makes it offer STARTTLS; nil: it does not.
	TLS *tls.Config
	// Username and Password are of who may send; "": everybody, with any password but
	// "wrong", or with none.
	Username, Password string
	// Took is told of each mail; nil: nobody is.
	Took func(*Mail)

	mu     sync.Mutex
	server *smtp.Server  // nil: it does not serve
	closed chan struct{} // closed when it is to end
	mails  []*Mail       // the newest, maxTaken at most
}

// Serve answers on ln until Close.
func (m *Mailbox) Serve(ln net.Listener) error {
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{mailbox: m, conn: c}, nil
	}))
	server.Domain, server.TLSConfig, server.AllowInsecureAuth = "fake.example", m.TLS, m.TLS == nil
	server.MaxMessageBytes, server.MaxRecipients, server.EnableSMTPUTF8 = maxBody, 100, true
	server.ErrorLog = log.New(io.Discard, "", 0)
	m.mu.Lock()
	m.server, m.closed = server, make(chan struct{})
	m.mu.Unlock()
	if err := server.Serve(ln); !errors.Is(err, smtp.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Close ends Serve and all connections.
func (m *Mailbox) Close() error {
	m.mu.Lock()
	server := m.server
	m.server = nil
	if server != nil {
		close(m.closed)
	}
	m.mu.Unlock()
	if server == nil {
		return nil
	}
	return server.Close()
}

// Mails are those that were taken, the oldest first.
func (m *Mailbox) Mails() []*Mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]*Mail(nil), m.mails...)
}

func (m *Mailbox) take(one *Mail) {
	m.mu.Lock()
	m.mails = append(m.mails, one)
	m.mails = m.mails[max(0, len(m.mails)-maxTaken):]
	m.mu.Unlock()
	if m.Took != nil {
		m.Took(one)
	}
}

// A session is one connection.
type session struct {
	mailbox *Mailbox
	conn    *smtp.Conn
	user    string
	from    string
	to      []string
}

func (s *session) Reset() { s.from, s.to = "", nil }

func (s *session) Logout() error { return nil }

// AuthMechanisms implements smtp.AuthSession.
func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth implements smtp.AuthSession.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if s.mailbox.Username != "" && (user != s.mailbox.Username || password != s.mailbox.Password) || password == "wrong" {
			return smtp.ErrAuthFailed
		}
		s.user = user
		return nil
	}), nil
}

func refuses(code int, class, subject, what int, message string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{class, subject, what}, Message: message}
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	switch {
	case s.mailbox.Username != "" && s.user == "":
		return refuses(530, 5, 7, 0, "Authentication required")
	case strings.HasPrefix(from, "stranger@"):
		return refuses(553, 5, 7, 1, "Sender address rejected: not owned by user")
	}
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	switch name, _, _ := strings.Cut(to, "@"); name {
	case "nobody":
		return refuses(550, 5, 1, 1, "Recipient address rejected: User unknown")
	case "full":
		return refuses(452, 4, 2, 2, "Mailbox full")
	case "gray":
		return refuses(451, 4, 7, 1, "Greylisting in action, please come back later")
	case "busy":
		return refuses(421, 4, 3, 2, "Service not available, closing transmission channel")
	}
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	one := &Mail{At: time.Now(), From: s.from, To: s.to, User: s.user, Text: string(text)}
	_, one.TLS = s.conn.TLSConnectionState()
	if parsed, err := mail.ReadMessage(strings.NewReader(one.Text)); err == nil {
		one.Subject, one.MessageID = parsed.Header.Get("Subject"), parsed.Header.Get("Message-Id")
	}
	first := ""
	if len(s.to) > 0 {
		first, _, _ = strings.Cut(s.to[0], "@")
	}
	switch first {
	case "spam":
		return refuses(554, 5, 7, 1, "Message rejected as spam")
	case "late":
		return refuses(451, 4, 3, 0, "Temporary server error, please try again later")
	}
	s.mailbox.take(one)
	switch first {
	case "silent":
		<-s.mailbox.closed
	case "lost":
		_ = s.conn.Conn().Close()
	}
	return nil
}
