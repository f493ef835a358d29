package weather

import (
	"context"
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
const Port = 8095

// Seen are the records, once the weather is on them.
type Seen struct {
	Records []Sighting `json:"records"`
	Updates int        `json:"updates"` // that were announced
}

// Sighting is a record. Without coordinates it has no weather.
type Sighting struct {
	What        string    `json:"what"`
	At          time.Time `json:"client_created_at"`
	Latitude    *float64  `json:"latitude"`
	Longitude   *float64  `json:"longitude"`
	Summary     string    `json:"wx_summary,omitempty"`
	Temperature string    `json:"wx_air_temperature,omitempty"`
	Humidity    string    `json:"wx_relative_humidity,omitempty"`
	Pressure    string    `json:"wx_barometric_pressure,omitempty"`
	Version     int       `json:"version"`
	Result      string    `json:"result"` // of the attempt, in its words; "": an answer's status
}

func (s *Seen) String() string {
	var text strings.Builder
	for _, r := range s.Records {
		fmt.Fprintf(&text, "%s, %s: ", r.What, r.At.UTC().Format("2006-01-02 15:04 UTC"))
		if r.Summary == "" {
			fmt.Fprintf(&text, "no weather (%s)\n", r.Result)
			continue
		}
		fmt.Fprintf(&text, "%s, %s °C, humidity %s, %s hPa\n", r.Summary, r.Temperature, r.Humidity, r.Pressure)
	}
	fmt.Fprintf(&text, "%d updates were announced, and led to nothing.", s.Updates)
	return text.String()
}

// Demo is the form, and what writes the weather on its records.
func Demo() *stage.Program {
	actual := false
	return &stage.Program{
		Name: "weather", Short: "Record what you see outdoors: the weather is written on it",
		Long: "Starts a form with places and times. An endpoint of the kind weather looks up what the\n" +
			"weather was there and then, and writes that on the record by a PUT. Records without\n" +
			"coordinates are left alone. The weather is made up; with --real it is Open-Meteo's.",
		Flags: func(flags *flag.FlagSet) {
			flags.BoolVar(&actual, "real", false, "ask Open-Meteo, which is a request over the internet for each record")
		},
		Play: func(ctx context.Context, s *stage.Stage) (fmt.Stringer, error) { return play(ctx, s, actual) },
	}
}

// A station is all that the demo has.
type station struct {
	hub   *fanfare.Hub
	a     *agency.Agency
	at    string // of the form
	heard <-chan agency.Heard
	ep    *fanfare.Endpoint
}

func play(ctx context.Context, s *stage.Stage, actual bool) (fmt.Stringer, error) {
	st, err := open(ctx, s, actual)
	if err != nil {
		return nil, err
	}
	s.Say("The form is at     %s/forms/%s\nThe records are at %s/", st.at, Form, st.at)
	if s.Once {
		return st.once(ctx)
	}
	agency.Tell(ctx, s, st.heard)
	s.UntilDone(ctx)
	return nil, nil
}

func open(ctx context.Context, s *stage.Stage, actual bool) (*station, error) {
	ln, err := s.Listen(Port)
	if err != nil {
		return nil, err
	}
	st := &station{hub: s.Hub, at: stage.URL(ln)}
	openMeteo := ""
	if !actual {
		if openMeteo, err = s.Serve(ctx, 0, fake.OpenMeteo()); err != nil {
			return nil, err
		}
	}
	if st.a, err = agency.Open(ctx, s, agency.Options{Owner: "sightings", Form: form()}); err != nil {
		return nil, err
	}
	if st.ep, err = FillIn(ctx, st.a, st.at, openMeteo); err != nil {
		return nil, err
	}
	if st.heard, err = agency.Receive(ctx, s, st.a); err != nil {
		return nil, err
	}
	s.ServeOn(ctx, ln, st.a)
	return st, nil
}

// once records three sightings by the API: one of today, one of weeks ago, which the
// archive knows, and one that says not where it was.
func (st *station) once(ctx context.Context) (*Seen, error) {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	now := time.Now().UTC().Truncate(time.Hour)
	for _, one := range []map[string]any{
		{"what": "A heron", "at": now.Add(-20*time.Hour + 20*time.Minute), "latitude": 27.773, "longitude": -82.639},
		{"what": "A lynx", "at": now.Add(-40*24*time.Hour - 10*time.Minute), "latitude": 60.5, "longitude": 24.25},
		{"what": "A rumour", "at": now},
	} {
		record := map[string]any{"form_id": Form, "client_created_at": one["at"], "latitude": one["latitude"], "longitude": one["longitude"], "form_values": map[string]any{KeyWhat: one["what"]}}
		resp, err := agency.Ask(ctx, http.MethodPost, st.at+"/api/v2/records.json", st.a.Token, map[string]any{"record": record})
		if err != nil {
			return nil, err
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusCreated {
			return nil, fmt.Errorf("the agency answers %s", resp.Status)
		}
	}
	seen := &Seen{}
	for heard := 0; heard < 5; heard++ { // three records, and the updates of two
		select {
		case e := <-st.heard:
			if e.Type == "record.update" {
				seen.Updates++
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("of five changes %d were heard of: %w", heard, ctx.Err())
		}
	}
	return seen, st.settle(ctx, seen)
}

// settle waits until no attempt is to be made any more, and reads the records.
func (st *station) settle(ctx context.Context, seen *Seen) error {
	stats, err := stage.Settled(ctx, st.hub, st.ep.Application, st.ep.ID)
	switch {
	case err != nil:
		return fmt.Errorf("not all attempts have ended: %w", err)
	case stats[fanfare.Delivered] != 3:
		return fmt.Errorf("three records were made, and the deliveries are %v", stats)
	}
	records, err := st.a.Records(ctx, agency.Filter{Form: Form})
	if err != nil {
		return err
	}
	results, err := st.results(ctx)
	for _, r := range records {
		seen.Records = append(seen.Records, Sighting{
			What: r.Text(KeyWhat), At: r.ClientCreatedAt, Latitude: r.Latitude, Longitude: r.Longitude, Version: r.Version, Result: results[r.ID],
			Summary: r.Text(KeySummary), Temperature: r.Text(KeyTemperature), Humidity: r.Text(KeyHumidity), Pressure: r.Text(KeyPressure),
		})
	}
	return err
}

// results are what the attempts say of themselves, by the record.
func (st *station) results(ctx context.Context) (map[string]string, error) {
	attempts, err := st.hub.Attempts(ctx, st.ep.Application, fanfare.AttemptFilter{Endpoint: st.ep.ID, Page: fanfare.Page{Limit: 100}})
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, a := range attempts {
		msg, err := st.hub.Message(ctx, st.ep.Application, string(a.Message))
		if err != nil {
			return nil, err
		}
		all[msg.OrderingKey] = a.Detail // the agency orders by record
	}
	return all, nil
}
