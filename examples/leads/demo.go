package leads

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/examples/stage"
)

// Port is the usual one of the form; the departments are beside it.
const Port = 8091

// Seen is where leads have gone.
type Seen struct {
	Leads     int    `json:"leads"`
	Webhooks  int    `json:"webhooks"`
	ByName    []Went `json:"departments"`
	CRM       int    `json:"crm"`
	Table     int    `json:"table"`
	PollsADay int    `json:"pollsADay"` // that the departments would make otherwise
}

// Went is how many leads a department was to hear of, and has heard of.
type Went struct {
	Department string `json:"department"`
	Wanted     int    `json:"wanted"`
	Came       int    `json:"came"`
}

func (s *Seen) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d leads became %d webhooks, each for a department that the lead names:\n", s.Leads, s.Webhooks)
	for _, w := range s.ByName {
		fmt.Fprintf(&text, "  %-16s %3d of %d\n", w.Department, w.Came, w.Wanted)
	}
	fmt.Fprintf(&text, "%d are leads in a CRM, %d rows of a table.\n", s.CRM, s.Table)
	fmt.Fprintf(&text, "Asking every five minutes, the departments would make %d requests a day.", s.PollsADay)
	return text.String()
}

// Demo is the form and the departments.
func Demo() *stage.Program {
	leads := 40
	return &stage.Program{
		Name: "leads", Short: "A form whose leads go to those of 19 departments that they concern",
		Long: "Starts a form for businesses, and the receivers of 19 departments. Each has an endpoint\n" +
			"with a URL and a token of its own, and hears of the leads that name its program. One\n" +
			"creates them in a CRM, one keeps them in a database.",
		Flags: func(flags *flag.FlagSet) {
			flags.IntVar(&leads, "leads", leads, "with --once, how many leads are filed")
		},
		Check: func() error {
			if leads < 1 || leads > 10_000 {
				return errors.New("--leads is a number from 1 to 10000")
			}
			return nil
		},
		Play: func(ctx context.Context, s *stage.Stage) (fmt.Stringer, error) { return play(ctx, s, leads) },
	}
}

func play(ctx context.Context, s *stage.Stage, leads int) (fmt.Stringer, error) {
	page, err := s.Listen(Port)
	if err != nil {
		return nil, err
	}
	hooks, err := s.Listen(Port + 1)
	if err != nil {
		return nil, err
	}
	crm := &CRM{}
	crmAt, err := s.Serve(ctx, 0, crm)
	if err != nil {
		return nil, err
	}
	form, tokens, err := NewForm(ctx, s.Hub, stage.URL(hooks))
	if err != nil {
		return nil, err
	}
	consumers, err := NewConsumers(ctx, tokens, crmAt, s.Dir)
	if err != nil {
		return nil, err
	}
	s.AtEnd(consumers.Close)
	s.ServeOn(ctx, hooks, consumers)
	s.ServeOn(ctx, page, form)
	s.Say("The form is at         %s/\nThe counters are at    %s/\nThe CRM's leads are at %s/api/leads", stage.URL(page), stage.URL(hooks), crmAt)
	if !s.Once {
		s.UntilDone(ctx)
		return nil, nil
	}
	return once(ctx, s.Hub, stage.URL(page), leads, consumers, crm)
}

// once files leads by the form and waits until the departments have them.
func once(ctx context.Context, hub *fanfare.Hub, at string, leads int, c *Consumers, crm *CRM) (*Seen, error) {
	seen := &Seen{Leads: leads, ByName: make([]Went, len(Departments)), PollsADay: len(Departments) * pollsADay}
	for n := range leads {
		lead := example(n)
		if err := post(ctx, at, lead); err != nil {
			return nil, err
		}
		for i := range Departments {
			seen.ByName[i].Department = Departments[i].Name
			if lead.wantedBy(&Departments[i]) {
				seen.ByName[i].Wanted++
				seen.Webhooks++
			}
		}
	}
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	for came := 0; came < seen.Webhooks; {
		select {
		case <-c.Arrived():
		case <-ctx.Done():
			return nil, fmt.Errorf("%d of %d leads came: %w", came, seen.Webhooks, ctx.Err())
		}
		came = 0
		for i := range Departments {
			seen.ByName[i].Came = c.Count(Departments[i].Slug).Leads
			came += seen.ByName[i].Came
		}
	}
	return seen, settle(ctx, hub, seen, c, crm)
}

// settle sees to it that nothing else was on its way, and looks where leads are kept.
func settle(ctx context.Context, hub *fanfare.Hub, seen *Seen, c *Consumers, crm *CRM) (err error) {
	app, err := hub.ApplicationID(ctx, Application)
	if err != nil {
		return err
	}
	for i, d := range Departments {
		ep, err := hub.Endpoint(ctx, app, d.Slug)
		if err != nil {
			return err
		}
		stats, err := hub.EndpointStats(ctx, app, ep.ID, time.Time{}, time.Now().Add(time.Hour))
		if err != nil {
			return err
		}
		sent := 0
		for _, n := range stats {
			sent += n
		}
		if sent != seen.ByName[i].Wanted {
			return fmt.Errorf("%s was to be sent %d leads, and was sent %d", d.Name, seen.ByName[i].Wanted, sent)
		}
	}
	seen.CRM = crm.Leads()
	seen.Table, err = c.Rows(ctx)
	return err
}

// example is the nth lead of those that are filed: it names one to three programs.
func example(n int) *Lead {
	all := len(Departments)
	programs := []string{Departments[n%all].Slug, Departments[(n*7+3)%all].Slug, Departments[(n*11+5)%all].Slug}
	slices.Sort(programs)
	return &Lead{
		Company: fmt.Sprintf("Company %d", n+1), Email: fmt.Sprintf("office%d@example.com", n+1),
		Employees: n * 13 % 100, Programs: slices.Compact(programs), Message: "Call us back.",
	}
}

var client = &http.Client{Timeout: 10 * time.Second}

// post files a lead as a browser does.
func post(ctx context.Context, at string, l *Lead) error {
	values := url.Values{
		"company": {l.Company}, "email": {l.Email}, "employees": {fmt.Sprint(l.Employees)}, "program": l.Programs, "message": {l.Message},
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at+"/", strings.NewReader(values.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || !resp.Request.URL.Query().Has("filed") {
		return fmt.Errorf("the form answers %s", resp.Status)
	}
	return nil
}
