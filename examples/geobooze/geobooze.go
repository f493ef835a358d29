// Package geobooze is a form for what people drink, of the agency's making, and what
// endpoints make of its records without any code: those that ask for it are posted to a
// channel of Slack, and what was recorded without its ABV, how strong it is, is looked
// up at a service and written back.
package geobooze

import (
	"context"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/examples/agency"
)

// The form, and the keys of what is in it.
const (
	Form = "b0020000-0000-4000-8000-000000000001"

	KeyPost     = "b001" // ChoiceField: yes or no
	KeyName     = "b002" // TextField
	KeyBrewery  = "b003" // TextField
	KeyType     = "b004" // ChoiceField
	KeyABV      = "b005" // TextField, a number of percent
	KeyVenue    = "b006" // TextField
	KeyRating   = "b007" // ChoiceField: 1 to 5
	KeyComments = "b008" // TextField
	KeyPhoto    = "b009" // PhotoField
)

// drinkers are who may say that they had something.
var drinkers = []agency.Member{
	{ID: "b0020000-0000-4000-8000-000000000011", Name: "A regular", Email: "regular@drinkers.example", Phone: "+15005550011"},
	{ID: "b0020000-0000-4000-8000-000000000012", Name: "A newcomer", Email: "newcomer@drinkers.example", Phone: "+15005550012"},
}

func form() *agency.Form {
	beers := []agency.Choice{{Label: "Ale", Value: "Ale"}, {Label: "Lager", Value: "Lager"}, {Label: "Porter", Value: "Porter"}, {Label: "Stout", Value: "Stout"}, {Label: "Whiskey, to tell the truth", Value: "Whiskey"}}
	stars := []agency.Choice{{Label: "★★★★★", Value: "5"}, {Label: "★★★★☆", Value: "4"}, {Label: "★★★☆☆", Value: "3"}, {Label: "★★☆☆☆", Value: "2"}, {Label: "★☆☆☆☆", Value: "1"}}
	return &agency.Form{
		Head: agency.Head{ID: Form}, Name: "GeoBooze", Description: "What you had, where, and how it was.",
		Elements: []agency.Element{
			{Type: agency.ChoiceField, Key: KeyPost, Label: "Post to Slack?", DataName: "post_to_slack", Required: true, Choices: []agency.Choice{{Label: "OH YEAH!", Value: "yes"}, {Label: "NAH", Value: "no"}}},
			{Type: agency.TextField, Key: KeyName, Label: "Name", DataName: "name", Required: true},
			{Type: agency.TextField, Key: KeyBrewery, Label: "Brewery", DataName: "brewery"},
			{Type: agency.ChoiceField, Key: KeyType, Label: "Beer Type", DataName: "beer_type", Choices: beers, AllowOther: true},
			{Type: agency.TextField, Key: KeyABV, Label: "ABV", DataName: "abv", Numeric: true},
			{Type: agency.TextField, Key: KeyVenue, Label: "Venue", DataName: "venue"},
			{Type: agency.ChoiceField, Key: KeyRating, Label: "Rating", DataName: "rating", Choices: stars},
			{Type: agency.TextField, Key: KeyComments, Label: "Comments", DataName: "comments"},
			{Type: agency.PhotoField, Key: KeyPhoto, Label: "Photo", DataName: "photo"},
		},
	}
}

// ofForm is the part of filters that leaves out records of other forms.
const ofForm = `payload.data.form_id == "` + Form + `"`

// said is what the template says of each record. The page is where links lead.
func said(page string) string {
	const values = "payload.data.form_values."
	return "Bottoms up! {{payload.data.created_by}} just had some {{" + values + KeyName + "}}" +
		"{{has(" + values + KeyVenue + ") ? ' at ' + " + values + KeyVenue + " : ''}}." +
		"{{has(" + values + KeyRating + ") ? '\\nRating: ' + '★★★★★☆☆☆☆☆'.substring(5 - int(" + values + KeyRating + ".choice_values[0]), 10 - int(" + values + KeyRating + ".choice_values[0])) : ''}}" +
		"{{has(" + values + KeyComments + ") ? '\\nComments: ' + " + values + KeyComments + " : ''}}" +
		"\n<" + page + "{{has(" + values + KeyPhoto + ") ? '/photos/' + " + values + KeyPhoto + "[0].photo_id : '/records/' + payload.data.id}}" +
		"|{{has(" + values + KeyPhoto + ") ? 'See a photo' : 'See the record'}}>"
}

// PostToSlack has the records that ask for it posted by boozebot, to an incoming webhook
// of Slack's. The page is where their photos are.
func PostToSlack(ctx context.Context, a *agency.Agency, webhook, page string) (*fanfare.Endpoint, error) {
	return a.Connect(ctx, &fanfare.Endpoint{
		UID: "slack", Kind: "slack", Description: "What people want to be known", EventTypes: []string{"record.create"},
		Filter: ofForm + ` && "yes" in payload.data.form_values.` + KeyPost + `.choice_values`,
	}, map[string]any{"url": webhook, "username": "boozebot", "icon": ":beer:", "text": said(page)})
}

// origin is what [FillInABV] calls itself: the agency puts it into what it announces of
// a change.
const origin = "abv"

// FillInABV has what was recorded without its ABV looked up, and written back to the
// agency.
//
// An update is announced like any other, and leads to nothing: it bears the origin,
// which the filter leaves out, and there is an ABV then. It is for the version that was
// looked at: when somebody has changed the record meanwhile it is refused, and what
// announces that change is looked at in its turn.
func FillInABV(ctx context.Context, a *agency.Agency, beers, page string) (*fanfare.Endpoint, error) {
	const abv = "payload.data.form_values." + KeyABV
	return a.Connect(ctx, &fanfare.Endpoint{
		UID: "abv", Kind: "lookup", Description: "Looks up how strong it is", EventTypes: []string{"record.create", "record.update"},
		Filter: ofForm + ` && payload.origin != "` + origin + `"`,
	}, map[string]any{
		"when":   `!has(` + abv + `) || ` + abv + ` == ""`,
		"find":   map[string]any{"url": beers + "/beers?name={{payload.data.form_values." + KeyName + "}}"},
		"found":  "has(answer.abv)",
		"method": "PATCH", "url": page + "/api/v2/records/{{payload.data.id}}.json", "origin": origin,
		"headers": map[string]any{agency.HeaderOrigin: origin}, "secretHeaders": map[string]any{"X-ApiToken": a.Token},
		"body": map[string]any{"record": map[string]any{
			"version": "{{payload.data.version}}", "form_values": map[string]any{KeyABV: "{{string(answer.abv)}}"},
		}},
	})
}

// FillInUnguarded is FillInABV by somebody who has thought of nothing: no condition, no
// origin, and an update that is another one each time. What ends that are the hops,
// which each request carries and the agency passes on.
func FillInUnguarded(ctx context.Context, a *agency.Agency, beers, page string) (*fanfare.Endpoint, error) {
	return a.Connect(ctx, &fanfare.Endpoint{
		UID: "abv", Kind: "lookup", Description: "Looks up how strong it is, again and again", EventTypes: []string{"record.create", "record.update"},
		Filter: ofForm, Retry: fanfare.Retry{Preset: "none"},
	}, map[string]any{
		"find":   map[string]any{"url": beers + "/beers?name={{payload.data.form_values." + KeyName + "}}"},
		"method": "PATCH", "url": page + "/api/v2/records/{{payload.data.id}}.json",
		"secretHeaders": map[string]any{"X-ApiToken": a.Token},
		"body": map[string]any{"record": map[string]any{"form_values": map[string]any{
			KeyABV: "{{string(answer.abv)}}", KeyComments: "Looked up at version {{payload.data.version}}",
		}}},
	})
}
