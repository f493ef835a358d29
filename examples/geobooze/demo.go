package geobooze

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/fake"
	"github.com/fanfarehq/fanfare/examples/agency"
	"github.com/fanfarehq/fanfare/examples/stage"
)

// Port is the usual one of the form.
const Port = 8094

// Seen is what came of the records.
type Seen struct {
	Records int    `json:"records"`
	Posts   []Post `json:"posts"`   // in the channel
	Updates int    `json:"updates"` // that were announced, all by who looks up
	ABV     string `json:"abv"`     // of the record that was made without
	Tried   int    `json:"tried"`   // deliveries to who looks up
	Asked   int    `json:"asked"`   // how often the service was
	Refused int    `json:"refused"` // updates, as they had gone round
}

// Post is one in the channel.
type Post struct {
	Username string `json:"username"`
	Text     string `json:"text"`
}

func (s *Seen) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d records became %d posts:\n", s.Records, len(s.Posts))
	for _, p := range s.Posts {
		fmt.Fprintf(&text, "  %s: %s\n", p.Username, strings.ReplaceAll(p.Text, "\n", "\n  "))
	}
	fmt.Fprintf(&text, "The last one's ABV is %s %%. Of %d deliveries to who looks that up %d asked; %d updates were announced, and %d refused as they had gone round.",
		s.ABV, s.Tried, s.Asked, s.Updates, s.Refused)
	return text.String()
}

type settings struct {
	slack     string
	unguarded bool
}

// Demo is the form, the channel and the service, all in one process.
func Demo() *stage.Program {
	p := &settings{}
	return &stage.Program{
		Name: "geobooze", Short: "Record what you drink: Slack hears of it, and its ABV is looked up",
		Long: "Starts a form for drinks. A record whose Post to Slack? is OH YEAH! is posted to a channel,\n" +
			"by an endpoint of the kind slack; one without an ABV is looked up and updated, by one of the\n" +
			"kind lookup, and that update leads to no other. With --slack, or SLACK_WEBHOOK_URL set to an\n" +
			"incoming webhook of yours, the posts are real.",
		Flags: func(flags *flag.FlagSet) {
			flags.StringVar(&p.slack, "slack", "", "an incoming webhook of Slack's to post to; SLACK_WEBHOOK_URL unless told, or one that pretends")
			flags.BoolVar(&p.unguarded, "unguarded", false, "look up the ABV of every change, and see what ends the loop")
		},
		Play: p.play,
	}
}

// A bar is all that the demo has.
type bar struct {
	hub   *fanfare.Hub
	a     *agency.Agency
	beers *Beers
	at    string // of the form
	slack string // of the one that pretends; "": it is real
	heard <-chan agency.Heard
	abv   *fanfare.Endpoint
}

func (p *settings) play(ctx context.Context, s *stage.Stage) (fmt.Stringer, error) {
	if p.slack == "" {
		p.slack = s.Getenv("SLACK_WEBHOOK_URL")
	}
	if s.Once && p.slack != "" {
		return nil, errors.New("--once does not post to real channels; unset SLACK_WEBHOOK_URL, and leave out --slack")
	}
	b, err := p.open(ctx, s)
	if err != nil {
		return nil, err
	}
	s.Say("The form is at     %s/forms/%s\nThe records are at %s/", b.at, Form, b.at)
	if b.slack != "" {
		s.Say("The channel is at  %s/fake/taken", b.slack)
	}
	if s.Once {
		return b.once(ctx)
	}
	agency.Tell(ctx, s, b.heard)
	s.UntilDone(ctx)
	return nil, nil
}

// open sets all up.
func (p *settings) open(ctx context.Context, s *stage.Stage) (*bar, error) {
	b := &bar{hub: s.Hub, beers: &Beers{}}
	ln, err := s.Listen(Port)
	if err != nil {
		return nil, err
	}
	b.at = stage.URL(ln)
	webhook := p.slack
	if webhook == "" {
		if b.slack, err = s.Serve(ctx, 0, fake.Slack()); err != nil {
			return nil, err
		}
		webhook = b.slack + "/services/T1/B1/any"
	}
	beers, err := s.Serve(ctx, 0, b.beers)
	if err != nil {
		return nil, err
	}
	if b.a, err = agency.Open(ctx, s, agency.Options{Owner: "geobooze", Form: form(), Members: drinkers}); err != nil {
		return nil, err
	}
	if _, err := PostToSlack(ctx, b.a, webhook, b.at); err != nil {
		return nil, err
	}
	fill := FillInABV
	if p.unguarded {
		fill = FillInUnguarded
	}
	if b.abv, err = fill(ctx, b.a, beers, b.at); err != nil {
		return nil, err
	}
	if b.heard, err = agency.Receive(ctx, s, b.a); err != nil {
		return nil, err
	}
	s.ServeOn(ctx, ln, b.a)
	return b, nil
}

// once records four drinks by the page: one with all there is to say, one that is
// nobody's business, and two without an ABV, of which the service knows one.
func (b *bar) once(ctx context.Context) (*Seen, error) {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	seen := &Seen{}
	var without string
	for _, one := range []map[string]string{
		{KeyPost: "yes", KeyName: "Old Granddad", KeyABV: "40", KeyVenue: "Home", KeyRating: "4", KeyComments: "Warms <you> & yours.", KeyPhoto: "photo"},
		{KeyPost: "no", KeyName: "Plain lager", KeyABV: "4.9"},
		{KeyPost: "no", KeyName: "Something homemade"},
		{KeyPost: "yes", KeyName: "Oatmeal stout"},
	} {
		id, err := record(ctx, b.at, one)
		if err != nil {
			return nil, err
		}
		seen.Records++
		without = id
	}
	if err := b.settle(ctx, seen); err != nil {
		return nil, err
	}
	rec := &agency.Record{Head: agency.Head{ID: without}}
	if err := b.a.Read(ctx, rec); err != nil {
		return nil, err
	}
	seen.ABV, seen.Asked = rec.Text(KeyABV), b.beers.Asked()
	var err error
	seen.Posts, err = b.posts(ctx)
	return seen, err
}

// settle counts what is announced until nothing can lead to more: all that was stored has
// been heard of, and no delivery waits.
func (b *bar) settle(ctx context.Context, seen *Seen) error {
	for heard := 0; ; {
		versions, err := b.versions(ctx)
		if err != nil {
			return err
		}
		for heard < versions {
			select {
			case e := <-b.heard:
				heard++
				if e.Type == "record.update" {
					seen.Updates++
				}
			case <-ctx.Done():
				return fmt.Errorf("of %d changes %d were heard of: %w", versions, heard, ctx.Err())
			}
		}
		if seen.Tried, seen.Refused, err = b.ended(ctx); err != nil {
			return err
		}
		if now, err := b.versions(ctx); err != nil || now == versions {
			return err
		}
	}
}

// ended waits until no delivery of the application waits. It counts those to who looks
// up, and of these the ones that were given up.
func (b *bar) ended(ctx context.Context) (tried, refused int, err error) {
	eps, err := b.hub.Endpoints(ctx, b.abv.Application, fanfare.Page{Limit: 10})
	if err != nil {
		return 0, 0, err
	}
	for _, ep := range eps {
		stats, err := stage.Settled(ctx, b.hub, ep.Application, ep.ID)
		if err != nil {
			return 0, 0, fmt.Errorf("%s has not ended: %w", ep.UID, err)
		}
		if ep.ID == b.abv.ID {
			tried, refused = stats[fanfare.Delivered]+stats[fanfare.GivenUp], stats[fanfare.GivenUp]
		}
	}
	return tried, refused, nil
}

// versions are how many changes of records were stored.
func (b *bar) versions(ctx context.Context) (n int, err error) {
	all, err := b.a.Records(ctx, agency.Filter{Form: Form})
	for _, rec := range all {
		n += rec.Version
	}
	return n, err
}

// posts are those of the channel, in order.
func (b *bar) posts(ctx context.Context) ([]Post, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.slack+"/fake/taken", nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var posts []Post
	return posts, json.NewDecoder(resp.Body).Decode(&posts)
}
