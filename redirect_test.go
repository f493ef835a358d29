package fanfare_test

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

// A stop is one request of an attempt that is led from place to place.
type stop struct{ host, method, body, auth, signature string }

// route has hosts a.example and b.example answer by path: /307/b/x redirects with
// 307 to http://b.example/x, and a path without a number is the end.
func (w *world) route(t *testing.T) (stops func() []stop) {
	var all []stop
	for _, name := range []string{"a", "b"} {
		host := name + ".example"
		var rcv *receiver
		rcv = w.receiver(host, func(n int, rw http.ResponseWriter, r *http.Request) {
			all = append(all, stop{name, r.Method, rcv.requests()[n-1].body, r.Header.Get("Authorization") + r.Header.Get("X-Api-Key"), r.Header.Get("Webhook-Signature")})
			var status int
			var to, rest string
			path := strings.Replace(strings.TrimPrefix(r.URL.Path, "/"), "/", " ", 2)
			if n, _ := fmt.Sscanf(path, "%d %s %s", &status, &to, &rest); n < 2 {
				fmt.Fprint(rw, "the end")
				return
			}
			location := map[string]string{
				"a": "http://a.example/" + rest, "b": "http://b.example/" + rest, "here": "/" + rest + "#part",
				"private": "http://10.0.0.1/", "cloud": "http://169.254.169.254/latest", "user": "http://u:p@a.example/",
				"ftp": "ftp://a.example/", "nobody": "http://nobody.example/", "nonsense": "http://%zz", "login": "https://accounts.google.com/x", "output": "https://script.googleusercontent.com/macros/echo",
				"self": r.URL.Path, "none": "",
			}[to]
			if location != "" {
				rw.Header().Set("Location", location)
			}
			rw.WriteHeader(status)
		})
	}
	return func() []stop { return all }
}

func TestWhereRedirectsLead(t *testing.T) {
	const payload = `{"n":1}`
	post := func(host string) stop {
		return stop{host: host, method: "POST", body: payload, auth: "proof", signature: "v1"}
	}
	bare := func(host string) stop { return stop{host: host, method: "POST", body: payload} }
	get := func(host, auth string) stop { return stop{host: host, method: "GET", auth: auth} }
	tests := map[string]struct {
		path   string
		policy string // "": follow_307_308
		stops  []stop // beyond the first
		url    string // that answered; "": the endpoint's
		class  fanfare.Class
		detail string
	}{
		"refused":                   {"302/b/x", "refuse", nil, "", fanfare.ClassRedirect, ""},
		"as good as a success":      {"302/b/x", "success", nil, "", fanfare.ClassSuccess, ""},
		"success, but 404":          {"404/b/x", "success", nil, "", fanfare.ClassStatus, ""},
		"nowhere to go":             {"x", "", nil, "", fanfare.ClassSuccess, ""},
		"307 at home":               {"307/a/x", "", []stop{post("a")}, "http://a.example/x", fanfare.ClassSuccess, "redirected from http://a.example/307/a/x by 307"},
		"308, relative":             {"308/here/x", "", []stop{post("a")}, "http://a.example/x", fanfare.ClassSuccess, "redirected from http://a.example/308/here/x by 308"},
		"307 to another":            {"307/b/x", "", []stop{bare("b")}, "http://b.example/x", fanfare.ClassSuccess, "redirected from http://a.example/307/b/x by 307"},
		"302 at home":               {"302/a/x", "follow_get_once", []stop{get("a", "proof")}, "http://a.example/x", fanfare.ClassSuccess, "redirected from http://a.example/302/a/x by 302"},
		"301 to another":            {"301/b/x", "follow_get_once", []stop{get("b", "")}, "http://b.example/x", fanfare.ClassSuccess, "redirected from http://a.example/301/b/x by 301"},
		"303 to another":            {"303/b/x", "follow_get_once", []stop{get("b", "")}, "http://b.example/x", fanfare.ClassSuccess, "redirected from http://a.example/303/b/x by 303"},
		"away and back":             {"307/b/307/a/x", "", []stop{bare("b"), bare("a")}, "http://a.example/x", fanfare.ClassSuccess, "redirected from http://a.example/307/b/307/a/x by 307, 307"},
		"a GET goes on nowhere":     {"302/a/302/a/x", "follow_get_once", []stop{get("a", "proof")}, "http://a.example/302/a/x", fanfare.ClassRedirect, "one redirect was followed already; redirected from http://a.example/302/a/302/a/x by 302"},
		"a POST is not made a GET":  {"302/b/x", "", nil, "", fanfare.ClassRedirect, "a 302 would be followed by a GET, which loses the message"},
		"nor is 301":                {"301/a/x", "follow", nil, "", fanfare.ClassRedirect, "a 301 would be followed by a GET, which loses the message"},
		"nor later":                 {"307/a/303/a/x", "", []stop{post("a")}, "http://a.example/303/a/x", fanfare.ClassRedirect, "a 303 would be followed by a GET, which loses the message; redirected from http://a.example/307/a/303/a/x by 307"},
		"the older name":            {"308/b/x", "follow", []stop{bare("b")}, "http://b.example/x", fanfare.ClassSuccess, "redirected from http://a.example/308/b/x by 308"},
		"none":                      {"307/a/x", "none", nil, "", fanfare.ClassRedirect, ""},
		"a GET is not asked of 307": {"307/a/x", "follow_get_once", nil, "", fanfare.ClassRedirect, "a 307 wants the POST repeated, and the endpoint follows by a GET only"},
		"a script's output":         {"302/output", "accept_gas", nil, "", fanfare.ClassSuccess, ""},
		"its output, but 307":       {"307/output", "accept_gas", nil, "", fanfare.ClassRedirect, ""},
		"its login":                 {"302/login", "accept_gas", nil, "", fanfare.ClassRedirect, ""},
		"anywhere else":             {"302/a/x", "accept_gas", nil, "", fanfare.ClassRedirect, ""},
		"to what fails":             {"307/a/500/none", "", []stop{post("a")}, "http://a.example/500/none", fanfare.ClassStatus, "redirected from http://a.example/307/a/500/none by 307"},
		"304":                       {"304/a/x", "", nil, "", fanfare.ClassRedirect, ""},
		"no Location":               {"302/none", "", nil, "", fanfare.ClassRedirect, ""},
		"a Location that is no URL": {"302/nonsense", "follow_get_once", nil, "", fanfare.ClassRedirect, "its Location is not a URL"},
		"round and round": {"307/self", "", []stop{post("a"), post("a"), post("a"), post("a"), post("a")}, "http://a.example/307/self", fanfare.ClassRedirect,
			"after 5 others; redirected from http://a.example/307/self by 307, 307, 307, 307, 307"},
		"to a private address": {"307/private", "", nil, "", fanfare.ClassDenied, "it leads to http://10.0.0.1/: 10.0.0.1 is a private address"},
		"to a cloud's secrets": {"302/cloud", "follow_get_once", nil, "", fanfare.ClassDenied, "it leads to http://169.254.169.254/latest: 169.254.169.254 is a link-local"},
		"by way of another":    {"307/b/307/private", "", []stop{bare("b")}, "http://b.example/307/private", fanfare.ClassDenied, "it leads to http://10.0.0.1/"},
		"with a password":      {"302/user", "follow_get_once", nil, "", fanfare.ClassDenied, "it leads to http://u:p@a.example/: the URL contains a user name"},
		"to another scheme":    {"302/ftp", "follow_get_once", nil, "", fanfare.ClassDenied, "it leads to ftp://a.example/: the scheme"},
		"to a login":           {"302/login", "follow_get_once", nil, "", fanfare.ClassRedirect, "it leads to a login"},
		"to nobody":            {"307/nobody", "", nil, "http://nobody.example/", fanfare.ClassRefused, "redirected from http://a.example/307/nobody by 307: dial tcp"},
	}
	for name, test := range tests {
		for _, proof := range []string{"header", "bearer"} {
			t.Run(name+", "+proof, func(t *testing.T) {
				inBubble(t, nil, func(t *testing.T, w *world) {
					stops := w.route(t)
					ep := fanfare.Endpoint{URL: "http://a.example/" + test.path, Success: fanfare.Success{Redirects: cmp.Or(test.policy, "follow_307_308")}}
					if proof == "bearer" {
						ep.Auth.Bearer = &fanfare.BearerAuth{Token: "proof"}
					} else {
						ep.Headers = map[string]string{"X-Api-Key": "proof"}
					}
					w.endpoint(ep)
					msg := w.send("a.b", []byte(payload))
					synctest.Wait()
					a := w.attempts(msg)[0]
					if want := cmp.Or(test.url, ep.URL); a.Class != test.class || a.URL != want || !strings.HasPrefix(a.Detail, test.detail) || test.detail == "" && a.Detail != "" {
						t.Errorf("the attempt ended %q at %s, %q; want %q at %s, %q", a.Class, a.URL, a.Detail, test.class, want, test.detail)
					}
					want := append([]stop{post("a")}, test.stops...)
					got := stops()
					if len(got) != len(want) {
						t.Fatalf("it came by %+v, want %+v", got, want)
					}
					for i := range got {
						got[i].auth = strings.TrimPrefix(got[i].auth, "Bearer ")
						got[i].signature, _, _ = strings.Cut(got[i].signature, ",")
						if got[i] != want[i] {
							t.Errorf("stop %d was %+v, want %+v", i, got[i], want[i])
						}
					}
				})
			})
		}
	}
}

// TestAnotherHostIsSentTheMessageAlone looks at all that goes there.
func TestAnotherHostIsSentTheMessageAlone(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		home := w.receiver("a.example", func(_ int, rw http.ResponseWriter, r *http.Request) {
			http.Redirect(rw, r, "http://b.example/", 307)
		})
		away := w.receiver("b.example", nil)
		w.endpoint(fanfare.Endpoint{
			URL: home.url, Format: "cloudevents-binary", Headers: map[string]string{"X-Team": "blue", "Cookie": "a=b"},
			Success: fanfare.Success{Redirects: "follow"},
		})
		w.send("a.b", 1)
		synctest.Wait()
		var names []string
		for name := range away.requests()[0].header {
			if !strings.HasPrefix(name, "Ce-") {
				names = append(names, name)
			}
		}
		for _, name := range names {
			switch name {
			case "User-Agent", "Content-Type", "Content-Length", "Webhook-Id", "Webhook-Event-Type", "Fanfare-Hops":
			default:
				t.Errorf("it was sent %s", name)
			}
		}
		if h := away.requests()[0].header; len(names) != 6 || h.Get("Ce-Type") != "a.b" || away.bodies()[0] != home.bodies()[0] {
			t.Errorf("it was sent %v with %q", h, away.bodies())
		}
	})
}

func TestABodyWithTheSecretStaysAtHome(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		stops := w.route(t)
		w.endpoint(fanfare.Endpoint{URL: "http://a.example/307/b/x", Signature: string(webhook.BodyToken), Success: fanfare.Success{Redirects: "follow"}})
		msg := w.send("a.b", 1)
		synctest.Wait()
		if a := w.attempts(msg)[0]; a.Class != fanfare.ClassRedirect || a.Detail != "the body holds the endpoint's secret, which no other host is sent" || len(stops()) != 1 {
			t.Errorf("the attempt ended %q, %q after %d requests", a.Class, a.Detail, len(stops()))
		}
	})
}

// TestACertificateIsShownAtHomeOnly has a host that is trusted send us on to one
// that is not, over TLS and without.
func TestACertificateIsShownAtHomeOnly(t *testing.T) {
	ca := nobody.issue(t, "CA")
	server, ours := ca.issue(t, "hooks.example"), ca.issue(t, "fanfare")
	for to, class := range map[string]fanfare.Class{
		"https://hooks.example/there": fanfare.ClassSuccess,
		"https://other.example/":      fanfare.ClassTLS, // by the system's CAs nobody knows it
		"http://other.example/":       fanfare.ClassRedirect,
	} {
		inBubble(t, nil, func(t *testing.T, w *world) {
			rcv := w.secure("hooks.example", server, ca)
			rcv.answer = func(n int, rw http.ResponseWriter, r *http.Request) {
				if n == 1 {
					http.Redirect(rw, r, to, 307)
				}
			}
			other := w.secure("other.example", ca.issue(t, "other.example"), nil)
			w.endpoint(fanfare.Endpoint{
				URL: rcv.url, Auth: fanfare.Auth{Certificate: ours.text, Key: ours.pkey, CA: ca.text}, Success: fanfare.Success{Redirects: "follow"},
			})
			msg := w.send("a.b", 1)
			time.Sleep(time.Second)
			if a := w.attempts(msg)[0]; a.Class != class || len(other.requests()) != 0 {
				t.Errorf("%s: the attempt ended %q, want %q: %s", to, a.Class, class, a.Explanation())
			}
		})
	}
}

// TestAppsScriptIsFollowedToItsOutput has a script answer as the real ones do, at an
// address that gives its output once, to a GET.
func TestAppsScriptIsFollowedToItsOutput(t *testing.T) {
	ca := nobody.issue(t, "CA")
	const fault = "<!DOCTYPE html><title>Error</title>TypeError: x is undefined (line 2)"
	tests := map[string]struct {
		policy, output string
		class          fanfare.Class
	}{
		"it ran":                    {"follow_get_once", `{"ok":true}`, fanfare.ClassSuccess},
		"it failed":                 {"follow_get_once", fault, fanfare.ClassBody},
		"it failed, the older name": {"follow", fault, fanfare.ClassBody},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				script := w.secure("script.google.com", ca.issue(t, "script.google.com"), nil)
				script.answer = func(_ int, rw http.ResponseWriter, r *http.Request) {
					switch {
					case r.URL.Path != "/macros/echo":
						http.Redirect(rw, r, "/macros/echo?user_content_key=k&lib=l", 302)
					case r.Method != "GET":
						rw.WriteHeader(405)
					default:
						fmt.Fprint(rw, test.output)
					}
				}
				w.endpoint(fanfare.Endpoint{
					URL: script.url + "macros/s/x/exec", Auth: fanfare.Auth{CA: ca.text}, Success: fanfare.Success{Preset: "apps-script", Redirects: test.policy},
				})
				msg := w.send("a.b", 1)
				time.Sleep(time.Second)
				if a := w.attempts(msg)[0]; a.Class != test.class || string(a.ResponseBody) != test.output {
					t.Errorf("the attempt ended %q with %q, want %q: %s", a.Class, a.ResponseBody, test.class, a.Explanation())
				}
			})
		})
	}
}
