package api

import (
	"slices"
	"testing"
)

// TestApplicationsAreListedByTheirEndpoints as the field's clients ask for them, and
// iterators do not go from one such list to another.
func TestApplicationsAreListedByTheirEndpoints(t *testing.T) {
	w := newWorld(t)
	for _, uid := range []string{"none", "off", "on"} {
		w.app(uid)
	}
	w.do("POST", "/api/v1/app/off/endpoint", `{"url":"https://example.com/","disabled":true}`).want(201)
	w.endpoint("on", "ep")
	const empty, disabled, play = "exclude_apps_with_no_endpoints=", "exclude_apps_with_disabled_endpoints=", "exclude_apps_with_svix_play_endpoints="
	for query, want := range map[string][]string{
		"":                                    {"none", "off", "on"},
		empty + "false&" + disabled + "false": {"none", "off", "on"},
		play + "true":                         {"none", "off", "on"},
		empty + "true":                        {"off", "on"},
		disabled + "true":                     {"none", "on"},
		empty + "true&" + disabled + "true":   {"on"},
	} {
		var got []string
		for next := ""; ; {
			page := w.do("GET", "/api/v1/app?order=ascending&limit=1&"+query+next, "").want(200).object()
			for _, app := range page["data"].([]any) {
				got = append(got, app.(map[string]any)["uid"].(string))
			}
			if page["done"] == true {
				break
			}
			next = "&iterator=" + page["iterator"].(string)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s gives %v, want %v", query, got, want)
		}
	}
	next := w.do("GET", "/api/v1/app?limit=1", "").want(200).object()["iterator"].(string)
	w.do("GET", "/api/v1/app?limit=1&"+empty+"true&iterator="+next, "").want(400)
	for _, name := range []string{empty, disabled, play} {
		w.do("GET", "/api/v1/app?"+name+"perhaps", "").want(422)
	}
}
