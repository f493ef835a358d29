package geobooze

import (
	"context"
	"encoding/json"
	"fmt"
	"image"
	_ "image/png"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/examples/agency"
	"github.com/fanfarehq/fanfare/examples/stage"
)

// played is the demo, played through with those flags.
func played(t *testing.T, args ...string) *Seen {
	t.Helper()
	p, opt, out := Demo(), &stage.Options{}, &strings.Builder{}
	if err := p.AllFlags(opt).Parse(append([]string{"-once"}, args...)); err != nil {
		t.Fatal(err)
	}
	if err := p.Perform(t.Context(), opt, out, true); err != nil {
		t.Fatal(err)
	}
	var seen Seen
	if err := json.Unmarshal([]byte(out.String()), &seen); err != nil {
		t.Fatal(err)
	}
	return &seen
}

func TestDemo(t *testing.T) {
	seen := played(t)
	if seen.Records != 4 || seen.ABV != "5.5" || seen.Tried != 4 || seen.Asked != 2 || seen.Updates != 1 || seen.Refused != 0 {
		t.Errorf("seen was %+v; want 4 records, each tried once, two looked up, and one update with 5.5 %%", seen)
	}
	if len(seen.Posts) != 2 {
		t.Fatalf("the channel has %+v, want two posts", seen.Posts)
	}
	full := regexp.MustCompile(`^Bottoms up! A regular just had some Old Granddad at Home\.\nRating: ★★★★☆\nComments: Warms &lt;you&gt; &amp; yours\.\n<http://127\.0\.0\.1:\d+/photos/[-0-9a-f]{36}\|See a photo>$`)
	brief := regexp.MustCompile(`^Bottoms up! A regular just had some Oatmeal stout\.\n<http://127\.0\.0\.1:\d+/records/[-0-9a-f]{36}\|See the record>$`)
	// Endpoints that are not ordered may post the second first.
	texts := map[bool]string{}
	for _, p := range seen.Posts {
		texts[strings.Contains(p.Text, "Granddad")] = p.Text
		if p.Username != "boozebot" {
			t.Errorf("posted by %q", p.Username)
		}
	}
	if !full.MatchString(texts[true]) || !brief.MatchString(texts[false]) {
		t.Errorf("posted was %q", seen.Posts)
	}
}

func TestWithoutAnyGuardHopsEndTheLoop(t *testing.T) {
	seen := played(t, "-unguarded")
	if want := 4 * fanfare.MaxHops; seen.Updates != want || seen.Refused != 4 || seen.Asked != want+4 {
		t.Errorf("%d updates, %d refused, asked %d times; want %d, 4 and %d", seen.Updates, seen.Refused, seen.Asked, want, want+4)
	}
}

// alone runs do with all set up.
func alone(t *testing.T, do func(ctx context.Context, b *bar) error) {
	t.Helper()
	err := stage.Run(t.Context(), &stage.Options{Once: true}, func(ctx context.Context, s *stage.Stage) error {
		b, err := (&settings{}).open(ctx, s)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
		defer cancel()
		return do(ctx, b)
	})
	if err != nil {
		t.Error(err)
	}
}

// Either guard is enough: without the origin in the filter the condition finds that
// there is an ABV.
func TestTheConditionIsAGuardOfItsOwn(t *testing.T) {
	alone(t, func(ctx context.Context, b *bar) error {
		ep, err := b.hub.Endpoint(ctx, b.abv.Application, string(b.abv.ID))
		if err != nil {
			return err
		}
		ep.Filter = ofForm
		if err := b.hub.UpdateEndpoint(ctx, ep); err != nil {
			return err
		}
		if _, err := record(ctx, b.at, map[string]string{KeyPost: "no", KeyName: "House ale"}); err != nil {
			return err
		}
		seen := &Seen{}
		if err := b.settle(ctx, seen); err != nil {
			return err
		}
		stats, err := b.hub.EndpointStats(ctx, ep.Application, ep.ID, time.Time{}, time.Now().Add(time.Hour))
		if seen.Updates != 1 || b.beers.Asked() != 1 || stats[fanfare.Delivered] != 2 {
			t.Errorf("%d updates, asked %d times, deliveries %v; want one, once, and two of which the second does nothing", seen.Updates, b.beers.Asked(), stats)
		}
		return err
	})
}

// What somebody has typed in meanwhile is not undone.
func TestWhoeverIsFasterIsNotOverwritten(t *testing.T) {
	alone(t, func(ctx context.Context, b *bar) error {
		ep, err := b.hub.Endpoint(ctx, b.abv.Application, string(b.abv.ID))
		if err != nil {
			return err
		}
		ep.Paused = true
		if err := b.hub.UpdateEndpoint(ctx, ep); err != nil {
			return err
		}
		id, err := record(ctx, b.at, map[string]string{KeyPost: "no", KeyName: "House ale"})
		if err != nil {
			return err
		}
		rec := &agency.Record{Head: agency.Head{ID: id}}
		if err := b.a.Read(ctx, rec); err != nil {
			return err
		}
		if err := rec.Set(KeyABV, "5"); err != nil {
			return err
		}
		if err := b.a.Update(ctx, agency.Cause{}, rec); err != nil {
			return err
		}
		for (<-b.heard).Type != "record.update" { // until both are accepted
		}
		if ep, err = b.hub.Endpoint(ctx, ep.Application, string(ep.ID)); err != nil {
			return err
		}
		ep.Paused = false
		if err := b.hub.UpdateEndpoint(ctx, ep); err != nil {
			return err
		}
		_, refused, err := b.ended(ctx)
		if err != nil {
			return err
		}
		if err := b.a.Read(ctx, rec); err != nil || rec.Text(KeyABV) != "5" || rec.Version != 2 || refused != 1 {
			t.Errorf("the ABV is %q at version %d, %d updates were refused (%v); want 5, 2 and 1", rec.Text(KeyABV), rec.Version, refused, err)
		}
		return nil
	})
}

func TestTheForm(t *testing.T) {
	alone(t, func(ctx context.Context, b *bar) error {
		if _, err := record(ctx, b.at, map[string]string{KeyName: "House ale"}); err == nil || !strings.Contains(err.Error(), "422") {
			t.Errorf("without saying whether to post it: %v", err)
		}
		id, err := record(ctx, b.at, map[string]string{KeyPost: "no", KeyName: "House ale", KeyABV: "4.8", KeyPhoto: "photo"})
		if err != nil {
			return err
		}
		rec := &agency.Record{Head: agency.Head{ID: id}}
		if err := b.a.Read(ctx, rec); err != nil {
			return err
		}
		resp, err := http.Get(b.at + "/photos/" + rec.Photos(KeyPhoto)[0].PhotoID)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if img, kind, err := image.Decode(resp.Body); err != nil || kind != "png" || img.Bounds().Dx() != 40 {
			t.Errorf("the photo is %s, %v", kind, err)
		}
		return nil
	})
}

func TestRealChannelsAreForPeople(t *testing.T) {
	environment := func(name string) string {
		return map[string]string{"SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T1/B1/x"}[name]
	}
	err := Demo().Perform(t.Context(), &stage.Options{Once: true, Getenv: environment}, &strings.Builder{}, false)
	if err == nil || !strings.Contains(err.Error(), "does not post to real channels") {
		t.Errorf("played by itself with a real webhook: %v", err)
	}
}

func TestWhatIsSeenIsTold(t *testing.T) {
	seen := &Seen{Records: 1, Posts: []Post{{"boozebot", "Bottoms up!\nRating: ★"}}, ABV: "5", Tried: 2, Asked: 1, Updates: 1}
	want := "1 records became 1 posts:\n  boozebot: Bottoms up!\n  Rating: ★\nThe last one's ABV is 5 %. Of 2 deliveries to who looks that up 1 asked; 1 updates were announced, and 0 refused as they had gone round."
	if got := fmt.Sprint(seen); got != want {
		t.Errorf("it is %q", got)
	}
}
