package safedial

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// asking returns a Dialer that resolves by say, and the list of what it
// connected to. Those connections fail with err; nothing leaves the process.
func asking(t *testing.T, p *Policy, say func(name string, asked int) answer, err error) (*Dialer, *[]string) {
	t.Helper()
	d := dialer(t, p)
	d.resolve = (&nameServer{say: say}).resolver(t).LookupNetIP
	var dialed []string
	d.connect = func(_ context.Context, _, address string) (net.Conn, error) {
		dialed = append(dialed, address)
		return nil, err
	}
	return d, &dialed
}

func always(addrs ...string) func(string, int) answer {
	return func(string, int) answer { return answer{addrs: addrs} }
}

func TestNamesThatResolveInsideAreNotDialed(t *testing.T) {
	thousand := make([]string, 1000)
	for i := range thousand {
		thousand[i] = fmt.Sprintf("8.8.%d.%d", i/250, i%250)
	}
	thousand[999] = "10.0.0.1"
	tests := []struct {
		name, host string
		say        func(string, int) answer
		want       string
	}{
		{"loopback", "127.0.0.1.nip.io", always("127.0.0.1"), "127.0.0.1.nip.io: 127.0.0.1 is a loopback address; for development, serve --dev or Options.AllowLoopback allows it"},
		{"metadata", "169.254.169.254.nip.io", always("169.254.169.254"), "credentials"},
		{"public A, loopback AAAA", "two.example", always("8.8.8.8", "::1"), "two.example: ::1 is a loopback address"},
		{"public and private A", "two.example", always("8.8.8.8", "192.168.0.1"), "two.example: 192.168.0.1 is a private address"},
		{"private last of a thousand", "many.example", always(thousand...), "many.example: 10.0.0.1 is a private address"},
		{"mapped AAAA", "mapped.example", always("::ffff:127.0.0.1"), "127.0.0.1 is a loopback address"},
		{"NAT64 AAAA", "nat.example", always("64:ff9b::7f00:1"), "NAT64"},
		{"CNAME to the inside", "c.example", func(string, int) answer {
			return answer{cname: "db.internal", addrs: []string{"10.0.0.9"}}
		}, "c.example: 10.0.0.9 is a private address"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, dialed := asking(t, nil, tt.say, errors.New("connected"))
			_, err := d.DialContext(t.Context(), "tcp", tt.host+":443")
			var denied *DeniedError
			if !errors.As(err, &denied) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("DialContext = %v, want it denied with %q", err, tt.want)
			} else if denied.Host != tt.host || !denied.Addr.IsValid() {
				t.Errorf("the refusal names host %q and address %v", denied.Host, denied.Addr)
			}
			if len(*dialed) != 0 {
				t.Errorf("connected to %v", *dialed)
			}
		})
	}
}

func TestARebindingNameIsDialedOnlyWhileItIsPublic(t *testing.T) {
	flip := func(_ string, asked int) answer {
		if asked == 1 {
			return answer{addrs: []string{"8.8.8.8"}}
		}
		return answer{addrs: []string{"127.0.0.1"}}
	}
	d, dialed := asking(t, nil, flip, syscall.ECONNREFUSED)
	if _, err := d.DialContext(t.Context(), "tcp", "flip.example:443"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("first dial = %v, want the connection's own error", err)
	}
	var denied *DeniedError
	if _, err := d.DialContext(t.Context(), "tcp", "flip.example:443"); !errors.As(err, &denied) {
		t.Errorf("second dial = %v, want it denied", err)
	}
	// What was dialed is the address that was checked, so nobody resolves again.
	if want := []string{"8.8.8.8:443"}; !slices.Equal(*dialed, want) {
		t.Errorf("connected to %v, want %v", *dialed, want)
	}
}

func TestSixteenAddressesAreTriedInOrder(t *testing.T) {
	var many []string
	for i := range 1000 {
		many = append(many, fmt.Sprintf("8.8.%d.%d", i/250, i%250))
	}
	d, dialed := asking(t, nil, always(many...), syscall.ECONNREFUSED)
	if _, err := d.DialContext(t.Context(), "tcp", "many.example:443"); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("DialContext = %v, want ECONNREFUSED", err)
	}
	if len(*dialed) != 16 {
		t.Errorf("connected to %d addresses, want 16", len(*dialed))
	}
}

func TestTheNextAddressIsTriedWhenOneFails(t *testing.T) {
	d, _ := asking(t, nil, always("8.8.8.8", "8.8.4.4"), nil)
	here, there := net.Pipe()
	defer there.Close()
	d.connect = func(_ context.Context, _, address string) (net.Conn, error) {
		if address == "8.8.8.8:443" {
			return nil, syscall.ECONNREFUSED
		}
		return here, nil
	}
	conn, err := d.DialContext(t.Context(), "tcp", "two.example:443")
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
}

func TestLookupFailuresAreNotRefusals(t *testing.T) {
	tests := []struct {
		name  string
		say   answer
		check func(*net.DNSError) bool
	}{
		{"no such name", answer{rcode: dnsmessage.RCodeNameError}, func(e *net.DNSError) bool { return e.IsNotFound }},
		{"no addresses", answer{}, func(e *net.DNSError) bool { return e.IsNotFound }},
		{"server failure", answer{rcode: dnsmessage.RCodeServerFailure}, func(e *net.DNSError) bool { return e.IsTemporary }},
		{"alias loop", answer{cname: "loop.example"}, func(e *net.DNSError) bool { return true }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, dialed := asking(t, nil, func(string, int) answer { return tt.say }, errors.New("connected"))
			_, err := d.DialContext(t.Context(), "tcp", "loop.example:443")
			var dns *net.DNSError
			var denied *DeniedError
			if !errors.As(err, &dns) || errors.As(err, &denied) || !tt.check(dns) {
				t.Fatalf("DialContext = %#v, want a failed lookup", err)
			}
			if dns.Name != "loop.example" || len(*dialed) != 0 {
				t.Errorf("the lookup of %q failed, and %v was connected to", dns.Name, *dialed)
			}
		})
	}
}

func TestNamesAreAskedForAbsolute(t *testing.T) {
	d := dialer(t, nil)
	var asked []string
	d.resolve = func(_ context.Context, _, name string) ([]netip.Addr, error) {
		asked = append(asked, name)
		return nil, nil
	}
	for _, host := range []string{"hooks.example", "HOOKS.Example."} {
		var dns *net.DNSError
		if _, err := d.DialContext(t.Context(), "tcp", host+":443"); !errors.As(err, &dns) || !dns.IsNotFound {
			t.Errorf("dial %s = %v, want a name without addresses", host, err)
		}
	}
	if want := []string{"hooks.example.", "hooks.example."}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}

func TestASilentNameServerCostsTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := asking(t, nil, func(string, int) answer { return answer{silent: true} }, nil)
		start := time.Now()
		_, err := d.DialContext(t.Context(), "tcp", "slow.example:443")
		var dns *net.DNSError
		if !errors.As(err, &dns) || !dns.IsTimeout || time.Since(start) != 2*time.Second {
			t.Errorf("DialContext = %v after %v, want a lookup timeout after 2s", err, time.Since(start))
		}
		time.Sleep(time.Minute) // the resolver itself goes on for a while
	})
}

// Go's resolver asks once for all who want the same name at the same time, and
// hands all of them the same error. The race detector sees one being changed.
func TestAFailedLookupIsEachCallersOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := asking(t, nil, func(string, int) answer {
			time.Sleep(time.Second) // in which all have come
			return answer{rcode: dnsmessage.RCodeNameError}
		}, nil)
		failed := make(chan *net.DNSError, 8)
		for range 8 {
			go func() {
				_, err := d.DialContext(t.Context(), "tcp", "none.example:443")
				var dns *net.DNSError
				errors.As(err, &dns)
				failed <- dns
			}()
		}
		seen := map[*net.DNSError]bool{nil: true}
		for range 8 {
			dns := <-failed
			if seen[dns] {
				t.Fatalf("%v, want an error of one's own", dns)
			}
			seen[dns] = true
			if dns.Name != "none.example" {
				t.Errorf("the lookup of %q failed", dns.Name)
			}
		}
	})
}

func TestAddressesThatNeverAnswerShareTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		d, _ := asking(t, nil, always("8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1"), nil)
		var began []time.Duration
		d.connect = func(ctx context.Context, _, _ string) (net.Conn, error) {
			began = append(began, time.Since(start))
			<-ctx.Done()
			return nil, os.ErrDeadlineExceeded
		}
		_, err := d.DialContext(t.Context(), "tcp", "slow.example:443")
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != 10*time.Second {
			t.Errorf("DialContext = %v after %v, want a timeout after 10s", err, time.Since(start))
		}
		want := []time.Duration{0, 2500 * time.Millisecond, 5 * time.Second, 7500 * time.Millisecond}
		if !slices.Equal(began, want) {
			t.Errorf("connections began at %v, want %v", began, want)
		}
	})
}

func TestDialRefusesBeforeAskingAnyone(t *testing.T) {
	d, dialed := asking(t, &Policy{BaseURL: "https://fanfare.example"}, func(name string, _ int) answer {
		t.Errorf("asked for %q", name)
		return answer{}
	}, errors.New("connected"))
	for _, addr := range []string{
		"localhost:80", "LOCALHOST.:80", "a.localhost:80", "backend:80", "metadata.google.internal:80", "fanfare.example:443",
		"127.1:80", "0x7f000001:80", "2130706433:80", "127.0.0.1:80", "[::1]:80", "[::ffff:127.0.0.1]:80", "[fe80::1%lo]:80",
		"h.example:0", "h.example:99999", "h.example:http", "h.example:", "h..example:80", "h example:80", ":80",
	} {
		var denied *DeniedError
		if _, err := d.DialContext(t.Context(), "tcp", addr); !errors.As(err, &denied) || denied.Reason == "" {
			t.Errorf("dial %s = %v, want it denied", addr, err)
		}
	}
	for _, network := range []string{"udp", "unix", "ip", ""} {
		if _, err := d.DialContext(t.Context(), network, "8.8.8.8:80"); err == nil {
			t.Errorf("dial over %q went through", network)
		}
	}
	if _, err := d.DialContext(t.Context(), "tcp", "8.8.8.8"); err == nil {
		t.Error("dial without a port went through")
	}
	if len(*dialed) != 0 {
		t.Errorf("connected to %v", *dialed)
	}
}

func TestLoopbackIsReachedInDevelopmentAndNeverElse(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())

	names := (&nameServer{say: func(name string, _ int) answer {
		if strings.HasSuffix(name, "localhost") {
			t.Errorf("asked where %s is", name)
		}
		return answer{addrs: []string{"127.0.0.1"}}
	}}).resolver(t)
	guarded := dialer(t, nil)
	guarded.resolve = names.LookupNetIP
	for _, host := range []string{"127.0.0.1", "localhost", "127.0.0.1.nip.io", "[::ffff:7f00:1]"} {
		var denied *DeniedError
		if _, err := guarded.DialContext(t.Context(), "tcp", host+":"+port); !errors.As(err, &denied) {
			t.Errorf("dial %s = %v, want it denied", host, err)
		}
	}
	// The last look stands alone, should all before it be fooled.
	var denied *DeniedError
	if _, err := guarded.connect(t.Context(), "tcp", l.Addr().String()); !errors.As(err, &denied) {
		t.Errorf("connecting unchecked = %v, want it denied", err)
	}

	// Connections queue in order: if the first one accepted is ours, none of
	// the above arrived.
	dev := dialer(t, &Policy{Loopback: true})
	dev.resolve = names.LookupNetIP
	for _, host := range []string{"127.0.0.1", "localhost", "app.localhost", "127.0.0.1.nip.io"} {
		conn, err := dev.DialContext(t.Context(), "tcp", host+":"+port)
		if err != nil {
			t.Fatalf("dial %s in development: %v", host, err)
		}
		defer conn.Close()
		arrived, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer arrived.Close()
		if arrived.RemoteAddr().String() != conn.LocalAddr().String() {
			t.Fatalf("a connection from %v arrived, which nobody was to make", arrived.RemoteAddr())
		}
	}
}

func TestADenialOnTheWayNamesTheHost(t *testing.T) {
	d := dialer(t, nil)
	_, err := d.dial(bounded(t), "tcp", host{name: "fooled.example"}, []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:9")})
	var denied *DeniedError
	if !errors.As(err, &denied) || denied.Host != "fooled.example" || denied.Addr != netip.MustParseAddr("127.0.0.1") {
		t.Errorf("dial = %#v, want a refusal of fooled.example", err)
	}
	for _, network := range []string{"udp4", "unix"} {
		if d.control(network, "8.8.8.8:53", nil) == nil {
			t.Errorf("the last look lets %s through", network)
		}
	}
	if d.control("tcp4", "8.8.8.8:53", nil) != nil {
		t.Error("the last look stops a public address")
	}
}

func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	t.Cleanup(cancel)
	return ctx
}
