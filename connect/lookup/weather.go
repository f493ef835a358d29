package lookup

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
	"github.com/fanfarehq/fanfare/connect/call"
	"github.com/fanfarehq/fanfare/internal/expression"
)

// Where Open-Meteo's data is (https://open-meteo.com/en/docs and
// https://open-meteo.com/en/docs/historical-weather-api).
const (
	forecasts = "https://api.open-meteo.com"
	archives  = "https://archive-api.open-meteo.com"
)

// recent is for how long what has been is in the forecasts; the archive is some days
// behind.
const recent = 5 * 24 * time.Hour

// Weather looks up what the weather was where and when a record was made.
func Weather() fanfare.Connector {
	return fanfare.Connector{
		About:   "Looks up the weather where and when it was made, and writes that back.",
		Example: json.RawMessage(`{"url":"https://records.example.com/v2/records/{{payload.data.id}}","token":"0123456789abcdef","body":{"wx_summary":"{{answer.summary}}","wx_air_temperature":"{{answer.temperature}}"}}`),
		Hidden:  append(slices.Clone(call.Hidden), "apiKey"),
		Where:   append(slices.Clone(call.Where), "forecastUrl", "archiveUrl"),
		ByHTTP:  true,
		New:     openWeather,
	}
}

type weatherConfig struct {
	writeBack
	Latitude    string `json:"latitude"`
	Longitude   string `json:"longitude"`
	At          string `json:"at"`
	ForecastURL string `json:"forecastUrl"`
	ArchiveURL  string `json:"archiveUrl"`
	APIKey      string `json:"apiKey"`
}

// A weather asks Open-Meteo.
type weather struct {
	*writer
	way                     fanfare.Way
	latitude, longitude, at *connect.Template
	forecasts, archives     *url.URL
	key                     string
}

func openWeather(text []byte, way fanfare.Way) (fanfare.Sink, error) {
	c := weatherConfig{
		writeBack: usual(), ForecastURL: forecasts, ArchiveURL: archives,
		Latitude: of("latitude"), Longitude: of("longitude"), At: of("client_created_at"),
	}
	c.Body = json.RawMessage(`{"wx_summary":"{{answer.summary}}","wx_air_temperature":"{{answer.temperature}}",` +
		`"wx_relative_humidity":"{{answer.humidity}}","wx_barometric_pressure":"{{answer.pressure}}"}`)
	if err := connect.Decode(text, &c); err != nil {
		return nil, err
	}
	s := &weather{way: way, key: c.APIKey}
	var errs [6]error
	s.writer, errs[0] = c.open(way)
	s.latitude, errs[1] = connect.Text("latitude", c.Latitude)
	s.longitude, errs[2] = connect.Text("longitude", c.Longitude)
	s.at, errs[3] = connect.Text("at", c.At)
	s.forecasts, errs[4] = connect.URL("forecastUrl", c.ForecastURL, forecasts)
	s.archives, errs[5] = connect.URL("archiveUrl", c.ArchiveURL, archives)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return s, nil
}

// of asks for a member of a record, which the payload is or has as its data.
func of(member string) string {
	return "{{has(payload.data) ? payload.data." + member + " : payload." + member + "}}"
}

// A place is where on earth and when.
type place struct {
	latitude, longitude float64
	at                  time.Time
}

// Send looks up the weather and writes it back.
func (s *weather) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	if why := s.skips(msg); why != "" {
		return fanfare.Reply{Detail: why}, nil
	}
	p, err := s.place(msg)
	switch {
	case err != nil:
		return connect.Unfit("%v", err), nil
	case p == nil:
		return fanfare.Reply{Detail: "nothing to do: it has no coordinates"}, nil
	}
	to := s.ask(p, time.Now())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, to.String(), nil)
	if err != nil {
		return fanfare.Reply{}, err
	}
	req.Header.Set(fanfare.HeaderHops, strconv.Itoa(msg.Hops()+1))
	a, err := connect.Do(s.way, req)
	if err != nil {
		return fanfare.Reply{}, err
	}
	found, class, detail := p.read(a)
	if class != fanfare.ClassSuccess {
		reply := a.Reply(class, "Open-Meteo: "+detail)
		reply.URL = to.Scheme + "://" + to.Host + to.Path
		return reply, nil
	}
	return s.write(ctx, msg, found)
}

// place is where and when msg is about; nil: it does not say where.
func (s *weather) place(msg *fanfare.Message) (*place, error) {
	in := connect.InputOf(msg)
	p := &place{at: msg.CreatedAt}
	for _, c := range []struct {
		member string
		t      *connect.Template
		most   float64
		into   *float64
	}{{"latitude", s.latitude, 90, &p.latitude}, {"longitude", s.longitude, 180, &p.longitude}} {
		text, err := fill(c.member, c.t, in)
		if err != nil {
			return nil, err
		}
		if text == "" {
			return nil, nil
		}
		if *c.into, err = strconv.ParseFloat(text, 64); err != nil || !(math.Abs(*c.into) <= c.most) {
			return nil, errors.New(c.member + " renders what is no number of degrees")
		}
	}
	text, err := fill("at", s.at, in)
	if err != nil || text == "" {
		return p, err
	}
	if p.at, err = time.Parse(time.RFC3339, text); err != nil {
		return nil, errors.New("at renders what is no time such as 2026-01-02T15:04:05Z")
	}
	return p, nil
}

func fill(member string, t *connect.Template, in *expression.Input) (string, error) {
	text, err := connect.Fill(member, t, in, nil)
	return strings.TrimSpace(text), err
}

// ask is the request for the hours around p.
func (s *weather) ask(p *place, now time.Time) *url.URL {
	q := url.Values{
		"latitude":   {strconv.FormatFloat(p.latitude, 'f', -1, 64)},
		"longitude":  {strconv.FormatFloat(p.longitude, 'f', -1, 64)},
		"hourly":     {"temperature_2m,relative_humidity_2m,pressure_msl,weather_code"},
		"timeformat": {"unixtime"}, "timezone": {"UTC"},
	}
	if s.key != "" {
		q.Set("apikey", s.key)
	}
	to := s.forecasts.JoinPath("v1", "forecast")
	if age := now.Sub(p.at); age > recent {
		to = s.archives.JoinPath("v1", "archive")
		q.Set("start_date", p.at.UTC().Add(-time.Hour).Format(time.DateOnly))
		q.Set("end_date", p.at.UTC().Add(time.Hour).Format(time.DateOnly))
	} else {
		q.Set("past_days", strconv.Itoa(max(0, int(age/(24*time.Hour)))+1))
		q.Set("forecast_days", strconv.Itoa(min(16, max(0, int(-age/(24*time.Hour)))+2)))
	}
	to.RawQuery = q.Encode()
	return to
}
