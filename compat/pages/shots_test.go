package pages_test

import (
	"bytes"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/fanfarehq/fanfare/compat/internal/fanfared"
)

var shots = flag.String("shots", "", "folder to write pictures of all main pages into; see make shots")

// TestShots takes the pictures. It is no test of anything: it is there for people to look
// at what pages are like when there is something in them.
func TestShots(t *testing.T) {
	if *shots == "" {
		t.Skip("-shots names no folder")
	}
	if err := os.MkdirAll(*shots, 0o755); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w := &world{t: t}
	w.rcv = httptest.NewServer(http.HandlerFunc(town))
	t.Cleanup(w.rcv.Close)
	stop := w.serveFrom(dir)
	w.populate()
	stop()
	w.age(dir)
	w.serveFrom(dir)

	var failing, overdue struct{ Data []struct{ ID, MsgID string } }
	w.api("GET", "/app/acme/attempt/endpoint/accounting?status=2&limit=1", "", &failing)
	w.api("GET", "/app/acme/attempt/endpoint/shop?limit=1", "", &overdue)
	if len(failing.Data) == 0 || len(overdue.Data) == 0 {
		t.Fatal("nothing has failed")
	}
	msg, moved := failing.Data[0].MsgID, overdue.Data[0].MsgID
	link := w.link(`{"expiry":86400}`)

	customer := w.tab(true)
	customer.enter(link)
	w.visit(customer, "portal", []string{
		"/portal", "/portal/endpoint/new", "/portal/endpoint/new?kind=poller", "/portal/endpoint/warehouse", "/portal/endpoint/accounting", "/portal/endpoint/shop", "/portal/endpoint/warehouse/settings",
		"/portal/endpoint/warehouse/test", "/portal/endpoint/warehouse/transform", "/portal/endpoint/warehouse/welcome", "/portal/endpoint/shop/confirm/recover", "/portal/endpoint/shop/confirm/delete",
		"/portal/log", "/portal/log?status=2&type=order.*", "/portal/message/" + msg, "/portal/message/" + msg + "/to/accounting", "/portal/message/" + moved + "/to/shop",
		"/portal/catalogue", "/portal/catalogue/order.created", "/portal/settings", "/portal/inbox/start", "/portal/help", "/portal/nowhere",
	})
	operator := w.desk(true)
	for n := range 16 { // to one that takes them, wherever it is: a file
		s := sorts[n%3]
		w.api("POST", "/app/lakeside/msg", `{"eventType":"`+s.name+`","payload":`+s.payload(300+n)+`}`, nil)
	}
	w.keep(operator, kept{"console", "/", "light", 1000})
	operator.open("/inspector")
	operator.press("New bin")
	operator.shows("Send something to this address")
	w.fillBin(operator)
	bin := eval[string](operator, `location.pathname`)
	var src, replay struct{ ID string }
	w.api("POST", "/app/acme/source", `{"name":"Stripe","profile":"stripe","secret":"not-to-be-seen"}`, &src)
	w.api("POST", "/app/lakeside/endpoint/archive/recover", `{"since":"2026-01-02T15:04:05Z"}`, &replay)
	to, till := "/app/acme/message/"+msg, w.sell()
	var told struct{ ID string }
	w.api("POST", "/operational-webhook/endpoint", `{"description":"Alerts to the help desk","url":`+quoted(w.rcv.URL+"/loyalty")+`,"filterTypes":["endpoint.*"],"retry":{"preset":"none"}}`, &told)
	w.api("PATCH", "/app/acme/endpoint/warehouse", `{}`, nil)
	w.visit(operator, "console", []string{
		"/", "/issue", "/issue/muted", "/issue/muted/confirm", "/issue/of/acme/accounting", "/app", "/app?search=nobody", "/app/new", "/app/acme", "/app/acme/settings", "/app/acme/delete", "/app/acme/send", "/app/acme/log", "/app/acme/recover", "/app/acme/link", "/app/acme/inbox",
		"/app/acme/endpoint/accounting", "/app/acme/endpoint/warehouse/settings", "/app/harbour/endpoint/nightly", "/message", "/message?search=ord_1007", to, to + "/to/accounting", to + "/to/accounting/edit",
		"/delivery", "/endpoint", "/endpoint/confirm/resume", "/endpoint/confirm/enable", "/catalogue", "/catalogue/new", "/catalogue/import", "/catalogue/type/order.created", "/source", "/app/acme/source/new", "/app/acme/source/" + src.ID, till, "/recipe", "/recipe/new", "/recipe/github-to-slack", "/queue", "/task", "/task/new", "/task/" + replay.ID,
		"/inspector", bin, bin + "?request=1", bin + "/compare?a=1&b=2", bin + "/request/1/send", "/setting", "/key", "/operational", "/operational/endpoint/" + told.ID, "/audit", "/help", "/go?q=acme",
	})
	w.keep(customer, kept{"delivery", "/portal/message/" + moved + "/to/shop", "light", 860})
	w.keep(customer, kept{"endpoints", "/portal", "dark", 490})
	stranger := w.tab(true)
	w.visit(stranger, "door", []string{"/login", "/portal"})
}

// town is where the customers' endpoints are: most take what they are sent.
func town(rw http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body)
	time.Sleep(time.Duration(20+len(r.Header.Get("Webhook-Id"))%7*9) * time.Millisecond)
	switch r.URL.Path {
	case "/accounting":
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(rw, `{"error":"the ledger is closed for the end of the month","retry_after":"2h"}`)
	case "/shop/old":
		http.Redirect(rw, r, "/shop/hooks", http.StatusMovedPermanently)
	case "/loyalty":
		rw.WriteHeader(http.StatusUnauthorized)
		io.WriteString(rw, "unknown signature")
	case "/analytics":
		if r.Header.Get("Webhook-Id")[len("msg_")+20]%9 == 0 {
			rw.WriteHeader(http.StatusBadGateway)
		}
	default:
		io.WriteString(rw, "ok")
	}
}

// serveFrom starts the server on a folder of data, and returns what stops it.
func (w *world) serveFrom(dir string) (stop func()) {
	w.t.Helper()
	server := fanfared.Start(w.t, &fanfared.Options{Data: dir, Flags: []string{
		"--log-level", "error", "--egress", "203.0.113.7", "--egress", "198.51.100.0/28", "--portal-name", "Shopkeeper", "--files", w.t.TempDir(),
	}})
	w.url = server.URL
	return server.Stop
}

// A sort is an event type of the town's shop system, with the payload of its nth event.
type sort struct {
	name, group, about string
	payload            func(n int) string
}

var sorts = []sort{
	{"order.created", "Orders", "A customer has ordered, and not paid yet.", func(n int) string {
		return fmt.Sprintf(`{"id":"ord_%04d","status":"open","total":%d.90,"currency":"EUR","customer":{"id":"cus_%02d","country":"%s"},"lines":[{"sku":"BOOK-%03d","quantity":%d}]}`, 1000+n, 9+n%60, n%40, []string{"NL", "PT", "SE", "IE"}[n%4], n%120, 1+n%3)
	}},
	{"order.paid", "Orders", "The money for an order has arrived.", func(n int) string {
		return fmt.Sprintf(`{"id":"ord_%04d","status":"paid","total":%d.90,"currency":"EUR","method":"%s"}`, 1000+n, 9+n%60, []string{"card", "transfer"}[n%2])
	}},
	{"order.shipped", "Orders", "A parcel has left the warehouse.", func(n int) string {
		return fmt.Sprintf(`{"id":"ord_%04d","status":"shipped","parcel":"PP%08d","weight":%d}`, 990+n, 4711*n, 200+n%900)
	}},
	{"customer.updated", "Customers", "What is known of a customer has changed.", func(n int) string {
		return fmt.Sprintf(`{"id":"cus_%02d","newsletter":%t,"tags":["regular","%s"]}`, n%40, n%2 == 0, []string{"students", "trade"}[n%2])
	}},
	{"stock.low", "Stock", "There are fewer of something than should be.", func(n int) string {
		return fmt.Sprintf(`{"sku":"BOOK-%03d","left":%d,"warehouse":"north"}`, n%120, n%4)
	}},
	{"invoice.sent", "Invoices", "An invoice was sent.", func(n int) string { return fmt.Sprintf(`{"id":"inv_%05d","total":%d.00}`, 20000+n, 40+n) }},
}

// populate has a few shops with endpoints, to which as much happens as in some hours.
func (w *world) populate() {
	w.api("DELETE", "/app/demo", "", nil)
	for _, s := range sorts {
		w.api("POST", "/event-type", `{"name":"`+s.name+`","groupName":"`+s.group+`","description":"`+s.about+`","examples":[`+s.payload(7)+`],"schemas":{"1":{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"total":{"type":"number","minimum":0},"status":{"enum":["open","paid","shipped"]}}}}}`, nil)
	}
	for i, shop := range []struct{ uid, name string }{{"quiet", "Quiet Records"}, {"harbour", "Harbour Coffee"}, {"lakeside", "Lakeside Cycles"}, {"grocer", "The Green Grocer"}, {"acme", "Acme Books"}} {
		w.api("POST", "/app", `{"name":"`+shop.name+`","uid":"`+shop.uid+`","metadata":{"plan":"`+[]string{"large", "small"}[i%2]+`"}}`, nil)
	}
	for app, all := range map[string][]string{
		"acme": {
			`"uid":"shop","url":"{}/shop/old","description":"Old shop","filterTypes":["order.paid"],"retry":{"preset":"none"}`,
			`"uid":"newsletter","url":"{}/newsletter","description":"Newsletter","filterTypes":["customer.updated"]`,
			`"uid":"analytics","url":"{}/analytics","retry":{"preset":"none"}`,
			`"uid":"accounting","url":"{}/accounting","description":"Accounting","filterTypes":["order.paid","invoice.sent"]`,
			`"uid":"warehouse","url":"{}/warehouse","description":"Warehouse","filterTypes":["order.created","order.paid","stock.low"],"filter":"payload.status == \"open\" || payload.total > 20","headers":{"X-Site":"north"},"rateLimit":200,"auth":{"basic":{"username":"shopkeeper","password":"not-to-be-seen"}}`,
		},
		"harbour": {`"uid":"till","url":"{}/till","description":"Till"`, `"uid":"loyalty","url":"{}/loyalty","description":"Loyalty cards","filterTypes":["customer.*"],"retry":{"preset":"none"}`,
			`"kind":"poller","uid":"nightly","description":"Nightly import","filterTypes":["order.*"]`},
		"lakeside": {`"uid":"workshop","url":"{}/workshop","description":"Workshop","filterTypes":["stock.low"]`, `"kind":"file","uid":"archive","description":"Archive","config":{"path":"lakeside.ndjson"}`},
		"grocer":   {`"uid":"cold","url":"{}/cold-store","description":"Cold store","filterTypes":["stock.low"]`},
	} {
		for _, ep := range all {
			w.api("POST", "/app/"+app+"/endpoint", "{"+strings.ReplaceAll(ep, "{}", w.rcv.URL)+"}", nil)
		}
	}
	for n := range 140 {
		app := []string{"acme", "acme", "harbour", "acme", "lakeside", "acme", "grocer"}[n%7]
		s := sorts[(n*5+n/7)%len(sorts)]
		w.api("POST", "/app/"+app+"/msg", `{"eventType":"`+s.name+`","payload":`+s.payload(n)+`}`, nil)
	}
	w.api("POST", "/app/acme/endpoint/newsletter/pause", `{}`, nil)
	for n := range 6 {
		w.api("POST", "/app/acme/msg", `{"eventType":"customer.updated","payload":`+sorts[3].payload(n)+`}`, nil)
		w.api("POST", "/app/acme/msg", `{"eventType":"order.paid","payload":`+sorts[1].payload(200+n)+`}`, nil)
	}
	w.api("POST", "/app/acme/source", `{"name":"GitHub","profile":"github","secret":"not-to-be-seen"}`, nil)
	w.until(func() bool { // what is there for all messages of the shop has seen each
		var all list[struct{}]
		w.api("GET", "/app/acme/attempt/endpoint/analytics?limit=250", "", &all)
		return len(all.Data) >= 92
	})
	w.api("POST", "/app/lakeside/endpoint", `{"url":"`+w.rcv.URL+`/old-workshop","description":"Old workshop","disabled":true}`, nil)
	w.api("POST", "/api-key", `{"name":"Billing job","scopes":["messages:write"]}`, nil)
}

// age has all that has happened have happened over some hours, the more the later, and at
// addresses that people have.
func (w *world) age(dir string) {
	w.t.Helper()
	script := `
		CREATE TEMP TABLE age AS SELECT id, (17 * n + n * n * 2) * 1000000 AS past FROM (SELECT id, (SELECT max(rowid) FROM message) - rowid AS n FROM message);
		CREATE INDEX temp.aged ON age (id);
		UPDATE message SET created_at = created_at - (SELECT past FROM age WHERE age.id = message.id);
		UPDATE delivery SET created_at = created_at - (SELECT past FROM age WHERE age.id = delivery.message), due_at = due_at + 2400000000;
		UPDATE attempt SET started_at = started_at - (SELECT past FROM age WHERE age.id = attempt.message);
		UPDATE attempt SET next_at = next_at + 2400000000 WHERE next_at > 0;
		UPDATE endpoint SET failing_since = (SELECT min(started_at) FROM attempt WHERE attempt.endpoint = endpoint.id) WHERE failing_since > 0;
		UPDATE endpoint SET created_at = created_at - 86400000000 * 40, url = replace(url, :here, 'https://hooks.acme.example');
		INSERT OR REPLACE INTO tally SELECT at - at % 900000000, zeroblob(16), sum(came), sum(state = 1), sum(state = 2), sum(state IN (0, 2))
			FROM (SELECT created_at AS at, 1 AS came, -1 AS state FROM message UNION ALL SELECT started_at, 0, state FROM attempt) GROUP BY 1;
		DELETE FROM tally WHERE hub <> zeroblob(16);
		DELETE FROM endpoint_tally;
		INSERT INTO endpoint_tally SELECT started_at - started_at % 3600000000, endpoint, zeroblob(16), sum(state = 1), sum(state <> 1) FROM attempt GROUP BY 1, 2;
		UPDATE application SET created_at = created_at - 86400000000 * 60;
		UPDATE attempt SET url = replace(url, :here, 'https://hooks.acme.example'), detail = replace(detail, :here, 'https://hooks.acme.example');`
	db := filepath.Join(dir, "fanfare.db")
	cmd := exec.Command("sqlite3", db, strings.ReplaceAll(script, ":here", "'"+w.rcv.URL+"'"))
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("sqlite3, which these pictures need: %v: %s", err, out)
	}
}

// sell has a till send what it sells to a source, for a recipe to pass on, and returns the
// path of the source's page.
func (w *world) sell() string {
	w.t.Helper()
	w.api("POST", "/app/lakeside/recipe", `{"name":"messages-to-receiver","inputs":{"EVENT_TYPES":"source.*","RECEIVER_URL":`+quoted(w.rcv.URL+"/stock")+`,"WEBHOOK_SECRET":"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}`, nil)
	var till struct{ ID, URL string }
	w.api("POST", "/app/lakeside/source", `{"name":"till","profile":"none"}`, &till)
	for n := range 3 {
		res, err := http.Post(till.URL, "application/json", strings.NewReader(sorts[2].payload(n)))
		if err != nil {
			w.t.Fatal(err)
		}
		res.Body.Close()
	}
	return "/app/lakeside/source/" + till.ID
}

// fillBin sends a few requests to the bin that a tab shows.
func (w *world) fillBin(b *tab) {
	w.t.Helper()
	address := eval[string](b, `document.querySelector(".copyable code").textContent`)
	for n := range 3 {
		r, err := http.NewRequest("POST", address, strings.NewReader(sorts[n].payload(n)))
		if err != nil {
			w.t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-GitHub-Event", "push")
		r.Header.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("ab", 32))
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			w.t.Fatal(err)
		}
		res.Body.Close()
	}
	b.shows("POST")
}

// widths are those of a telephone, a tablet, a laptop and a big screen.
var widths = []int64{360, 768, 1280, 1920}

// visit takes pictures of pages, at all widths, light and dark.
func (w *world) visit(b *tab, part string, paths []string) {
	for i, path := range paths {
		name := fmt.Sprintf("%s-%02d-%s", part, i+1, strings.Trim(strings.NewReplacer("/", "_", "?", "_", "&", "_", "=", "_", "*", "").Replace(path), "_"))
		b.open(path)
		if strings.HasSuffix(path, "/endpoint/new") {
			eval[bool](b, `(document.querySelectorAll("details").forEach(d => d.open = true), true)`)
		}
		for _, width := range widths {
			for _, scheme := range []string{"light", "dark"} {
				b.as(way{scheme, width})
				b.shoot(filepath.Join(*shots, fmt.Sprintf("%s-%s-%d.png", name, scheme, width)))
			}
		}
	}
}

// shoot keeps a picture of the whole page, down to where nobody reads on.
func (b *tab) shoot(file string) {
	b.t.Helper()
	width, height := eval[int64](b, `window.innerWidth`), eval[int64](b, `document.documentElement.scrollHeight`)
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: width, Height: min(max(height, 500), 2600), DeviceScaleFactor: 1})
	raw, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(file, raw, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// A kept is a picture of the upper part of a page.
type kept struct {
	name, path, scheme string
	height             int
}

// keep takes a picture for the README: a small one, in the folder kept.
func (w *world) keep(b *tab, k kept) {
	w.t.Helper()
	b.as(way{k.scheme, 1280})
	b.open(k.path)
	raw, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		raw, err = small(raw, k.height)
	}
	if err == nil {
		err = os.MkdirAll(filepath.Join(*shots, "kept"), 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(*shots, "kept", k.name+".png"), raw, 0o644)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// small is the upper part of a picture, in the colours that it has most of.
func small(raw []byte, height int) ([]byte, error) {
	from, err := png.Decode(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	seen := from.Bounds()
	seen.Max.Y = min(seen.Max.Y, seen.Min.Y+height)
	counts := map[color.RGBA]int{}
	for y := seen.Min.Y; y < seen.Max.Y; y++ {
		for x := seen.Min.X; x < seen.Max.X; x++ {
			counts[color.RGBAModel.Convert(from.At(x, y)).(color.RGBA)]++
		}
	}
	colours := slices.SortedFunc(maps.Keys(counts), func(a, b color.RGBA) int { return counts[b] - counts[a] })
	var p color.Palette
	for _, c := range colours[:min(48, len(colours))] {
		p = append(p, c)
	}
	to := image.NewPaletted(seen, p)
	draw.Draw(to, seen, from, seen.Min, draw.Src)
	var out bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, to)
	return out.Bytes(), err
}
