package safedial

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/fanfarehq/fanfare/internal/memnet"
)

// An answer is what the name server of a test says to one question.
type answer struct {
	cname  string
	addrs  []string
	rcode  dnsmessage.RCode
	silent bool
}

// nameServer is a DNS server in memory. Say returns the answer for a name,
// without final dot, the asked-th time its A records are asked for.
type nameServer struct {
	say   func(name string, asked int) answer
	asked atomic.Int32
}

// resolver returns Go's own resolver, which asks s and nobody else. Its
// questions go over a stream and thus are framed as those over TCP.
func (s *nameServer) resolver(t *testing.T) *net.Resolver {
	n := memnet.New()
	l, err := n.Listen("dns:53")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(t, conn)
		}
	}()
	t.Cleanup(func() { l.Close(); <-served })
	return &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return n.DialContext(ctx, "tcp", "dns:53")
		},
	}
}

func (s *nameServer) serve(t *testing.T, conn net.Conn) {
	defer conn.Close()
	for {
		head := make([]byte, 2)
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(head))
		if _, err := io.ReadFull(conn, query); err != nil {
			return
		}
		reply, err := s.reply(query)
		if err != nil {
			t.Errorf("name server: %v", err)
			return
		}
		if reply != nil {
			conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
		}
	}
}

// reply answers query, or returns nil to stay silent.
func (s *nameServer) reply(query []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil, err
	}
	q := m.Questions[0]
	asked := s.asked.Load()
	if q.Type == dnsmessage.TypeA {
		asked = s.asked.Add(1)
	}
	a := s.say(strings.TrimSuffix(q.Name.String(), "."), int(asked))
	if a.silent {
		return nil, nil
	}
	m.Header = dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true, RCode: a.rcode}
	m.Additionals = nil
	owner := q.Name
	if a.cname != "" {
		target := dnsmessage.MustNewName(a.cname + ".")
		m.Answers = append(m.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: owner, Type: dnsmessage.TypeCNAME, Class: dnsmessage.ClassINET},
			Body:   &dnsmessage.CNAMEResource{CNAME: target},
		})
		owner = target
	}
	for _, text := range a.addrs {
		ip := netip.MustParseAddr(text)
		r := dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: owner, Type: q.Type, Class: dnsmessage.ClassINET}}
		switch {
		case ip.Is4() && q.Type == dnsmessage.TypeA:
			r.Body = &dnsmessage.AResource{A: ip.As4()}
		case ip.Is6() && q.Type == dnsmessage.TypeAAAA:
			r.Body = &dnsmessage.AAAAResource{AAAA: ip.As16()}
		default:
			continue
		}
		m.Answers = append(m.Answers, r)
	}
	return m.Pack()
}
