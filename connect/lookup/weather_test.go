package lookup_test

import (
	"fmt"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/connecttest"
	"github.com/fanfarehq/fanfare/connect/fake"
	"github.com/fanfarehq/fanfare/connect/lookup"
)

const toRecord = `"url":"https://records.example/records/{{payload.data.id}}","token":"updateSecret"`

func bear(lat, lon any, at string) *fanfare.Message {
	return connecttest.Message("record.create", fmt.Sprintf(`{"type":"record.create","data":{"id":"r1","latitude":%v,"longitude":%v,"client_created_at":%q}}`, lat, lon, at))
}

func TestWeatherContract(t *testing.T) {
	const old = "2015-07-04T12:20:00Z"
	connecttest.Run(t, connecttest.Case{
		Connector: lookup.Weather(), Config: `{` + toRecord + `,"apiKey":"weatherSecret"}`, Fake: fake.OpenMeteo(), Payload: bear(27.9, -82.4, old).Payload,
		Bad: map[string]string{
			`{}`:                                     "config.url: is missing",
			`{` + toRecord + `,"forecastUrl":"x"}`:   "config.forecastUrl: is not a URL such as https://api.open-meteo.com",
			`{` + toRecord + `,"at":"{{"}`:           "config.at: a {{ is not closed",
			`{` + toRecord + `,"archiveUrl":"ftp:"}`: "config.archiveUrl: is not a URL",
		},
		Outcomes: map[string]connecttest.Outcome{
			"no coordinates": {Message: bear("null", "null", old), Class: fanfare.ClassSuccess, Detail: "nothing to do: it has no coordinates"},
			"none at all":    {Message: connecttest.Message("a.b", `{"id":1}`), Class: fanfare.ClassSuccess, Detail: "nothing to do: it has no coordinates"},
			"no place":       {Message: bear(91, 0, old), Class: fanfare.ClassRejected, Detail: "latitude renders what is no number of degrees"},
			"no time":        {Message: bear(1, 1, "yesterday"), Class: fanfare.ClassRejected, Detail: "at renders what is no time such as"},
			"refused":        {Message: bear(-89.1, 0, old), Class: fanfare.ClassRejected, Status: 400, Detail: "Open-Meteo: Cannot initialize WeatherVariable"},
			"too many":       {Message: bear(-89.2, 0, old), Class: fanfare.ClassStatus, Status: 429, Detail: "Open-Meteo: Minutely API request limit exceeded."},
			"broken":         {Message: bear(-89.3, 0, old), Class: fanfare.ClassStatus, Status: 500, Detail: "Open-Meteo: 500 Internal Server Error"},
			"unknown":        {Message: bear(-89.5, 0, old), Class: fanfare.ClassBody, Status: 200, Detail: "Open-Meteo: the weather is not known yet"},
			"no such key":    {Config: `{` + toRecord + `,"apiKey":"unknown"}`, Class: fanfare.ClassStatus, Status: 401, Detail: "Open-Meteo: The supplied API key is invalid."},
			"far ahead":      {Message: bear(1, 1, time.Now().AddDate(1, 0, 0).Format(time.RFC3339)), Class: fanfare.ClassBody, Detail: "Open-Meteo: the answer has no hour near"},
		},
	})
}

// TestWeather asks for hours on both sides of where the archive begins.
func TestWeather(t *testing.T) {
	for name, c := range map[string]struct {
		ago       time.Duration
		host      string
		past, day string // of the query
		hour      int
		summary   string
	}{
		"just now":      {0, "api.open-meteo.com", "1", "", 0, "Clear"},
		"soon nearer":   {-31 * time.Minute, "api.open-meteo.com", "1", "", 1, "Mostly clear"},
		"hours ago":     {14*time.Hour + 20*time.Minute, "api.open-meteo.com", "1", "", 10, "Thunderstorm"},
		"days ago":      {5 * 24 * time.Hour, "api.open-meteo.com", "6", "", 0, "Clear"},
		"a moment more": {5*24*time.Hour + time.Minute, "archive-api.open-meteo.com", "", "1999-12-26", 0, "Clear"},
		"years ago":     {20*365*24*time.Hour - 4*time.Hour, "archive-api.open-meteo.com", "", "1980-01-06", 4, "Fog"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // where it is midnight, 1 January 2000
				way, took := connecttest.Way(t, fake.OpenMeteo())
				sink, err := lookup.Weather().New([]byte(`{`+toRecord+`}`), way)
				if err != nil {
					t.Fatal(err)
				}
				if reply, err := sink.Send(t.Context(), bear(28, -82.5, time.Now().Add(-c.ago).UTC().Format(time.RFC3339))); err != nil || reply.Class != fanfare.ClassSuccess {
					t.Fatalf("%+v, %v", reply, err)
				}
				all := took()
				u, err := url.Parse("//" + all[0].URL)
				if err != nil || len(all) != 2 {
					t.Fatalf("%v, %v", all, err)
				}
				q := u.Query()
				if u.Host != c.host || q.Get("past_days") != c.past || q.Get("start_date") != c.day || q.Get("latitude") != "28" || q.Get("timeformat") != "unixtime" {
					t.Errorf("asked %s", all[0].URL)
				}
				want := fmt.Sprintf(`{"wx_summary":%q,"wx_air_temperature":%d,"wx_relative_humidity":%g,"wx_barometric_pressure":%g}`,
					c.summary, 16+c.hour, float64(40+c.hour)/100, 1000+float64(c.hour)/2)
				if all[1].Method != "PUT" || all[1].URL != "records.example/records/r1" || all[1].Body != want || all[1].Header.Get("Fanfare-Origin") != "fanfare" {
					t.Errorf("wrote %+v; want %s", all[1], want)
				}
			})
		})
	}
}
