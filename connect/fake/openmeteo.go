package fake

import (
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// meteoErrors are what latitudes in the far south are answered with, where nobody asks
// for the weather.
var meteoErrors = map[string]struct {
	status int
	reason string
}{
	"-89.1": {400, "Cannot initialize WeatherVariable from invalid String value nonsense for key hourly"},
	"-89.2": {429, "Minutely API request limit exceeded. Please try again in one minute."},
	"-89.3": {500, ""},
	"-89.4": {503, ""},
}

// OpenMeteo answers GET /v1/forecast and GET /v1/archive as the service does
// (https://open-meteo.com/en/docs). Its weather is made up, and the same each time for
// an hour and a place. Latitudes of -89.1 to -89.4 are answered with 400, 429, 500 and
// 503; at -89.5 no weather is known. The API key "unknown" is refused. What it takes in
// are PUT, PATCH and POST under /records/, so that what is written back can be seen.
func OpenMeteo() http.Handler {
	t := &taken{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/forecast", func(rw http.ResponseWriter, r *http.Request) { meteo(rw, r, false) })
	mux.HandleFunc("GET /v1/archive", func(rw http.ResponseWriter, r *http.Request) { meteo(rw, r, true) })
	mux.HandleFunc("/records/{id}", func(rw http.ResponseWriter, r *http.Request) {
		text, err := body(r)
		if err != nil || r.Method == http.MethodGet {
			http.Error(rw, "write with PUT, PATCH or POST", http.StatusMethodNotAllowed)
			return
		}
		t.add(map[string]string{
			"method": r.Method, "id": r.PathValue("id"), "body": string(text),
			"origin": r.Header.Get("Fanfare-Origin"), "hops": r.Header.Get("Fanfare-Hops"),
		})
		answer(rw, http.StatusOK, map[string]string{"id": r.PathValue("id")})
	})
	return t.shownBy(mux)
}

func meteo(rw http.ResponseWriter, r *http.Request, archive bool) {
	q := r.URL.Query()
	if q.Get("apikey") == "unknown" {
		meteoRefuses(rw, 401, "The supplied API key is invalid.")
		return
	}
	if refused, ok := meteoErrors[q.Get("latitude")]; ok {
		if refused.reason == "" {
			http.Error(rw, http.StatusText(refused.status), refused.status)
			return
		}
		meteoRefuses(rw, refused.status, refused.reason)
		return
	}
	lat, latErr := strconv.ParseFloat(q.Get("latitude"), 64)
	lon, lonErr := strconv.ParseFloat(q.Get("longitude"), 64)
	switch {
	case latErr != nil || lonErr != nil:
		meteoRefuses(rw, 400, "Value of type 'String' required for key 'latitude'.")
		return
	case math.Abs(lat) > 90:
		meteoRefuses(rw, 400, "Latitude must be in range of -90 to 90°. Given: "+q.Get("latitude")+".")
		return
	case math.Abs(lon) > 180:
		meteoRefuses(rw, 400, "Longitude must be in range of -180 to 180°. Given: "+q.Get("longitude")+".")
		return
	case q.Get("timeformat") != "unixtime":
		meteoRefuses(rw, 400, "This fake knows timeformat=unixtime only.")
		return
	}
	from, to, reason := meteoSpan(q, archive)
	if reason != "" {
		meteoRefuses(rw, 400, reason)
		return
	}
	hourly, units := map[string]any{}, map[string]string{"time": "unixtime"}
	times := []int64{}
	for at := from; at.Before(to); at = at.Add(time.Hour) {
		times = append(times, at.Unix())
	}
	hourly["time"] = times
	for name := range strings.SplitSeq(q.Get("hourly"), ",") {
		unit, ok := meteoUnits[name]
		if !ok {
			meteoRefuses(rw, 400, "Cannot initialize WeatherVariable from invalid String value "+name+" for key hourly")
			return
		}
		values := make([]any, len(times))
		for i, unix := range times {
			if lat != -89.5 {
				values[i] = meteoValue(name, unix, lat, lon)
			}
		}
		hourly[name], units[name] = values, unit
	}
	answer(rw, http.StatusOK, map[string]any{
		"latitude": lat, "longitude": lon, "generationtime_ms": 0.1, "utc_offset_seconds": 0,
		"timezone": "GMT", "timezone_abbreviation": "GMT", "elevation": 2.0, "hourly_units": units, "hourly": hourly,
	})
}

// meteoUnits are the variables that the fake knows, and their units.
var meteoUnits = map[string]string{"temperature_2m": "°C", "relative_humidity_2m": "%", "pressure_msl": "hPa", "weather_code": "wmo code"}

// meteoValue makes weather up. In the hours of a day it is warmer by one degree each,
// and the codes go round.
func meteoValue(name string, unix int64, lat, lon float64) any {
	hour := float64(unix / 3600 % 24)
	switch name {
	case "temperature_2m":
		return math.Round((30-math.Abs(lat)/2+hour)*10) / 10
	case "relative_humidity_2m":
		return 40 + hour
	case "pressure_msl":
		return 1000 + hour/2
	}
	codes := []int{0, 1, 2, 3, 45, 51, 61, 63, 53, 80, 95, 99}
	return codes[int(hour)%len(codes)]
}

// meteoSpan is for which hours there is to be weather.
func meteoSpan(q url.Values, archive bool) (from, to time.Time, reason string) {
	today := time.Now().UTC().Truncate(24 * time.Hour)
	if archive {
		from, err1 := time.Parse(time.DateOnly, q.Get("start_date"))
		last, err2 := time.Parse(time.DateOnly, q.Get("end_date"))
		switch {
		case err1 != nil || err2 != nil:
			return from, to, "Parameter 'start_date' and 'end_date' must be set"
		case last.Before(from) || last.After(today):
			return from, to, "Parameter 'end_date' is out of allowed range from 1940-01-01 to " + today.Format(time.DateOnly)
		}
		return from, last.AddDate(0, 0, 1), ""
	}
	past, _ := strconv.Atoi(q.Get("past_days"))
	ahead, err := strconv.Atoi(q.Get("forecast_days"))
	if err != nil {
		ahead = 7
	}
	if past < 0 || past > 92 || ahead < 0 || ahead > 16 {
		return from, to, "Past days is invalid. Allowed range 0 to 92."
	}
	return today.AddDate(0, 0, -past), today.AddDate(0, 0, ahead), ""
}

func meteoRefuses(rw http.ResponseWriter, status int, reason string) {
	answer(rw, status, map[string]any{"error": true, "reason": reason})
}
