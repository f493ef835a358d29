package ui_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/fanfarehq/fanfare"
)

// hostile are strings that have become scripts on pages less careful, and some that
// break out of where they stand.
var hostile = []string{
	`<script>alert(1)</script>`, `<SCRIPT SRC=//x.example/x.js></SCRIPT>`, `"><script>alert(2)</script>`, `'><script>alert(3)</script>`,
	`</textarea><script>alert(4)</script>`, `</title><script>alert(5)</script>`, `</style><script>alert(6)</script>`, `</script><script>alert(7)</script>`,
	`<img src=x onerror=alert(8)>`, `<img src=x onerror="alert(9)">`, `"><img src=x onerror=alert(10)>`, `' onmouseover='alert(11)`,
	`" onfocus="alert(12)" autofocus="`, `" autofocus onfocus=alert(13) x="`, `<svg onload=alert(14)>`, `<svg/onload=alert(15)>`,
	`<svg><script>alert(16)</script></svg>`, `<svg><animate onbegin=alert(17) attributeName=x dur=1s>`, `<math><a xlink:href="javascript:alert(18)">x</a></math>`, `<body onload=alert(19)>`,
	`<iframe src="javascript:alert(20)"></iframe>`, `<iframe srcdoc="<script>alert(21)</script>">`, `<object data="javascript:alert(22)">`, `<embed src="javascript:alert(23)">`,
	`<a href="javascript:alert(24)">x</a>`, `javascript:alert(25)`, `JaVaScRiPt:alert(26)`, `java&#x09;script:alert(27)`,
	`data:text/html,<script>alert(28)</script>`, `vbscript:msgbox(29)`, `<form action="javascript:alert(30)"><button>x</button></form>`, `<button formaction="javascript:alert(31)">x</button>`,
	`<input autofocus onfocus=alert(32)>`, `<select autofocus onfocus=alert(33)>`, `<details open ontoggle=alert(34)>`, `<video><source onerror=alert(35)></video>`,
	`<audio src=x onerror=alert(36)>`, `<marquee onstart=alert(37)>`, `<meta http-equiv="refresh" content="0;url=//x.example">`, `<link rel=stylesheet href=//x.example/x.css>`,
	`<base href="//x.example/">`, `<style>@import "//x.example/x.css";</style>`, `<div style="background:url(//x.example/x)">`, `<table background="//x.example/x">`,
	`&lt;script&gt;alert(45)&lt;/script&gt;`, `&#60;script&#62;alert(46)&#60;/script&#62;`, `%3Cscript%3Ealert(47)%3C/script%3E`, `\u003cscript\u003ealert(48)\u003c/script\u003e`,
	`{{.}}`, `{{template "layout" .}}`, `${alert(51)}`, "`+alert(52)+`",
	`<!--<script>alert(53)</script>-->`, `--><script>alert(54)</script>`, `]]><script>alert(55)</script>`, `<noscript><p title="</noscript><img src=x onerror=alert(56)>">`,
	`<template><script>alert(57)</script></template>`, `<xmp><img src=x onerror=alert(58)></xmp>`, `<plaintext>`, "\u202e<script>alert(60)</script>",
	`<x contenteditable onblur=alert(61)>`, `<img src="x` + "`" + `" onerror=alert(62)>`,
}

// inert fails the test unless a page has no element, attribute or address that comes from
// anywhere but its template.
func (d *doc) inert(t *testing.T) {
	t.Helper()
	known := strings.Fields("html head meta title link script body a header nav ul li main p form input button h1 h2 h3 h4 div span svg path circle rect table caption thead tbody tr th td time code pre dl dt dd section details summary label select option textarea fieldset legend ol footer strong article b g line text figure figcaption progress datalist")
	each(d.root, func(n *html.Node) {
		if !slices.Contains(known, n.Data) {
			t.Errorf("%s has an element %s", d.path, n.Data)
		}
		if n.Data == "script" && (!strings.HasPrefix(attr(n, "src"), "/assets/fanfare.") || text(n) != "") {
			t.Errorf("%s has a script of %q: %q", d.path, attr(n, "src"), text(n))
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "srcdoc" || a.Key == "formaction" || a.Key == "http-equiv" {
				t.Errorf("%s: %s has an attribute %s=%q", d.path, n.Data, a.Key, a.Val)
			}
			if (a.Key == "href" || a.Key == "src" || a.Key == "action") && !strings.HasPrefix(a.Val, "/") && !strings.HasPrefix(a.Val, "#") && a.Val != "data:," {
				t.Errorf("%s: %s leads to %q", d.path, n.Data, a.Val)
			}
			if (a.Key == "href" || a.Key == "src" || a.Key == "action") && strings.HasPrefix(a.Val, "//") {
				t.Errorf("%s: %s leads to %q", d.path, n.Data, a.Val)
			}
		}
	})
}

// TestHostileText puts each string wherever the store keeps what people say, and opens
// every page.
func TestHostileText(t *testing.T) {
	t.Parallel()
	if len(hostile) < 60 {
		t.Fatalf("there are %d strings", len(hostile))
	}
	w := newWorld(t, nil)
	for i, text := range hostile {
		w.answer = func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("X-Said", strings.ToValidUTF8(text, ""))
			rw.WriteHeader(500)
			fmt.Fprint(rw, text)
		}
		name := fmt.Sprintf("hostile.t%d", i)
		said, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		et := &fanfare.EventType{Name: name, Description: text, GroupName: text, Examples: []byte(`[` + string(said) + `]`), Schemas: []byte(`{"1":{"description":` + string(said) + `}}`)}
		if err := w.hub.CreateEventType(t.Context(), et); err != nil {
			t.Fatal(err)
		}
		ep := &fanfare.Endpoint{
			Application: w.app.ID, URL: w.rcv.URL + "/?q=" + strings.ReplaceAll(fmt.Sprintf("%q", text), " ", "+"), Description: text,
			Metadata: map[string]string{"x": text}, Transformation: "// " + text, Retry: fanfare.Retry{Preset: "none"}, EventTypes: []string{name},
			Headers: map[string]string{"X-Ours": strings.Map(ascii, text)},
		}
		if err := w.hub.CreateEndpoint(t.Context(), ep); err != nil {
			ep.URL = w.rcv.URL + "/"
			if err := w.hub.CreateEndpoint(t.Context(), ep); err != nil {
				t.Fatal(err)
			}
		}
		msg := &fanfare.Message{EventType: name, Payload: []byte(`{"said":` + string(said) + `}`), Tags: []string{"x"}}
		if errs, err := w.hub.SendBatch(t.Context(), "acme", []*fanfare.Message{msg}, nil); err != nil || errs[0] != nil {
			t.Fatal(err, errs)
		}
		w.attempts(msg, 1)
		poller := w.endpoint(func(ep *fanfare.Endpoint) {
			ep.URL, ep.Kind, ep.Description, ep.EventTypes = "", fanfare.KindPoller, text, []string{name}
		})
		w.get(200, "/portal/endpoint/"+string(poller.ID)).inert(t)
		w.get(200, "/portal/endpoint/"+string(poller.ID)+"/settings").inert(t)
		w.post(422, "/portal/endpoint/new", "kind", "poller", "description", text, "filter", text, "do", "add", "events", "some").inert(t)
		at := "/portal/endpoint/" + string(ep.ID)
		for _, path := range []string{
			at, at + "/settings", at + "/test", at + "/transform", at + "/welcome?ping=" + string(msg.ID), at + "/confirm/delete",
			"/portal/message/" + string(msg.ID), "/portal/message/" + string(msg.ID) + "/to/" + string(ep.ID), "/portal/catalogue/" + name,
		} {
			w.get(200, path).inert(t)
		}
		for _, path := range []string{"/portal/log?type=", "/portal/catalogue?search=", "/portal/log?done=", "/portal?theme=", "/portal/log?at="} {
			a := w.send(httptest.NewRequest(http.MethodGet, path+url.QueryEscape(text), nil))
			w.parse(a, path).inert(t)
		}
		w.post(422, "/portal/endpoint/new", "url", text, "description", text, "filter", text, "headers", text, "rateLimit", text, "do", "add").inert(t)
		w.post(200, "/portal/endpoint/new", "do", "row", "member", text, "relation", text, "value", text, "auth", "oauth2", "auth.basic.username", text, "auth.oauth2.tokenUrl", text).inert(t)
		w.post(200, at+"/settings", "do", "try", "events", "some", "type", name, "filter", "payload.said == "+string(said)).inert(t)
		w.post(422, "/portal/settings/alert", "alertEmail", text).inert(t)
		w.post(422, "/portal/settings/key", "name", text, "days", "30").inert(t)
		if _, err := w.hub.CreateKey(t.Context(), &fanfare.Key{Name: strings.Map(ascii, text), Portal: true, Application: w.app.ID, Scopes: []fanfare.Scope{"messages:read"}}); err != nil {
			t.Fatal(err)
		}
		w.post(200, at+"/transform", "do", "try", "code", text+" wrong", "message", string(msg.ID)).inert(t)
	}
	w.get(200, "/portal").inert(t)
	w.get(200, "/portal/log").inert(t)
	w.get(200, "/portal/catalogue").inert(t)
	w.get(200, "/portal/settings").inert(t)
}

func ascii(r rune) rune {
	if r < ' ' || r > '~' {
		return '?'
	}
	return r
}
