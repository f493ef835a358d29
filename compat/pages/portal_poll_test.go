package pages_test

import "testing"

// TestAddAPoller adds an endpoint that is polled, is told how, and changes what it wants,
// on a narrow screen too.
func TestAddAPoller(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, w *world, b *tab) {
		w.api("POST", "/event-type", `{"name":"record.created","description":"A record was made.","examples":[{"name":"small"}]}`, nil)
		b.as(way{"light", 360})
		b.open("/portal")
		b.fits(360)
		b.press("Cannot be reached? Poll")
		b.at("/portal/endpoint/new?kind=poller")
		b.shows("asks for its messages instead")
		b.press("Have them sent to a URL instead")
		b.shows("Check the URL")
		b.set("[name=url]", "https://example.com/typed")
		b.click("[name=events][value=some]")
		b.click("[name=type]")
		b.press("Cannot be reached? Poll instead")
		b.shows("asks for its messages instead")
		b.press("More, if you need it")
		b.shows("Offer a message if")
		b.press("Have them sent to https://example.com/typed instead")
		b.has("[name=url]", "https://example.com/typed")
		b.press("Cannot be reached? Poll instead")
		b.shows("asks for its messages instead")
		if asked := eval[bool](b, `!!document.querySelector("[name=url]:not([type=hidden]), [name=signature], [name=headers], [name=auth]")`); asked {
			t.Error("it asks for what means nothing to a poller")
		}
		if kept := eval[bool](b, `document.querySelector("[name=type]").checked`); !kept {
			t.Error("the event type is not chosen any more")
		}
		for _, width := range []int64{360, 1280} {
			b.as(way{"light", width})
			b.fits(width)
		}
		b.set("[name=description]", "Night run")
		b.enterKey() // is to add it
		b.shows("asks for its messages, at this URL")
		b.shows("Night run")
		b.shows("$FANFARE_KEY")
		b.shot("poller")
		eps := w.endpoints()
		if len(eps) != 1 || eps[0].URL != "" {
			t.Fatalf("the endpoints are %v", eps)
		}
		w.api("PATCH", "/app/acme/endpoint/"+eps[0].ID, `{"rateLimit":7,"signature":"github","metadata":{"a":"b"}}`, nil)
		b.click(".tabs a[href$='/settings']")
		b.shows("Which events")
		b.set("[name=description]", "Day run")
		b.press("Save")
		b.shows("The settings are saved")
		b.shows("Day run")
		var now struct {
			Kind, Description, Signature string
			RateLimit                    int
			EventTypes                   []string
			Metadata                     map[string]string
		}
		w.api("GET", "/app/acme/endpoint/"+eps[0].ID, "", &now)
		if now.Kind != "poller" || now.Description != "Day run" || now.RateLimit != 7 || now.Signature != "github" || len(now.EventTypes) != 1 || now.Metadata["a"] != "b" {
			t.Errorf("the endpoint is %+v", now)
		}
	})
}
