package safedial

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

// refused is the catalogue of endpoint URLs that are refused by their text, each
// with words that the reason must contain.
var refused = []struct {
	row, url, want string
}{
	{"E1", "http://127.0.0.1/", "127.0.0.1 is a loopback address; for development, serve --dev or Options.AllowLoopback allows it"},
	{"E1", "http://127.0.0.1:9000/in", "loopback"},
	{"E1", "http://127.1/", "four decimal numbers"},
	{"E1", "http://127.0.1/", "four decimal numbers"},
	{"E1", "http://0/", "four decimal numbers"},
	{"E1", "http://0.0.0.0/", "unspecified"},
	{"E1", "http://127.255.255.254/", "loopback"},
	{"E2", "http://2130706433/", "four decimal numbers"},
	{"E2", "http://0x7f000001/", "four decimal numbers"},
	{"E2", "http://0x7f.1/", "four decimal numbers"},
	{"E2", "http://0x7F.0.0.0x1/", "four decimal numbers"},
	{"E2", "http://0177.0.0.1/", "four decimal numbers"},
	{"E2", "http://017700000001/", "four decimal numbers"},
	{"E2", "http://127.0.0.01/", "four decimal numbers"},
	{"E2", "http://127.0.0.256/", "four decimal numbers"},
	{"E2", "http://127.0.0.1.1/", "four decimal numbers"},
	{"E2", "http://8.8.8.0x8/", "four decimal numbers"},
	{"E2", "http://host.0x/", "four decimal numbers"},
	{"E2", "http://1.2.3.4.5678/", "four decimal numbers"},
	{"E3", "http://127.0.0.1./", "loopback"},
	{"E3", "http://localhost/", "localhost is a loopback address; for development, serve --dev or Options.AllowLoopback allows it"},
	{"E3", "http://localhost./", "loopback"},
	{"E3", "http://LOCALHOST/", "loopback"},
	{"E3", "http://foo.localhost:8080/", "loopback"},
	{"E3", "http://ip6-localhost/", "loopback"},
	{"E3", "http://localhost../", "between two dots"},
	{"E4", "http://１２７.０.０.１/", "unusual way"},
	{"E4", "http://８.８.８.８/", "write 8.8.8.8"},
	{"E4", "http://127。0。0。1/", "unusual way"},
	{"E4", "http://①②⑦.⓪.⓪.①/", "unusual way"},
	{"E4", "http://ｌｏｃａｌｈｏｓｔ/", "loopback"},
	{"E4", "http://loc\u00adalhost/", "loopback"},
	{"E4", "http://%6c%6fcalhost/", "cannot be understood"},
	{"E4", "http://%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1/", "unusual way"},
	{"E4", "http://127%2e0%2e0%2e1/", "cannot be understood"},
	{"E4", "http://%80.example/", "letters, digits"},
	{"E4", "http://%EF%BC%90%EF%BC%900AA%80%80.000A0", "letters, digits"},
	{"E5", "http://[::1]/", "::1 is a loopback address"},
	{"E5", "http://[::]/", "unspecified"},
	{"E5", "http://[0:0:0:0:0:0:0:1]/", "loopback"},
	{"E5", "http://[::127.0.0.1]/", "an IPv4 address inside an IPv6 one"},
	{"E5", "http://[::7f00:1]/", "an IPv4 address inside an IPv6 one"},
	{"E6", "http://[::ffff:127.0.0.1]/", "write 127.0.0.1"},
	{"E6", "http://[::ffff:7f00:1]/", "write 127.0.0.1"},
	{"E6", "http://[::ffff:a9fe:a9fe]/", "write 169.254.169.254"},
	{"E6", "http://[0:0:0:0:0:ffff:10.0.0.1]/", "write 10.0.0.1"},
	{"E7", "http://[64:ff9b::7f00:1]/", "NAT64"},
	{"E7", "http://[64:ff9b:1::7f00:1]/", "NAT64"},
	{"E7", "http://[2002:7f00:1::]/", "6to4"},
	{"E7", "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/", "Teredo"},
	{"E7", "http://[2606:4700::5efe:127.0.0.1]/", "ISATAP"},
	{"E8", "http://[fe80::1]/", "link-local"},
	{"E8", "http://[fe80::1%25eth0]/", "network card"},
	{"E8", "http://[2606:4700::1%25eth0]/", "network card"},
	{"E8", "http://[fc00::1]/", "private"},
	{"E8", "http://[fd00:ec2::254]/", "metadata"},
	{"E8", "http://[ff02::1]/", "multicast"},
	{"E8", "http://[100::1]/", "not a public address"},
	{"E8", "http://[2001:db8::1]/", "documentation"},
	{"E8", "http://[3fff::1]/", "documentation"},
	{"E8", "http://[5f00::1]/", "not a public address"},
	{"E8", "http://[1.2.3.4]/", ""},
	{"E8", "http://[host]/", ""},
	{"E8", "http://[::1/", "cannot be understood"},
	{"E8", "http://::1/", ""},
	{"E9", "http://169.254.169.254/latest/meta-data/", "credentials"},
	{"E9", "http://169.254.170.2/", "credentials"},
	{"E9", "http://100.100.100.200/", "metadata"},
	{"E9", "http://192.0.0.192/", "metadata"},
	{"E9", "http://168.63.129.16/", "host agent of a cloud"},
	{"E9", "http://metadata.google.internal/", "metadata"},
	{"E9", "http://Metadata.Google.Internal./", "metadata"},
	{"E9", "http://instance-data/", "metadata"},
	{"E9", "http://backend:3000/", "local network"},
	{"E9", "http://db.internal/", "local network"},
	{"E9", "http://printer.local/", "local network"},
	{"E10", "http://10.0.0.1/", "10.0.0.1 is a private address; use a public address"},
	{"E10", "http://172.31.255.255/", "private"},
	{"E10", "http://192.168.0.1/", "private"},
	{"E10", "http://100.64.0.1/", "NAT"},
	{"E10", "http://198.18.0.1/", "benchmarking"},
	{"E10", "http://192.0.2.1/", "documentation"},
	{"E10", "http://192.88.99.1/", "not a public address"},
	{"E10", "http://224.0.0.1/", "multicast"},
	{"E10", "http://240.0.0.1/", "reserved"},
	{"E10", "http://255.255.255.255/", "reserved"},
	{"E12", "http://evil@127.0.0.1/", "before the @"},
	{"E12", "http://127.0.0.1@evil/", "before the @"},
	{"E12", "https://user:pass@hooks.example/", "set the endpoint's auth or headers"},
	{"E12", "https://@hooks.example/", "before the @"},
	{"E12", `http://hooks.example\@127.0.0.1/`, "backslash"},
	{"E14", "file:///etc/passwd", "the scheme file cannot be called; use https or http"},
	{"E14", "gopher://h/", "scheme"},
	{"E14", "ftp://h/", "scheme"},
	{"E14", "data:text/plain,x", "scheme"},
	{"E14", "javascript:alert(1)", "scheme"},
	{"E14", "unix:/run/docker.sock", "scheme"},
	{"E14", "http+unix://sock/", "scheme"},
	{"E14", "ws://h/", "scheme"},
	{"E14", "localhost:8080/in", "scheme"},
	{"E14", "//host", "does not begin with https://"},
	{"E14", "/path", "does not begin with https://"},
	{"E14", "hooks.example/in", "does not begin with https://"},
	{"E14", "", "empty"},
	{"E14", "   ", "empty"},
	{"E15", "http:127.0.0.1", "write // after http:"},
	{"E15", "http:/x", "names no host"},
	{"E15", "http:///x", "names no host"},
	{"E15", "http://", "names no host"},
	{"E15", "http://:80/", "names no host"},
	{"E15", "http://?x", "names no host"},
	{"E15", "http://h.example:", "port is empty"},
	{"E15", "http://h.example:/", "port is empty"},
	{"E15", "http://h.example:0/", "port 0 is not a number from 1 to 65535"},
	{"E15", "http://h.example:080/", "from 1 to 65535"},
	{"E15", "http://h.example:99999/", "from 1 to 65535"},
	{"E15", "http://h.example:65536/", "from 1 to 65535"},
	{"E15", "http://h.example:+80/", "cannot be understood"},
	{"E15", "http://h.example:80:80/", ""},
	{"E15", "http://h.example:０８/", "cannot be understood"},
	{"E16", "http://h.example:22/", "port 22 belongs to another protocol"},
	{"E16", "http://h.example:25/", "another protocol"},
	{"E16", "http://h.example:6667/", "another protocol"},
	{"E16", "http://h.example:10080/", "another protocol"},
	{"E17", "http://h.example/a\r\nX: y", "U+000D"},
	{"E17", "http://h.example/a\nb", "U+000A"},
	{"E17", "http://h.example/\t", "U+0009"},
	{"E17", "http://h.example/a b", "write it as %20"},
	{"E17", " http://h.example/", "a space"},
	{"E17", "http://h.example/\x00", "U+0000"},
	{"E17", "http://h.example/\x7f", "U+007F"},
	{"E17", "http://h.example/\u0085", "U+0085"},
	{"E17", "http://h.example/\xff", "UTF-8"},
	{"E17", "http://h.example/%zz", "cannot be understood"},
	{"E17", "http://h.ex%0d%0aample/", "cannot be understood"},
	{"E18", "http://-h.example/", "hyphen"},
	{"E18", "http://h-.example/", "hyphen"},
	{"E18", "http://h..example/", "between two dots"},
	{"E18", "http://.h.example/", "between two dots"},
	{"E18", "http://./", ""},
	{"E18", "http://h!.example/", "letters, digits"},
	{"E18", "http://*.example/", "letters, digits"},
	{"E18", "http://xn--a.example/", "letters, digits"},
	{"E18", "http://" + strings.Repeat("a", 64) + ".example/", "63"},
	{"E18", "http://" + strings.Repeat("abcdefg.", 32) + "example/", "253"},
	{"E18", "http://{tenant}.example/", ""},
	{"E19", "http://h.example/" + strings.Repeat("a", 2049-17), "longer than 2048"},
	{"E19", "http://h.example/?" + strings.Repeat("a", 100<<10), "longer than 2048"},
	{"E19", "http://h.example/" + strings.Repeat("é", 1000), "when escaped"},
	{"E19", "http://h.example/#part", "remove the #"},
	{"E19", "http://h.example/#", "remove the #"},
}

func TestCheckURLRefusesInWords(t *testing.T) {
	d := dialer(t, nil)
	for _, tt := range refused {
		u, err := d.CheckURL(tt.url)
		var refusal *URLError
		if !errors.As(err, &refusal) {
			t.Errorf("%s: CheckURL(%.80q) = %v, %v; want a refusal", tt.row, tt.url, u, err)
			continue
		}
		if !strings.Contains(refusal.Reason, tt.want) {
			t.Errorf("%s: CheckURL(%.80q) says %q, want %q in it", tt.row, tt.url, refusal.Reason, tt.want)
		}
		if len(refusal.Reason) > 256 || !printable(refusal.Reason) {
			t.Errorf("%s: CheckURL(%.80q) says too much: %q", tt.row, tt.url, refusal.Reason)
		}
	}
}

// taken lists URLs that are accepted, with the spelling they get.
var taken = [][2]string{
	{"https://hooks.example", "https://hooks.example"},
	{"https://hooks.example/in?x=1&y=%20", "https://hooks.example/in?x=1&y=%20"},
	{"HTTPS://Hooks.Example:8443/In", "https://hooks.example:8443/In"},
	{"https://hooks.example./in", "https://hooks.example/in"},
	{"https://hooks.example.:80/in", "https://hooks.example:80/in"},
	{"http://8.8.8.8/", "http://8.8.8.8/"},
	{"http://8.8.8.8.:81/", "http://8.8.8.8:81/"},
	{"http://[2606:4700:0:0::1]:81/", "http://[2606:4700::1]:81/"},
	{"http://[2606:4700::ABCD]/", "http://[2606:4700::abcd]/"},
	{"https://bücher.example/é?ü=ß", "https://xn--bcher-kva.example/%C3%A9?%C3%BC=%C3%9F"},
	{"https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"},
	{"https://my_app.r3---sn.example/", "https://my_app.r3---sn.example/"},
	{"https://hooks.example/a%0d%0ab?c=%0d%0a", "https://hooks.example/a%0d%0ab?c=%0d%0a"},
	{"https://hooks.example/a%2Fb//c/../d", "https://hooks.example/a%2Fb//c/../d"},
	{"https://hooks.example/@x:y", "https://hooks.example/@x:y"},
	{"https://hooks.example?", "https://hooks.example?"},
	{"https://0x7f.example/", "https://0x7f.example/"},
	{"https://127.0.0.1.nip.io/", "https://127.0.0.1.nip.io/"}, // a name: the dial refuses it
	{"https://h.example/" + strings.Repeat("a", 2048-18), "https://h.example/" + strings.Repeat("a", 2048-18)},
}

func TestCheckURLKeepsOneSpelling(t *testing.T) {
	d := dialer(t, nil)
	for _, tt := range taken {
		u, err := d.CheckURL(tt[0])
		if err != nil {
			t.Errorf("CheckURL(%.80q) = %v", tt[0], err)
		} else if u.String() != tt[1] {
			t.Errorf("CheckURL(%.80q) = %.80q, want %.80q", tt[0], u, tt[1])
		}
	}
}

func TestCheckURLFollowsThePolicy(t *testing.T) {
	allow := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
	tests := []struct {
		policy Policy
		url    string
		want   string // of the refusal; empty if taken
	}{
		{Policy{Loopback: true}, "http://127.0.0.1:9000/", ""},
		{Policy{Loopback: true}, "http://[::1]:9000/", ""},
		{Policy{Loopback: true}, "http://localhost:9000/", ""},
		{Policy{Loopback: true}, "http://app.localhost./", ""},
		{Policy{Loopback: true}, "http://0.0.0.0/", "unspecified"},
		{Policy{Loopback: true}, "http://127.1/", "four decimal numbers"},
		{Policy{Loopback: true}, "http://127.0.0.1:22/", "another protocol"},
		{Policy{Loopback: true}, "http://10.1.0.1/", "private"},
		{Policy{Loopback: true}, "http://169.254.169.254/", "never called"},
		{Policy{Loopback: true}, "http://metadata.google.internal/", "never called"},
		{Policy{Allow: allow}, "http://10.1.0.1/", ""},
		{Policy{Allow: allow}, "http://10.2.0.1/", "private"},
		{Policy{Allow: allow}, "http://backend:3000/", ""},
		{Policy{Allow: allow}, "http://localhost/", "loopback"},
		{Policy{Allow: allow}, "http://instance-data/", "never called"},
		{Policy{BaseURL: "https://Fanfare.example/"}, "https://fanfare.example/in/src_1", "this server itself"},
		{Policy{BaseURL: "https://fanfare.example"}, "https://FANFARE.example.:443/", "this server itself"},
		{Policy{BaseURL: "https://fanfare.example"}, "https://fanfare.example:8443/", ""},
		{Policy{BaseURL: "http://8.8.8.8:81"}, "http://8.8.8.8:81/", "this server itself"},
		{Policy{BaseURL: "http://localhost:8080", Loopback: true}, "http://localhost:8080/in/src_1", ""},
		{Policy{Listen: []netip.AddrPort{netip.MustParseAddrPort("8.8.8.8:81")}}, "http://8.8.8.8:81/", "this server itself"},
	}
	for _, tt := range tests {
		_, err := dialer(t, &tt.policy).CheckURL(tt.url)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%+v: CheckURL(%s) = %v, want it taken", tt.policy, tt.url, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%+v: CheckURL(%s) = %v, want %q", tt.policy, tt.url, err, tt.want)
		}
	}
}

func TestNewRefusesABaseURLThatIsNone(t *testing.T) {
	for _, s := range []string{"fanfare.example", "ftp://fanfare.example", "https://", "https://127.1", "%"} {
		if _, err := New(&Policy{BaseURL: s}); err == nil {
			t.Errorf("base URL %q was taken", s)
		}
	}
}

func FuzzCheckURL(f *testing.F) {
	for _, tt := range refused {
		f.Add(tt.url)
	}
	for _, tt := range taken {
		f.Add(tt[0])
	}
	d := dialer(f, nil)
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := d.CheckURL(raw)
		if err != nil {
			if !printable(err.Error()) || len(err.Error()) > 512 {
				t.Errorf("CheckURL(%q) says %q", raw, err)
			}
			return
		}
		s := u.String()
		if strings.Trim(s, asciiGraphic) != "" || len(s) > maxURL {
			t.Fatalf("CheckURL(%q) = %q, which no request line can carry", raw, s)
		}
		if again, err := url.Parse(s); err != nil || again.String() != s || again.Host != u.Host {
			t.Fatalf("%q parses to %v, %v", s, again, err)
		}
		if again, err := d.CheckURL(s); err != nil || again.String() != s {
			t.Fatalf("CheckURL takes %q as %q, and that as %v, %v", raw, s, again, err)
		}
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
			if reason := d.refuse(netip.AddrPortFrom(ip, 80)); reason != "" {
				t.Fatalf("CheckURL takes %q but the dial refuses it: %s", raw, reason)
			}
		}
	})
}

const asciiGraphic = "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"

func printable(s string) bool {
	return strings.Trim(s, asciiGraphic+" …") == ""
}
