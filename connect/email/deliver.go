package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/fanfarehq/fanfare"
)

// patience bounds what the server may take over one answer. It is the context that
// ends an attempt.
const patience = 5 * time.Minute

// A line is the connection of one attempt.
type line struct {
	conn net.Conn    // nil: there is none yet
	stop func() bool // has the attempt's end close nothing any more
}

// dialer connects to the server, for the mail library. The connection ends with attempt.
func (l *line) dialer(attempt context.Context, s *sink) gomail.DialContextFunc {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		raw, err := s.way.Dial(ctx, network, net.JoinHostPort(s.host, s.port))
		if err != nil {
			return nil, err
		}
		l.conn, l.stop = raw, context.AfterFunc(attempt, func() { _ = raw.Close() })
		if s.config.Security != implicitTLS {
			return raw, nil
		}
		conn := tls.Client(raw, s.tls.Clone())
		if err := conn.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		return conn, nil
	}
}

// hangUp ends the connection, which the library leaves open when logging in fails.
func (l *line) hangUp() {
	if l.conn != nil {
		l.stop()
		_ = l.conn.Close()
	}
}

// client makes one that connects with dial.
func (s *sink) client(dial gomail.DialContextFunc) (*gomail.Client, error) {
	port, err := strconv.Atoi(s.port)
	if err != nil {
		return nil, err
	}
	policy := gomail.NoTLS
	if s.config.Security == startTLS {
		policy = gomail.TLSMandatory
	}
	options := []gomail.Option{
		gomail.WithPort(port), gomail.WithTLSPolicy(policy), gomail.WithTLSConfig(s.tls.Clone()),
		gomail.WithDialContextFunc(dial), gomail.WithTimeout(patience), gomail.WithoutNoop(),
	}
	if s.config.Hello != "" {
		options = append(options, gomail.WithHELO(s.config.Hello))
	}
	if s.config.Username != "" {
		options = append(options, gomail.WithUsername(s.config.Username), gomail.WithPassword(s.config.Password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5))
	}
	return gomail.NewClient(s.host, options...)
}

// deliver hands m to the server.
func (s *sink) deliver(ctx context.Context, m *gomail.Msg) (fanfare.Reply, error) {
	l := &line{}
	defer l.hangUp()
	client, err := s.client(l.dialer(ctx, s))
	if err != nil {
		return fanfare.Reply{}, err
	}
	err = client.DialAndSendWithContext(ctx, m)
	if m.IsDelivered() { // whatever came of the farewell
		return fanfare.Reply{Class: fanfare.ClassSuccess, ResponseBody: []byte(m.ServerResponse())}, nil
	}
	if ctx.Err() != nil {
		return fanfare.Reply{}, fmt.Errorf("the mail server did not answer: %w", ctx.Err())
	}
	return judge(err)
}

// judge says what it means that a mail was not taken. What is refused for whom it is to,
// or for what it says, will be refused again; all else may be put right.
func judge(err error) (fanfare.Reply, error) {
	var refused *gomail.SendError
	var said *textproto.Error
	switch {
	case errors.As(err, &refused) && refused.ErrorCode() != 0:
		code := refused.ErrorCode()
		text, _, _ := strings.Cut(refused.Error(), ", affected message ID: ")
		reply := fanfare.Reply{Class: fanfare.ClassConnector, Detail: text}
		switch {
		case code == 530 || code == 535:
			reply.Detail += "; check username and password"
		case code >= 500 && refused.Reason == gomail.ErrSMTPMailFrom:
			reply.Detail += "; check from"
		case code >= 500:
			reply.Class = fanfare.ClassRejected
		}
		return reply, nil
	case errors.As(err, &said):
		reply := fanfare.Reply{Class: fanfare.ClassConnector, Detail: said.Error()}
		if strings.Contains(err.Error(), "AUTH") {
			reply.Detail = "the server refused username and password: " + reply.Detail
		}
		return reply, nil
	}
	return fanfare.Reply{}, err
}
