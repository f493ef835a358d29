package share

import (
	"context"
	"database/sql"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare/examples/stage"
)

// A world is a mirror's file, as a program leaves it, and shares of it.
type world struct {
	t      *testing.T
	dir    string
	shares *Shares
}

func newWorld(t *testing.T, statements ...string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	w.write(`CREATE TABLE bears (id TEXT PRIMARY KEY, n, what, lat, lon, secret)`)
	for _, s := range statements {
		w.write(s)
	}
	var err error
	if w.shares, err = Open(t.Context(), w.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.shares.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// write changes the mirror's file, and closes it again.
func (w *world) write(statement string, args ...any) {
	w.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.dir, "m.db")+"?_pragma=journal_mode(wal)&_pragma=busy_timeout(5000)")
	if err != nil {
		w.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement, args...); err != nil {
		w.t.Fatal(err)
	}
}

// make makes a share of bears.
func (w *world) make(sh Share) (string, *Share) {
	w.t.Helper()
	sh.File, sh.Table = "m.db", "bears"
	token, err := w.shares.Make(w.t.Context(), &sh)
	if err != nil {
		w.t.Fatal(err)
	}
	return "/shares/" + token, &sh
}

// get asks for a path, and wants the status.
func (w *world) get(status int, path string, header ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequest("GET", path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.shares.ServeHTTP(rec, r)
	if rec.Code != status {
		w.t.Errorf("%s is answered %d %s, want %d", path, rec.Code, rec.Body, status)
	}
	return rec
}

func TestDemo(t *testing.T) {
	var out strings.Builder
	if err := Demo().Perform(t.Context(), &stage.Options{Once: true}, &out, true); err != nil {
		t.Fatal(err)
	}
	var seen Seen
	if err := json.Unmarshal([]byte(out.String()), &seen); err != nil {
		t.Fatal(err)
	}
	// A notice is a key and little more; the first report was there before.
	if seen.Changes != 4 || seen.Notices != 4 || seen.Bytes > 4*100 || seen.Copied != 2 || seen.Revoked != 404 {
		t.Errorf("seen was %s", out.String())
	}
	want := "id,version,status,what,bear,latitude,longitude\n" +
		recordID(0) + ",2,needs immediate attention,A bear looked in at the window.,Brown bear / Grizzly,44.427963,-110.588455\n" +
		recordID(1) + `,1,reported,"'=HYPERLINK(""https://bears.example"") was on its tag.",Brown bear / Grizzly,44.527963,-110.588455` + "\n"
	if seen.CSV != want {
		t.Errorf("as CSV it is\n%s, want\n%s", seen.CSV, want)
	}
}

func TestTheRowsAsTheyAreNow(t *testing.T) {
	w := newWorld(t, `INSERT INTO bears VALUES ('b', 7, 'brown', 44.5, -110.5, 'x'), ('a', -2.5, NULL, NULL, NULL, 'y'), ('c', 'seven', 'p,"q"', '1', '999', NULL)`)
	at, sh := w.make(Share{Columns: []string{"n", "what"}, Latitude: "lat", Longitude: "lon"})
	if want := []string{"n", "what", "id", "lat", "lon"}; !slices.Equal(sh.Columns, want) || sh.Key != "id" {
		t.Errorf("it shows %v by %s, want %v", sh.Columns, sh.Key, want)
	}
	rec := w.get(200, at+".json")
	want := `{"columns":["n","what","id","lat","lon"],"key":"id","next":null,"rows":[{"id":"a","lat":null,"lon":null,"n":-2.5,"what":null},{"id":"b","lat":44.5,"lon":-110.5,"n":7,"what":"brown"},{"id":"c","lat":"1","lon":"999","n":"seven","what":"p,\"q\""}],"table":"bears"}` + "\n"
	if rec.Body.String() != want || rec.Header().Get("Content-Type") != "application/json" {
		t.Errorf("as JSON it is %s, want %s", rec.Body, want)
	}
	rec = w.get(200, at+".csv")
	if want := "n,what,id,lat,lon\r\n-2.5,,a,,\r\n7,brown,b,44.5,-110.5\r\nseven,\"p,\"\"q\"\"\",c,1,999\r\n"; rec.Body.String() != want {
		t.Errorf("as CSV it is %q, want %q", rec.Body, want)
	}
	rec = w.get(200, at+".geojson")
	want = `{"features":[{"geometry":null,"id":"a","properties":{"id":"a","n":-2.5,"what":null},"type":"Feature"},` +
		`{"geometry":{"coordinates":[-110.5,44.5],"type":"Point"},"id":"b","properties":{"id":"b","n":7,"what":"brown"},"type":"Feature"},` +
		`{"geometry":null,"id":"c","properties":{"id":"c","n":"seven","what":"p,\"q\""},"type":"Feature"}],"next":null,"type":"FeatureCollection"}` + "\n"
	if rec.Body.String() != want || rec.Header().Get("Content-Type") != "application/geo+json" {
		t.Errorf("as GeoJSON it is %s, want %s", rec.Body, want)
	}
	if got := w.get(200, at+".json?key=b").Body.String(); !strings.Contains(got, `"id":"b"`) || strings.Contains(got, `"id":"a"`) {
		t.Errorf("the row b is %s", got)
	}
	w.write(`UPDATE bears SET what = 'polar' WHERE id = 'b'`)
	if got := w.get(200, at+".json?key=b").Body.String(); !strings.Contains(got, "polar") {
		t.Errorf("after an update the row is %s", got)
	}
}

func TestWhatHasNotChangedIsNotSentAgain(t *testing.T) {
	w := newWorld(t, `INSERT INTO bears (id) VALUES ('a')`)
	at, _ := w.make(Share{})
	etag := w.get(200, at+".json").Header().Get("ETag")
	if got := w.get(304, at+".json", "If-None-Match", `"other", W/`+etag); got.Body.Len() > 0 || got.Header().Get("ETag") != etag {
		t.Errorf("304 has %v %s", got.Header(), got.Body)
	}
	w.write(`INSERT INTO bears (id) VALUES ('b')`)
	w.get(200, at+".json", "If-None-Match", etag)
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	w.write(`CREATE TABLE many (id INTEGER PRIMARY KEY, text)`)
	w.write(`WITH RECURSIVE n(i) AS (SELECT -3 UNION ALL SELECT i + 1 FROM n WHERE i < 2500) INSERT INTO many SELECT i, 'row ' || i FROM n`)
	sh := &Share{File: "m.db", Table: "many"}
	token, err := w.shares.Make(t.Context(), sh)
	if err != nil {
		t.Fatal(err)
	}
	var sizes []int
	last, path := int64(-4), ""
	for next := new(string); next != nil; {
		var p struct {
			Rows []struct{ ID int64 }
			Next *string
		}
		rec := w.get(200, "/shares/"+token+".json"+path)
		if err := json.Unmarshal(rec.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		for _, row := range p.Rows {
			if row.ID != last+1 {
				t.Fatalf("behind %d comes %d", last, row.ID)
			}
			last = row.ID
		}
		sizes = append(sizes, len(p.Rows))
		if next = p.Next; next != nil {
			path = "?after=" + *next
		}
		if (rec.Header().Get("Link") != "") != (next != nil) {
			t.Errorf("Link is %q, next %v", rec.Header().Get("Link"), next)
		}
	}
	if last != 2500 || !slices.Equal(sizes, []int{1000, 1000, 504}) {
		t.Errorf("pages have %v rows, up to %d", sizes, last)
	}

	// A page has at most so many bytes, but for one row.
	w.write(`UPDATE many SET text = printf('%.*c', 3000000, 'x') WHERE id < 0`)
	rec := w.get(200, "/shares/"+token+".csv")
	rows, err := csv.NewReader(rec.Body).ReadAll()
	if err != nil || len(rows) != 2 || !strings.HasPrefix(rec.Header().Get("Link"), "<?after=") {
		t.Errorf("a page of large rows has %d lines, %v, and the link %q", len(rows), err, rec.Header().Get("Link"))
	}
}

func TestWhatASpreadsheetWouldTakeForAFormula(t *testing.T) {
	for text, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", " =1": "' =1", "\n=1": "'\n=1", "＝1": "'＝1", "\ufeff=1": "'\ufeff=1",
		"": "", "a=1": "a=1", "1-2": "1-2", "'=1": "'=1", "é": "é",
	} {
		if got := cell(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	if got := cell(int64(-5)) + cell(-0.25); got != "-5-0.25" {
		t.Errorf("numbers below zero become %q", got)
	}
}

func TestTokensOpenOneShareUntilItIsRevoked(t *testing.T) {
	w := newWorld(t, `INSERT INTO bears (id) VALUES ('a')`)
	one, sh := w.make(Share{})
	other, _ := w.make(Share{})
	if one == other || len(one) != len("/shares/")+43 {
		t.Errorf("the addresses are %s and %s", one, other)
	}
	raw, err := w.shares.own.QueryContext(t.Context(), `SELECT token_hash || body FROM share`)
	if err != nil {
		t.Fatal(err)
	}
	for raw.Next() {
		var kept string
		if err := raw.Scan(&kept); err != nil || strings.Contains(kept, one[8:]) || strings.Contains(kept, other[8:]) {
			t.Errorf("the token is kept: %q, %v", kept, err)
		}
	}
	raw.Close()
	if err := w.shares.Revoke(t.Context(), sh.ID); err != nil {
		t.Fatal(err)
	}
	w.get(404, one+".json")
	w.get(200, other+".json")
	if err := w.shares.Revoke(t.Context(), sh.ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("revoked again: %v", err)
	}
	if all, err := w.shares.List(t.Context()); err != nil || len(all) != 1 || all[0].Table != "bears" {
		t.Errorf("there are %v, %v", all, err)
	}
	for _, path := range []string{"/", "/shares/", "/shares/.json", other, other + ".xml", other + "x.json", "/shares/../m.db"} {
		w.get(404, path)
	}
	w.get(400, other+".geojson")
	w.get(400, other+".json?limit=1001")
	w.get(400, other+".json?limit=0")
	w.get(400, other+".json?after=nonsense")
	w.get(400, other+".json?where=1")
	rec := httptest.NewRecorder()
	w.shares.ServeHTTP(rec, httptest.NewRequest("POST", other+".json", nil))
	if rec.Code != 405 {
		t.Errorf("POST is answered %d", rec.Code)
	}
	// A table that is gone, or has other columns, is no share any more.
	w.write(`ALTER TABLE bears DROP COLUMN secret`)
	w.get(404, other+".json")
}

func TestWhatIsNotShared(t *testing.T) {
	w := newWorld(t, `CREATE TABLE fanfare_mirror (id)`)
	for _, c := range []struct {
		sh   Share
		says string
	}{
		{Share{File: "../m.db", Table: "bears"}, "without a folder"},
		{Share{File: "none.db", Table: "bears"}, "is not in"},
		{Share{File: "m.db", Table: "none"}, "is not in m.db"},
		{Share{File: "m.db", Table: "fanfare_mirror"}, "none that is shown"},
		{Share{File: "m.db", Table: "SQLITE_master"}, "none that is shown"},
		{Share{File: "shares.sqlite", Table: "share"}, "none that is shown"},
		{Share{File: "m.db", Table: "bears", Key: "nothing"}, "is none of bears"},
		{Share{File: "m.db", Table: "bears", Columns: []string{`what" FROM bears --`}}, "is none of bears"},
		{Share{File: "m.db", Table: "bears", Latitude: "lat"}, "go together"},
	} {
		var invalid *InvalidError
		if _, err := w.shares.Make(t.Context(), &c.sh); !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want one that says %q", c.sh, err, c.says)
		}
	}
	for range maxShares {
		w.make(Share{})
	}
	if _, err := w.shares.Make(t.Context(), &Share{File: "m.db", Table: "bears"}); !errors.Is(err, ErrTooMany) {
		t.Errorf("one more than there may be: %v", err)
	}
}

func TestTheConsumerWaitsForTheShare(t *testing.T) {
	w := newWorld(t, `ALTER TABLE bears ADD COLUMN version`)
	at, _ := w.make(Share{})
	server := httptest.NewServer(w.shares)
	defer server.Close()
	c := NewConsumer("t", server.URL+at+".json")
	tell := func(want int, kind string, version int) {
		t.Helper()
		r := httptest.NewRequest("POST", "/", strings.NewReader(fmt.Sprintf(`{"type":%q,"key":"a","version":%d}`, kind, version)))
		r.Header.Set("Authorization", "Bearer t")
		rec := httptest.NewRecorder()
		if c.ServeHTTP(rec, r); rec.Code != want {
			t.Errorf("%s of version %d is answered %d %s, want %d", kind, version, rec.Code, rec.Body, want)
		}
	}
	tell(503, "record.create", 1)
	w.write(`INSERT INTO bears (id, version) VALUES ('a', 1)`)
	tell(200, "record.create", 1)
	tell(503, "record.update", 2)
	w.write(`UPDATE bears SET version = 3`)
	tell(200, "record.update", 2) // which is older than what is there
	tell(503, "record.delete", 3)
	if got := fmt.Sprint(c.Rows()["a"]["version"]); got != "3" {
		t.Errorf("the copy is at version %s", got)
	}
	w.write(`DELETE FROM bears`)
	tell(200, "record.delete", 3)
	tell(503, "record.update", 2) // it may be that it has not come yet
	w.write(`CREATE TABLE fanfare_mirror (mirrored, record, deleted)`)
	w.write(`INSERT INTO fanfare_mirror VALUES ('bears', 'a', 1)`)
	tell(200, "record.update", 2) // it was, and is not any more
	if len(c.Rows()) != 0 {
		t.Errorf("the copy has %v", c.Rows())
	}
	rec := httptest.NewRecorder()
	if c.ServeHTTP(rec, httptest.NewRequest("POST", "/", strings.NewReader("{}"))); rec.Code != 401 {
		t.Errorf("without the token it answers %d", rec.Code)
	}
}

// said runs a command, and returns what it prints.
func (w *world) said(args ...string) (out, words string, err error) {
	var o, e strings.Builder
	err = Command(w.t.Context(), append([]string{args[0], "-dir", w.dir}, args[1:]...), &o, &e)
	return o.String(), e.String(), err
}

func TestTheCommand(t *testing.T) {
	w := newWorld(t, `INSERT INTO bears (id, what) VALUES ('a', 'brown')`)
	path, _, err := w.said("make", "-file", "m.db", "-table", "bears", "-columns", "id,what")
	if err != nil {
		t.Fatal(err)
	}
	listed, _, err := w.said("list")
	var sh Share
	if err != nil || json.Unmarshal([]byte(listed), &sh) != nil || !slices.Equal(sh.Columns, []string{"id", "what"}) {
		t.Errorf("list prints %s (%v)", listed, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	words, ended := &said{at: make(chan string, 1)}, make(chan error, 1)
	go func() {
		ended <- Command(ctx, []string{"serve", "-dir", w.dir, "-listen", "127.0.0.1:0"}, words, words)
	}()
	at := strings.TrimSuffix(<-words.at, "/shares/")
	if status, body, err := read(t.Context(), at+strings.TrimSpace(path)); status != 200 || !strings.Contains(body, `"what":"brown"`) {
		t.Errorf("it shows %d %s (%v)", status, body, err)
	}
	if _, _, err := w.said("revoke", sh.ID); err != nil {
		t.Error(err)
	}
	if status, _, err := read(t.Context(), at+strings.TrimSpace(path)); status != 404 {
		t.Errorf("once it is revoked it answers %d (%v)", status, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stopped, serve returned %v", err)
	}
	for _, args := range [][]string{{"revoke"}, {"revoke", "share_none"}, {"show"}, {"make", "-table", "bears"}, {"list", "all"}, {"make", "-color", "red"}} {
		if _, _, err := w.said(args...); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}

// said is where a command says where it listens.
type said struct{ at chan string }

func (s *said) Write(p []byte) (int, error) {
	if _, at, ok := strings.Cut(strings.TrimSpace(string(p)), "Shares are at "); ok {
		s.at <- at
	}
	return len(p), nil
}
