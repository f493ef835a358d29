package weather

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare/examples/agency"
	"github.com/fanfarehq/fanfare/examples/stage"
)

// madeUp is the weather as the fake makes it up for the hour nearest to a sighting.
func madeUp(s *Sighting) (temperature, humidity, pressure string) {
	hour := float64(s.At.Round(time.Hour).UTC().Hour())
	text := func(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
	return text(math.Round((30-math.Abs(*s.Latitude)/2+hour)*10) / 10), text((40 + hour) / 100), text(1000 + hour/2)
}

func TestDemo(t *testing.T) {
	p, opt, out := Demo(), &stage.Options{Once: true}, &strings.Builder{}
	if err := p.Perform(t.Context(), opt, out, true); err != nil {
		t.Fatal(err)
	}
	var seen Seen
	if err := json.Unmarshal([]byte(out.String()), &seen); err != nil {
		t.Fatal(err)
	}
	if len(seen.Records) != 3 || seen.Updates != 2 {
		t.Fatalf("seen was %s, want three records and two updates", out)
	}
	for i, want := range []string{"A heron", "A lynx"} {
		r := seen.Records[i]
		temperature, humidity, pressure := madeUp(&r)
		if r.What != want || r.Summary == "" || r.Temperature != temperature || r.Humidity != humidity || r.Pressure != pressure || r.Version != 2 {
			t.Errorf("%s is %+v; want %s °C, %s and %s hPa, at version 2", want, r, temperature, humidity, pressure)
		}
	}
	if r := seen.Records[2]; r.What != "A rumour" || r.Summary != "" || r.Version != 1 || r.Result != "nothing to do: it has no coordinates" {
		t.Errorf("without coordinates it is %+v", r)
	}
}

// A PUT takes nothing away: neither who it was assigned to, nor where and when it was.
func TestWhatWasThereStays(t *testing.T) {
	err := stage.Run(t.Context(), &stage.Options{Once: true}, func(ctx context.Context, s *stage.Stage) error {
		st, err := open(ctx, s, false)
		if err != nil {
			return err
		}
		lat, lon, high, at := 27.773, -82.639, 12.5, time.Now().Add(-2*time.Hour).UTC().Truncate(time.Second)
		to := agency.Rangers[1].ID
		rec := &agency.Record{FormID: Form, Latitude: &lat, Longitude: &lon, Altitude: &high, AssignedToID: &to, ClientCreatedAt: at, ClientUpdatedAt: at.Add(time.Minute)}
		if err := rec.Set(KeyWhat, `A "heron"`); err != nil {
			return err
		}
		if err := st.a.Create(ctx, agency.Cause{By: agency.Rangers[0].ID}, rec); err != nil {
			return err
		}
		for (<-st.heard).Type != "record.update" {
		}
		now := &agency.Record{Head: agency.Head{ID: rec.ID}}
		if err := st.a.Read(ctx, now); err != nil {
			return err
		}
		if now.Text(KeySummary) == "" || now.Text(KeyWhat) != `A "heron"` || *now.Altitude != high || *now.AssignedToID != to || now.CreatedBy != "Ranger North" ||
			!now.ClientCreatedAt.Equal(at) || !now.ClientUpdatedAt.Equal(at.Add(time.Minute)) || *now.Latitude != lat || *now.Longitude != lon {
			t.Errorf("it has become %+v", now)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestTheRealOneIsAskedForTheAsking(t *testing.T) {
	for real, want := range map[bool]bool{false: true, true: false} {
		err := stage.Run(t.Context(), &stage.Options{Once: true}, func(ctx context.Context, s *stage.Stage) error {
			st, err := open(ctx, s, real)
			if err == nil && strings.Contains(string(st.ep.Config), `"forecastUrl":"http://127.0.0.1`) != want {
				t.Errorf("with --real %v the config is %s", real, st.ep.Config)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestWhatIsSeenIsTold(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	seen := &Seen{Updates: 1, Records: []Sighting{
		{What: "A heron", At: at, Summary: "Clear", Temperature: "19.5", Humidity: "0.43", Pressure: "1001.5"}, {What: "A rumour", At: at, Result: "nothing to do"},
	}}
	want := "A heron, 2026-01-02 03:04 UTC: Clear, 19.5 °C, humidity 0.43, 1001.5 hPa\nA rumour, 2026-01-02 03:04 UTC: no weather (nothing to do)\n1 updates were announced, and led to nothing."
	if got := fmt.Sprint(seen); got != want {
		t.Errorf("it is %q", got)
	}
}
