// Package weather is a form of the agency's making for what is seen outdoors, and an
// endpoint that writes on each record what the weather was where and when that was.
package weather

import (
	"context"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/examples/agency"
)

// The form, and the keys of what is in it.
const (
	Form = "3ea70000-0000-4000-8000-000000000001"

	KeyWhat        = "c001"
	KeySummary     = "c002" // wx_summary
	KeyTemperature = "c003" // wx_air_temperature, °C
	KeyHumidity    = "c004" // wx_relative_humidity, 0 to 1
	KeyPressure    = "c005" // wx_barometric_pressure, hPa
)

func form() *agency.Form {
	return &agency.Form{
		Head: agency.Head{ID: Form}, Name: "Sightings", Description: "What was seen outdoors; the weather need not be told.",
		Elements: []agency.Element{
			{Type: agency.TextField, Key: KeyWhat, Label: "What it was", DataName: "what", Required: true},
			{Type: agency.TextField, Key: KeySummary, Label: "Weather", DataName: "wx_summary"},
			{Type: agency.TextField, Key: KeyTemperature, Label: "Air temperature, °C", DataName: "wx_air_temperature", Numeric: true},
			{Type: agency.TextField, Key: KeyHumidity, Label: "Relative humidity, 0 to 1", DataName: "wx_relative_humidity", Numeric: true},
			{Type: agency.TextField, Key: KeyPressure, Label: "Barometric pressure, hPa", DataName: "wx_barometric_pressure", Numeric: true},
		},
	}
}

// origin is what [FillIn] calls itself: the agency puts it into what it announces of a
// change.
const origin = "weather"

// FillIn has the weather written on each record of the form that has coordinates, at the
// agency's address. Where Open-Meteo is may be left out, for the real one.
//
// A PUT replaces a record, so that it says all there is, and for which version: when
// somebody has changed the record meanwhile it is refused, and what announces that change
// leads to the next. The update itself leads to none: it bears the origin, and there
// is the weather then.
func FillIn(ctx context.Context, a *agency.Agency, page, openMeteo string) (*fanfare.Endpoint, error) {
	const values = "payload.data.form_values."
	record := map[string]any{
		"form_values": map[string]any{
			KeyWhat: "{{" + values + KeyWhat + "}}", KeySummary: "{{answer.summary}}", KeyTemperature: "{{string(answer.temperature)}}",
			KeyHumidity: "{{string(answer.humidity)}}", KeyPressure: "{{string(answer.pressure)}}",
		},
	}
	for _, name := range []string{"version", "latitude", "longitude", "altitude", "horizontal_accuracy", "assigned_to_id", "client_created_at", "client_updated_at"} {
		record[name] = "{{payload.data." + name + "}}"
	}
	config := map[string]any{
		"when": "!has(" + values + KeySummary + ")", "origin": origin,
		"method": "PUT", "url": page + "/api/v2/records/{{payload.data.id}}.json",
		"headers": map[string]any{agency.HeaderOrigin: origin}, "secretHeaders": map[string]any{"X-ApiToken": a.Token},
		"body": map[string]any{"record": record},
	}
	if openMeteo != "" {
		config["forecastUrl"], config["archiveUrl"] = openMeteo, openMeteo
	}
	return a.Connect(ctx, &fanfare.Endpoint{
		UID: "weather", Kind: "weather", Description: "Writes the weather on records", EventTypes: []string{"record.create", "record.update"},
		Filter: `payload.data.form_id == "` + Form + `" && payload.origin != "` + origin + `"`,
	}, config)
}
