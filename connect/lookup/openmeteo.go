package lookup

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
)

// A report is what Open-Meteo answers: an hour in each place of its lists.
type report struct {
	Reason string `json:"reason"` // of an error
	Hourly struct {
		Time        []int64    `json:"time"`
		Temperature []*float64 `json:"temperature_2m"`       // °C
		Humidity    []*float64 `json:"relative_humidity_2m"` // %
		Pressure    []*float64 `json:"pressure_msl"`         // hPa
		Code        []*int     `json:"weather_code"`         // WMO's table 4677
	} `json:"hourly"`
}

// An hour is the weather as templates see it, in what stands for SI units in
// meteorology.
type hour struct {
	Summary     string    `json:"summary"`
	Temperature float64   `json:"temperature"` // °C
	Humidity    float64   `json:"humidity"`    // 0 to 1
	Pressure    float64   `json:"pressure"`    // hPa, at sea level
	Code        int       `json:"code"`
	Time        time.Time `json:"time"`
}

// read finds the hour nearest to p.
func (p *place) read(a *connect.Answer) (found []byte, class fanfare.Class, detail string) {
	var r report
	err := json.Unmarshal(a.Body, &r)
	switch {
	case a.Status != http.StatusOK && r.Reason != "":
		return nil, p.refusal(a), r.Reason
	case a.Status != http.StatusOK:
		return nil, p.refusal(a), fmt.Sprintf("%d %s %s", a.Status, http.StatusText(a.Status), connect.FirstLine(a.Body))
	case err != nil:
		return nil, fanfare.ClassBody, "the answer is not what its documentation says"
	}
	at, far := -1, 31*time.Minute
	for i, unix := range r.Hourly.Time {
		if off := p.at.Sub(time.Unix(unix, 0)).Abs(); off < far {
			at, far = i, off
		}
	}
	h := r.Hourly
	switch {
	case at < 0:
		return nil, fanfare.ClassBody, "the answer has no hour near " + p.at.UTC().Format(time.RFC3339)
	case at >= min(len(h.Temperature), len(h.Humidity), len(h.Pressure), len(h.Code)):
		return nil, fanfare.ClassBody, "the answer is not what its documentation says"
	case h.Temperature[at] == nil, h.Humidity[at] == nil, h.Pressure[at] == nil, h.Code[at] == nil:
		return nil, fanfare.ClassBody, "the weather is not known yet"
	}
	found, err = json.Marshal(hour{
		summary(*h.Code[at]), *h.Temperature[at], math.Round(*h.Humidity[at]) / 100, *h.Pressure[at], *h.Code[at], time.Unix(h.Time[at], 0).UTC(),
	})
	if err != nil {
		return nil, fanfare.ClassBody, err.Error()
	}
	return found, fanfare.ClassSuccess, ""
}

// refusal sorts what is no success. A key that is refused is tried again, so that
// nothing is lost until it is put right.
func (p *place) refusal(a *connect.Answer) fanfare.Class {
	switch class := a.Class(); {
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden, a.Status == http.StatusNotFound, class == fanfare.ClassGone, class == fanfare.ClassSuccess:
		return fanfare.ClassStatus
	default:
		return class
	}
}

// summaries are what codes mean (https://open-meteo.com/en/docs, "WMO Weather
// interpretation codes").
var summaries = map[int]string{
	0: "Clear", 1: "Mostly clear", 2: "Partly cloudy", 3: "Overcast",
	45: "Fog", 48: "Freezing fog",
	51: "Light drizzle", 53: "Drizzle", 55: "Heavy drizzle", 56: "Light freezing drizzle", 57: "Freezing drizzle",
	61: "Light rain", 63: "Rain", 65: "Heavy rain", 66: "Light freezing rain", 67: "Freezing rain",
	71: "Light snow", 73: "Snow", 75: "Heavy snow", 77: "Snow grains",
	80: "Light showers", 81: "Showers", 82: "Heavy showers", 85: "Light snow showers", 86: "Snow showers",
	95: "Thunderstorm", 96: "Thunderstorm with hail", 99: "Thunderstorm with heavy hail",
}

func summary(code int) string {
	if s, ok := summaries[code]; ok {
		return s
	}
	return fmt.Sprintf("Weather code %d", code)
}
