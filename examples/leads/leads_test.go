package leads

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare/examples/stage"
)

func TestNineteenDepartments(t *testing.T) {
	if len(Departments) != 19 {
		t.Errorf("there are %d departments", len(Departments))
	}
	seen := map[string]bool{}
	for _, d := range Departments {
		if seen[d.Slug] || seen[d.Name] {
			t.Errorf("%s is there twice", d.Name)
		}
		seen[d.Slug], seen[d.Name] = true, true
	}
}

func TestDemo(t *testing.T) {
	p := Demo()
	var out strings.Builder
	opt := &stage.Options{}
	if err := p.AllFlags(opt).Parse([]string{"-once", "-leads", "38"}); err != nil {
		t.Fatal(err)
	}
	if err := p.Perform(t.Context(), opt, &out, true); err != nil {
		t.Fatal(err)
	}
	var seen Seen
	if err := json.Unmarshal([]byte(out.String()), &seen); err != nil {
		t.Fatal(err)
	}
	wanted := 0
	for i, went := range seen.ByName {
		want := 0
		for n := range 38 {
			lead := example(n)
			for _, program := range lead.Programs {
				if program == Departments[i].Slug && (program != "small-business" || lead.Employees < 50) {
					want++
				}
			}
		}
		if wanted += want; went.Department != Departments[i].Name || went.Came != want || want == 0 {
			t.Errorf("%s was sent %d leads, want %d", went.Department, went.Came, want)
		}
	}
	if seen.Leads != 38 || seen.Webhooks != wanted || seen.PollsADay != 5472 {
		t.Errorf("%d leads became %d webhooks, want %d; %d polls a day, want 5472", seen.Leads, seen.Webhooks, wanted, seen.PollsADay)
	}
	if seen.CRM != seen.ByName[0].Came || seen.Table != seen.ByName[1].Came {
		t.Errorf("%d are in the CRM and %d in the table, want %d and %d", seen.CRM, seen.Table, seen.ByName[0].Came, seen.ByName[1].Came)
	}
}

// consumers are those of all departments, whose token is token-SLUG.
func consumers(t *testing.T, crm http.Handler) *Consumers {
	t.Helper()
	server := httptest.NewServer(crm)
	t.Cleanup(server.Close)
	tokens := map[string]string{}
	for _, d := range Departments {
		tokens[d.Slug] = "token-" + d.Slug
	}
	c, err := NewConsumers(t.Context(), tokens, server.URL, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// send sends a lead to a department, with a token shown in that way.
func send(h http.Handler, slug, way, token string) int {
	body := `{"id":"lead-1","company":"A","email":"a@example.com","employees":1,"programs":["bde"]}`
	if way == InBody {
		body = fmt.Sprintf(`{"token":%q,`, token) + body[1:]
	}
	r := httptest.NewRequest("POST", "/"+slug, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	switch way {
	case InBearer:
		r.Header.Set("Authorization", "Bearer "+token)
	case InBasic:
		r.SetBasicAuth(slug, token)
	case InURL:
		r.URL.RawQuery = url.Values{"token": {token}}.Encode()
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code
}

func TestEachDepartmentHasATokenOfItsOwn(t *testing.T) {
	c := consumers(t, &CRM{})
	ways := map[string]int{}
	for _, d := range Departments {
		ways[d.Token]++
		for _, wrong := range []string{"", "token-of-another", "token-" + d.Slug + "x"} {
			if got := send(c, d.Slug, d.Token, wrong); got != 401 {
				t.Errorf("with the token %q in the %s %s answers %d, want 401", wrong, d.Token, d.Name, got)
			}
		}
		for range 2 { // the same lead, as when an answer was lost
			if got := send(c, d.Slug, d.Token, "token-"+d.Slug); got != 200 {
				t.Errorf("with its token in the %s %s answers %d, want 200", d.Token, d.Name, got)
			}
		}
		if got := c.Count(d.Slug); got != (Count{Leads: 1, Refused: 3}) {
			t.Errorf("%s has %+v, want one lead and three refusals", d.Name, got)
		}
	}
	if len(ways) != 4 {
		t.Errorf("tokens are shown in the ways %v, want four", ways)
	}
	if rows, err := c.Rows(t.Context()); rows != 1 || err != nil {
		t.Errorf("the table has %d rows (%v), want 1", rows, err)
	}
	if got := send(c, "nobody", InURL, "x"); got != 404 {
		t.Errorf("a department that there is not answers %d", got)
	}
}

func TestALeadThatCannotBeKeptIsToComeAgain(t *testing.T) {
	c := consumers(t, http.NotFoundHandler())
	if got := send(c, "bde", InBearer, "token-bde"); got != 503 {
		t.Errorf("while the CRM is down, BDE answers %d, want 503", got)
	}
	if got := c.Count("bde"); got.Leads != 0 {
		t.Errorf("it counts %d leads", got.Leads)
	}
}

func TestThePages(t *testing.T) {
	err := stage.Run(t.Context(), &stage.Options{Once: true}, func(ctx context.Context, s *stage.Stage) error {
		c := consumers(t, &CRM{})
		at, err := s.Serve(ctx, 0, c)
		if err != nil {
			return err
		}
		form, _, err := NewForm(ctx, s.Hub, at)
		if err != nil {
			return err
		}
		page, err := s.Serve(ctx, 0, form)
		if err != nil {
			return err
		}
		text := body(t, page+"/", nil)
		if n := strings.Count(text, `type="checkbox" name="program"`); n != 19 {
			t.Errorf("the form offers %d programs", n)
		}
		text = body(t, page+"/", url.Values{"company": {"<i>Evil</i>"}, "email": {"none"}, "employees": {"few"}, "program": {"film", "nothing"}})
		for _, want := range []string{
			"&lt;i&gt;Evil&lt;/i&gt;", "Give an email address", "Give the number of employees", "Choose among the programs", `value="film" checked`,
		} {
			if !strings.Contains(text, want) {
				t.Errorf("what was typed wrongly is shown without %s", want)
			}
		}
		text = body(t, at+"/", nil)
		if !strings.Contains(text, "19 departments that ask every five minutes make 5472 requests a day") {
			t.Errorf("the counters are %s", text)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// body is what a page says, posted to if there is a form.
func body(t *testing.T, address string, form url.Values) string {
	t.Helper()
	ask := http.Get
	if form != nil {
		ask = func(address string) (*http.Response, error) { return http.PostForm(address, form) }
	}
	resp, err := ask(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
