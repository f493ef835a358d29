package fanfarehttp_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/fanfarehttp"
	"github.com/fanfarehq/fanfare/storetest"
)

var key = fanfarehttp.NewKey()

// mounted is a program's server that has the API at /webhooks/.
func mounted(t *testing.T, opt *fanfarehttp.Options) (base string) {
	t.Helper()
	store := storetest.NewModel()
	api, err := fanfarehttp.New(fanfare.New(store, nil), store, key, opt)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "the program's") })
	mux.Handle("/webhooks/", http.StripPrefix("/webhooks", api))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

func ask(t *testing.T, method, at, key, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, at, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestTheAPIIsBelowThePathItIsMountedAt(t *testing.T) {
	base := mounted(t, nil)
	for _, c := range []struct {
		method, path, key, body string
		status                  int
		has                     string
	}{
		{"POST", "/webhooks/api/v1/app", key, `{"name":"Acme","uid":"a.b"}`, 201, `"uid":"a.b"`},
		{"GET", "/webhooks/api/v1/app/a.b/", key, "", 200, `"name":"Acme"`},
		{"GET", "/webhooks/api/v1/app/a%2Fb", key, "", 404, "not_found"},
		{"GET", "/webhooks/api/v1/app", "fan_admin_not_this_one", "", 401, "authentication_failed"},
		{"GET", "/webhooks/api/v1/health", "", "", 204, ""},
		{"GET", "/webhooks/", key, "", 404, "not_found"},
		{"POST", "/webhooks/in/nobody", "", "{}", 404, "There is nothing at this address; check it"},
		{"GET", "/api/v1/app", key, "", 200, "the program's"},
	} {
		if status, body := ask(t, c.method, base+c.path, c.key, c.body); status != c.status || !strings.Contains(body, c.has) {
			t.Errorf("%s %s: %d %s; want %d with %q", c.method, c.path, status, body, c.status, c.has)
		}
	}
}

// A client that reads the document must arrive at the API.
func TestTheDocumentSaysWhereTheAPIIs(t *testing.T) {
	base := mounted(t, nil)
	if got := serverOf(t, base); got != base+"/webhooks/" {
		t.Errorf("without a PublicURL it is at %s; want %s", got, base+"/webhooks/")
	}
	base = mounted(t, &fanfarehttp.Options{PublicURL: "https://example.com/webhooks/"})
	if got := serverOf(t, base); got != "https://example.com/webhooks" {
		t.Errorf("with a PublicURL it is at %s", got)
	}
}

// serverOf reads the document, and what its server's URL comes to.
func serverOf(t *testing.T, base string) string {
	t.Helper()
	at := base + "/webhooks/openapi.json"
	_, text := ask(t, "GET", at, "", "")
	var doc struct{ Servers []struct{ URL string } }
	if err := json.Unmarshal([]byte(text), &doc); err != nil || len(doc.Servers) != 1 {
		t.Fatalf("%v, servers %v", err, doc.Servers)
	}
	from, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	to, err := from.Parse(doc.Servers[0].URL)
	if err != nil {
		t.Fatal(err)
	}
	return to.String()
}

func TestOptionsThatCannotBeObeyed(t *testing.T) {
	for field, c := range map[string]struct {
		key string
		opt fanfarehttp.Options
	}{
		"key":       {key: "too short"},
		"publicUrl": {key, fanfarehttp.Options{PublicURL: "example.com/webhooks"}},
	} {
		var invalid *fanfare.InvalidError
		if _, err := fanfarehttp.New(fanfare.New(storetest.NewModel(), nil), storetest.NewModel(), c.key, &c.opt); !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%v; want a mistake in %s", err, field)
		}
	}
}
