package mirror

import (
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/fanfarehq/fanfare/connect"
)

// Ways of encrypting, as a config names them.
const (
	tlsVerify = "verify"
	tlsOff    = "off"
)

// A server is where a database is, and who asks for it.
type server struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	User     string `json:"user"`
	Password string `json:"password"`
	Database string `json:"database"`
	TLS      string `json:"tls"` // "": verify
	CA       string `json:"ca"`  // in PEM; "": those of the system
	URL      string `json:"url"` // all of it but CA, in place of it

	secure *tls.Config // nil: not encrypted
}

// read checks what the config says. A URL has one of the schemes.
func (s *server) read(schemes ...string) error {
	if s.URL != "" {
		if err := s.readURL(schemes); err != nil {
			return err
		}
	}
	if s.TLS == "" {
		s.TLS = tlsVerify
	}
	secure, authority := connect.TLS(s.Host, s.CA)
	if s.TLS == tlsVerify {
		s.secure = secure
	}
	return errors.Join(
		connect.Must(s.Host != "" && !strings.ContainsAny(s.Host, "/,@ \t\r\n"), "host", "must be one name or address, such as db.example.com"),
		connect.Must(s.Port > 0 && s.Port < 1<<16, "port", "must be from 1 to 65535"),
		connect.Must(fits(s.User), "user", "is missing, or is too long"),
		connect.Must(fits(s.Database), "database", "is missing, or is too long"),
		connect.Must(!strings.Contains(s.Password, "\x00"), "password", "has a NUL in it"),
		connect.Must(s.TLS == tlsVerify || s.TLS == tlsOff, "tls", "one of verify, off"),
		authority,
	)
}

func fits(name string) bool {
	return name != "" && len(name) <= 128 && !strings.ContainsAny(name, "\x00\r\n")
}

// readURL takes all from the URL. Errors do not show it, as it has the password in it.
func (s *server) readURL(schemes []string) error {
	such := "such as " + schemes[0] + "://user:password@db.example.com/shop"
	u, err := url.Parse(s.URL)
	if err != nil || !slices.Contains(schemes, u.Scheme) || u.Opaque != "" {
		return connect.Must(false, "url", "must be a URL "+such)
	}
	if s.Host != "" || s.User != "" || s.Password != "" || s.Database != "" {
		return connect.Must(false, "url", "stands in place of host, user, password and database; give either")
	}
	s.Host, s.User, s.Database = u.Hostname(), u.User.Username(), strings.TrimPrefix(u.Path, "/")
	s.Password, _ = u.User.Password()
	if port := u.Port(); port != "" {
		s.Port, _ = strconv.Atoi(port) // 0 is refused
	}
	query := u.Query()
	if mode := query.Get("tls"); mode != "" {
		s.TLS = mode
		query.Del("tls")
	}
	return connect.Must(len(query) == 0, "url", "may have tls=verify or tls=off behind the ?, and nothing else; "+such)
}

// String is where it is, without secrets.
func (s *server) String() string { return s.address() + "/" + s.Database }

func (s *server) address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }
