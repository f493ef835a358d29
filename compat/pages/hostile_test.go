package pages_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"
)

// hostile are strings that would run, load or lead somewhere, were they taken for HTML:
// every way to begin something with every thing that begins it.
func hostile() (all []string) {
	acts := []string{
		`<script>alert(%d)</script>`, `<img src=x onerror=alert(%d)>`, `<svg onload=alert(%d)>`, `<iframe srcdoc="<script>parent.alert(%d)</script>"></iframe>`,
		`<details open ontoggle=alert(%d)>`, `<input autofocus onfocus=alert(%d)>`, `<a href="javascript:alert(%d)">x</a>`, `<style>@import "http://127.0.0.1:9/%d.css";</style>`,
		`<img src=http://127.0.0.1:9/%d.png>`, `<meta http-equiv=refresh content="0;url=http://127.0.0.1:9/%d">`,
	}
	for _, out := range []string{``, `">`, `'>`, `</textarea>`, `</title>`, `</code></pre>`, `" onmouseover="alert(0)" x="`} {
		for _, act := range acts {
			all = append(all, out+fmt.Sprintf(act, len(all)))
		}
	}
	return all
}

// TestHostileText has people's texts be scripts: in names, descriptions, payloads, answers
// and headers. None runs, nothing is loaded, and the policy has nothing to report.
func TestHostileText(t *testing.T) {
	w := newWorld(t)
	texts := hostile()
	if len(texts) < 60 {
		t.Fatalf("there are %d", len(texts))
	}
	b := w.tab(true)
	b.enter(w.link(`{}`))
	for i, text := range texts {
		w.answers(func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("X-Said", text)
			rw.Header().Set("Location", text)
			rw.WriteHeader(http.StatusFound)
			io.WriteString(rw, text)
		})
		kind := fmt.Sprintf("hostile.t%d", i)
		said := quoted(text)
		w.api("POST", "/event-type", `{"name":"`+kind+`","description":`+said+`,"groupName":`+said+`,"examples":[`+said+`]}`, nil)
		ep := w.endpoint(`,"description":` + said + `,"metadata":{"x":` + said + `},"filterTypes":["` + kind + `"],"headers":{"X-Ours":` + said + `}`)
		var msg message
		w.api("POST", "/app/acme/msg", `{"eventType":"`+kind+`","payload":`+said+`}`, &msg)
		w.until(func() bool { return w.attempts(msg) == 1 })
		b.open("/portal/message/" + msg.ID + "/to/" + ep.ID)
		if !b.soon(`document.body.innerText.includes(` + said + `)`) {
			t.Errorf("%q is not shown as it is", text)
		}
		if i%7 == 0 {
			for _, path := range []string{"/settings", "/transform", "/welcome?ping=" + msg.ID} {
				b.open("/portal/endpoint/" + ep.ID + path)
			}
			b.open("/portal/catalogue/" + kind)
		}
	}
	for _, path := range []string{"/portal", "/portal/log", "/portal/catalogue", "/portal/endpoint/new"} {
		b.open(path)
	}
}
