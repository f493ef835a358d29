package front_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare/internal/front"
	"github.com/fanfarehq/fanfare/internal/memnet"
)

// behind returns a server as cmd/fanfare has it.
func behind(words io.Writer) *http.Server {
	return &http.Server{
		Handler:           http.HandlerFunc(echo),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(words, "", 0),
	}
}

// echo answers with all it was given, or as the path says.
func echo(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/panic":
		panic("at the disco")
	case "/abort":
		panic(http.ErrAbortHandler)
	case "/silent":
		return
	case "/nothing":
		w.WriteHeader(http.StatusNoContent)
		return
	case "/unread":
		http.Error(w, "no", http.StatusForbidden)
		return
	case "/leave":
		w.Header().Set("Connection", "close")
	case "/inject":
		w.Header().Set("X-Ignored", "a\r\nX-Other: b")
		w.Header().Set("X Bad", "c")
		w.Header()["X-Two"] = []string{"1", " 2 "}
		w.Header().Set("Content-Length", "3")
		io.WriteString(w, "abc")
		return
	case "/late":
		w.WriteHeader(http.StatusAccepted)
		w.Header().Set("X-Late", "1")
	case "/dated":
		w.Header().Set("Date", "Thu, 01 Jan 1970 00:00:00 GMT")
	}
	body, err := io.ReadAll(r.Body)
	fmt.Fprintln(w, r.Method, r.URL, r.URL.Path, r.URL.RawPath, r.URL.RawQuery, r.RequestURI, r.Proto, r.Host, r.ContentLength, r.TransferEncoding, r.Close)
	r.Header.Write(w)
	fmt.Fprintf(w, "%q %t", body, err != nil)
}

// ask sends the parts to a server, a second apart, and returns all that it says
// until it closes, an hour later at most.
func ask(t *testing.T, serve func(net.Listener) error, parts ...string) string {
	network := memnet.New()
	ln, err := network.Listen("host:80")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- serve(ln) }()
	c, err := network.DialContext(t.Context(), "tcp", "host:80")
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan []byte, 1)
	go func() {
		all, _ := io.ReadAll(c)
		said <- all
	}()
	for _, part := range parts {
		io.WriteString(c, part)
		time.Sleep(time.Second)
	}
	c.(interface{ CloseWrite() error }).CloseWrite()
	time.Sleep(time.Hour)
	c.Close()
	return string(<-said)
}

// both asks net/http and this server, and compares what they answer but for
// the order of fields, up to what this server refuses. It returns the status of
// that, or 0.
func both(t *testing.T, parts ...string) (refused int) {
	synctest.Test(t, func(t *testing.T) {
		var words, theirWords bytes.Buffer
		theirs := behind(&theirWords)
		want := answers(ask(t, theirs.Serve, parts...))
		theirs.Close()
		ours := &front.Server{HTTP: behind(&words)}
		got := answers(ask(t, ours.Serve, parts...))
		ours.Close()
		if n := len(got) - 2; n >= 0 && strings.Contains(got[n], "\nContent-Type: application/json\r\n") {
			_, err := fmt.Sscanf(got[n], "HTTP/1.1 %d", &refused)
			if err != nil || !strings.Contains(got[n], " true\n") || !strings.Contains(got[n], "{\\\"code\\\":\\\"") {
				t.Errorf("to %q it refuses with %s, %v", parts, got[n], err)
			}
			got, want = got[:n], want[:min(n, len(want)-1)]
		} else if (words.Len() > 0) != (theirWords.Len() > 0) {
			t.Errorf("to %q it logs\n%s\nwant\n%s", parts, &words, &theirWords)
		}
		if !slices.Equal(got, want) {
			t.Errorf("to %q it says\n%s\nwant\n%s", parts, got, want)
		}
	})
	return refused
}

// answers tells those that were said on a connection: without dates, which
// are those of a fake clock an hour later, and however their length was told. The
// last is what follows them.
func answers(said string) (all []string) {
	r := bufio.NewReader(strings.NewReader(said))
	for {
		var b strings.Builder
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			rest, _ := io.ReadAll(r)
			return append(all, fmt.Sprintf("%v, %q", err, rest))
		}
		if !strings.Contains(res.Header.Get("Date"), "1970") {
			res.Header.Del("Date")
		}
		res.Header.Del("Content-Length")
		fmt.Fprintln(&b, res.Proto, res.Status, res.Close)
		res.Header.Write(&b)
		body, err := io.ReadAll(res.Body)
		fmt.Fprintf(&b, "%q %v\n", body, err)
		all = append(all, b.String())
	}
}

const plain = "POST /x HTTP/1.1\r\nHost: host\r\nContent-Length: 2\r\n\r\n{}"

const chunked = "POST /x HTTP/1.1\r\nHost: host\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"

var requests = map[string][]string{
	"plain":                    {plain},
	"twice":                    {plain, plain},
	"at once":                  {plain + plain + plain},
	"query":                    {strings.Replace(plain, "/x", "/x?a=b&c=%20d+e", 1)},
	"empty query":              {strings.Replace(plain, "/x", "/x?", 1)},
	"fields":                   {with("Authorization: Bearer x\r\nx-a:1\r\nX-A:  2\t \r\nContent-Type: application/json\r\nConnection: Keep-Alive")},
	"UTF-8":                    {with("X-A: ü")},
	"empty field":              {with("X-A:")},
	"no body":                  {"POST /x HTTP/1.1\r\nHost: host\r\nContent-Length: 0\r\n\r\n", plain},
	"no length":                {"POST /x HTTP/1.1\r\nHost: host\r\n\r\n", plain},
	"body later":               {strings.TrimSuffix(plain, "{}"), "{", "}" + plain},
	"long body":                {strings.Replace(plain, ": 2", ": 60002", 1) + strings.Repeat("x", 60000), plain},
	"body cut short":           {strings.Replace(plain, ": 2", ": 3", 1)},
	"body too late":            {strings.Replace(plain, ": 2", ": 3", 1), "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", plain},
	"then GET":                 {plain, "GET /g HTTP/1.1\r\nHost: host\r\n\r\n", plain},
	"pipelined GET":            {plain + "GET /g HTTP/1.1\r\nHost: host\r\n\r\n" + plain},
	"head in two":              {plain[:20], plain[20:], plain},
	"end of head in two":       {strings.TrimSuffix(plain, "\n{}"), "\n{}" + plain},
	"next begun":               {plain + plain[:9], plain[9:]},
	"PUT":                      {strings.Replace(plain, "POST", "PUT", 1)},
	"post":                     {strings.Replace(plain, "POST", "post", 1)},
	"HTTP/1.0":                 {strings.Replace(plain, "1.1", "1.0", 1), plain},
	"HTTP/2":                   {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
	"no host":                  {"POST /x HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"},
	"empty host":               {"POST /x HTTP/1.1\r\nHost:\r\nContent-Length: 2\r\n\r\n{}"},
	"two hosts":                {with("Host: other")},
	"an empty host first":      {strings.Replace(plain, "Host: host", "Host:\r\nHost: host", 1)},
	"bad host":                 {strings.Replace(plain, "Host: host", "Host: a b", 1)},
	"IPv6":                     {strings.Replace(plain, "Host: host", "Host: [::1]:80", 1)},
	"full URL":                 {strings.Replace(plain, "/x", "http://other/x", 1)},
	"two slashes":              {strings.Replace(plain, "/x", "//x", 1)},
	"escaped":                  {strings.Replace(plain, "/x", "/%41%2f", 1)},
	"badly escaped":            {strings.Replace(plain, "/x", "/%4", 1)},
	"dots":                     {strings.Replace(plain, "/x", "/a/../x", 1)},
	"fragment":                 {strings.Replace(plain, "/x", "/x#y", 1)},
	"asterisk":                 {strings.Replace(plain, "/x", "*", 1)},
	"space":                    {strings.Replace(plain, "/x", "/x y", 1)},
	"two lengths":              {with("Content-Length: 2")},
	"two other lengths":        {with("Content-Length: 3")},
	"a list of lengths":        {strings.Replace(plain, ": 2", ": 2, 2", 1)},
	"signed length":            {strings.Replace(plain, ": 2", ": +2", 1)},
	"negative length":          {strings.Replace(plain, ": 2", ": -2", 1)},
	"zeros in length":          {strings.Replace(plain, ": 2", ": 00002", 1)},
	"huge length":              {strings.Replace(plain, ": 2", ": 99999999999999999999", 1)},
	"chunks":                   {"POST /x HTTP/1.1\r\nHost: host\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", plain},
	"chunks and length":        {with("Transfer-Encoding: chunked")},
	"obscure chunks":           {with("Transfer-Encoding : chunked")},
	"unknown coding":           {with("Transfer-Encoding: gzip")},
	"length and chunks":        {"POST /x HTTP/1.1\r\nHost: host\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + plain},
	"codings":                  {with("Transfer-Encoding: gzip, chunked")},
	"chunks twice":             {strings.Replace(chunked, "\r\n\r\n", "\r\nTransfer-Encoding: chunked\r\n\r\n", 1)},
	"old chunks":               {strings.Replace(chunked, "1.1", "1.0", 1) + plain},
	"chunks in pieces":         {chunked[:60], chunked[60:64], chunked[64:] + chunked + plain},
	"extended chunks":          {strings.Replace(chunked, "\r\n2\r\n", "\r\n02;a=b\r\n", 1) + plain},
	"chunks and trailers":      {strings.TrimSuffix(chunked, "\r\n") + "X-A: b\r\n\r\n" + plain},
	"long chunks":              {strings.Replace(chunked, "\r\n2\r\n{}", "\r\n4e20\r\n"+strings.Repeat("x", 20000), 1) + plain, chunked},
	"chunks, then both":        {chunked + plain + with("Transfer-Encoding: chunked") + plain},
	"GET with a body":          {"GET /g HTTP/1.1\r\nHost: host\r\nContent-Length: 5\r\n\r\nGET /" + plain},
	"folded with a tab":        {with("X-A: 1\r\n\t2")},
	"folded first":             {strings.Replace(plain, "Host", " Host", 1)},
	"a line feed later":        {with("X-A: 1\nX-B: 2")},
	"a carriage return":        {strings.Replace(plain, "\r\nContent", "\rContent", 1)},
	"too long a path":          {strings.Replace(plain, "/x", "/"+strings.Repeat("x", 30000), 1)},
	"a head broken off":        {plain[:30]},
	"trailer of length":        {with("Trailer: Content-Length")},
	"second is bad":            {plain + with("X-A : 1") + plain},
	"second is bad behind GET": {"GET /g HTTP/1.1\r\nHost: host\r\n\r\n" + with("X A: 1") + plain},
	"no old host":              {"GET /g HTTP/1.0\r\n\r\n"},
	"old host":                 {"GET /g HTTP/1.0\r\nHost: host\r\n\r\n"},
	"expect":                   {with("Expect: 100-continue")},
	"expect else":              {with("Expect: x")},
	"upgrade":                  {with("Connection: upgrade\r\nUpgrade: websocket"), plain},
	"close":                    {with("Connection: close"), plain},
	"two connections":          {with("Connection: keep-alive\r\nConnection: close"), plain},
	"trailer":                  {with("Trailer: X"), plain},
	"pragma":                   {with("Pragma: no-cache")},
	"folded":                   {with("X-A: 1\r\n 2")},
	"space before colon":       {with("X-A : 1")},
	"space in name":            {with("X A: 1")},
	"no name":                  {with(": 1")},
	"no colon":                 {with("XA")},
	"line feeds":               {strings.ReplaceAll(plain, "\r\n", "\n"), plain},
	"a line feed":              {strings.Replace(plain, "\r\nContent", "\nContent", 1)},
	"NUL":                      {with("X-A: \x00")},
	"carriage return":          {with("X-A: \r1")},
	"many fields":              {with(strings.Repeat("X-A: 1\r\n", 60) + "X-B: 1")},
	"long fields":              {with("X-A: " + strings.Repeat("a", 5000))},
	"too long fields":          {with("X-A: " + strings.Repeat("a", 50000))},
	"empty lines before":       {"\r\n\r\n" + plain},
	"only an empty line":       {"\r\n\r\n"},
	"garbage":                  {"\x16\x03\x01\x02\x00\x01\x00"},
	"nothing":                  {},
	"a handler that panics":    {strings.Replace(plain, "/x", "/panic", 1), plain},
	"aborts":                   {strings.Replace(plain, "/x", "/abort", 1), plain},
	"says nothing":             {strings.Replace(plain, "/x", "/silent", 1), plain},
	"204":                      {strings.Replace(plain, "/x", "/nothing", 1), plain},
	"does not read":            {strings.Replace(plain, "/x", "/unread", 1), plain},
	"does not read long":       {strings.Replace(strings.Replace(plain, "/x", "/unread", 1), ": 2", ": 100002", 1), strings.Repeat("x", 100000) + plain},
	"wants to close":           {strings.Replace(plain, "/x", "/leave", 1), plain},
	"injects":                  {strings.Replace(plain, "/x", "/inject", 1), plain},
	"comes late":               {strings.Replace(plain, "/x", "/late", 1), plain},
	"dates":                    {strings.Replace(plain, "/x", "/dated", 1)},
}

// refused are those that do not get to net/http.
var refused = map[string]int{
	"HTTP/2": 505, "no host": 400, "two hosts": 400, "an empty host first": 400, "bad host": 400,
	"badly escaped": 400, "space": 400,
	"two lengths": 400, "two other lengths": 400, "a list of lengths": 400, "signed length": 400, "negative length": 400, "huge length": 400,
	"chunks and length": 400, "length and chunks": 400, "obscure chunks": 400, "unknown coding": 501, "codings": 501, "chunks twice": 501, "old chunks": 501, "expect else": 417,
	"folded": 400, "folded with a tab": 400, "folded first": 400, "space before colon": 400, "space in name": 400, "no name": 400, "no colon": 400,
	"line feeds": 400, "a line feed": 400, "a line feed later": 400, "NUL": 400, "carriage return": 400, "a carriage return": 400, "too long fields": 431, "too long a path": 414,
	"empty lines before": 400, "only an empty line": 400, "garbage": 400, "a head broken off": 400,
	"trailer of length": 400, "second is bad": 400, "second is bad behind GET": 400, "chunks, then both": 400, "no old host": 400,
}

// with is plain with a field more.
func with(field string) string {
	return strings.Replace(plain, "Host: host\r\n", "Host: host\r\n"+field+"\r\n", 1)
}

func TestItAnswersAsNetHTTPDoes(t *testing.T) {
	for name, parts := range requests {
		t.Run(name, func(t *testing.T) {
			if got := both(t, parts...); got != refused[name] {
				t.Errorf("refused with %d, want %d", got, refused[name])
			}
		})
	}
}

func FuzzItAnswersAsNetHTTPDoes(f *testing.F) {
	for _, parts := range requests {
		all := strings.Join(parts, "")
		f.Add([]byte(all), len(all)/2)
	}
	f.Fuzz(func(t *testing.T, said []byte, cut int) {
		if cut < 0 || cut > len(said) || len(said) > 64<<10 {
			return
		}
		both(t, string(said[:cut]), string(said[cut:]))
	})
}

// TestWhatIsPlain tells by the address of the log which server answered: only
// this one keeps the client's going away from the handler.
func TestWhatIsPlain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := behind(io.Discard)
		var here []bool
		server.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			here = append(here, r.Context().Value(http.ServerContextKey) == nil)
		})
		ours := &front.Server{HTTP: server}
		defer ours.Close()
		ask(t, ours.Serve, plain, plain+plain, "GET /x HTTP/1.1\r\nHost: host\r\n\r\n", plain)
		if want := []bool{true, true, true, false, false}; !slices.Equal(here, want) {
			t.Errorf("answered here: %v, want %v", here, want)
		}
	})
}
