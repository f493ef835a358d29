package pages_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// A hostileWorld has hostile strings wherever one can be stored.
type hostileWorld struct {
	*world
	fields []string // names of what has them, and is shown
	pages  []string // to be looked at before others
}

func (w *world) sayHostile() *hostileWorld {
	w.t.Helper()
	w.answers(answerHostile)
	h := &hostileWorld{world: w}
	for _, say := range []func() []string{h.sayApplications, h.sayCatalogue, h.sayEndpoints, h.sayMessages, h.saySources, h.sayKeys, h.sayTasks, h.sayRecipe, h.sayAudit, h.sayBin} {
		h.fields = append(h.fields, say()...)
	}
	return h
}

func (w *hostileWorld) sayApplications() []string {
	for _, pack := range packed("appname", 256) {
		w.api("POST", "/app", `{"name":`+quoted(pack)+`}`, nil)
	}
	w.api("POST", "/app", `{"name":"Meta","uid":"meta","metadata":{"x":`+quoted(whole("appmeta"))+`}}`, nil)
	w.api("POST", "/app", `{"name":"Names","metadata":{`+quoted(whole("appmetaname"))+`:"x"}}`, nil)
	return []string{"appname", "appmeta", "appmetaname"}
}

func (w *hostileWorld) sayCatalogue() []string {
	property := whole("property")
	w.api("POST", "/event-type", `{"name":"hostile","description":`+quoted(whole("typedescription"))+`,"examples":[`+quoted(whole("example"))+`],
		"schemas":{"1":{"title":`+quoted(whole("schematitle"))+`,"type":["object","string"]},"2":{"description":`+quoted(whole("schemaabout"))+`,"type":["object","string"],"properties":{`+quoted(property)+`:{"type":"string"}}}}}`, nil)
	for i, pack := range packed("group", 256) {
		w.api("POST", "/event-type", `{"name":"hostile.g`+strconv.Itoa(i)+`","groupName":`+quoted(pack)+`}`, nil)
	}
	var flags []string
	for _, pack := range packed("flag", 250) {
		flags = append(flags, quoted(plain(pack)))
	}
	w.api("POST", "/event-type", `{"name":"hostile.flags","featureFlags":[`+strings.Join(flags, ",")+`]}`, nil)
	return []string{"typedescription", "example", "schematitle", "schemaabout", "property", "group", "flag"}
}

// sayEndpoints makes them of several kinds, whose receivers answer hostilely.
func (w *hostileWorld) sayEndpoints() []string {
	headers := map[string]string{}
	for i, pack := range packed("header", 1000) {
		headers["X-Ours-"+strconv.Itoa(i)] = plain(pack)
	}
	script := strings.ReplaceAll(whole("script"), "*/", "")
	raw := strings.NewReplacer(" ", "+", "#", "+", "\u202e", "")
	for _, pack := range packed("rawurl", 1800) { // as it stands, where a URL may have such characters
		status, text := w.asked(adminKey, "POST", "/api/v1/app/acme/endpoint", `{"filterTypes":["never.sent"],"url":`+quoted(w.rcv.URL+"/?"+raw.Replace(pack))+`}`)
		if status != http.StatusCreated && status != http.StatusUnprocessableEntity {
			w.t.Errorf("a hostile URL is answered %d: %s", status, text)
		}
	}
	var bodies []string
	for i := range throwers {
		bodies = append(bodies, `"url":`+quoted(w.rcv.URL+"/thrown")+`,"transformation":"function handler(w) { throw new Error(w.payload) }","filterTypes":["thrown.t`+strconv.Itoa(i)+`"]`)
	}
	bodies = append(bodies,
		`"kind":"http","description":"","config":{"url":`+quoted(w.rcv.URL+"/x?"+url.QueryEscape(packed("configurl", 900)[0]))+`,"body":`+quoted(plain(whole("httpbody")))+`},"filterTypes":["http"]`,
		`"kind":"lookup","config":{"find":{"url":`+quoted(w.rcv.URL+"/find")+`},"url":`+quoted(w.rcv.URL+"/put")+`,"headers":{"X-Config":`+quoted(plain(packed("config", 900)[0]))+`},"body":{"abv":"{{answer.abv}}","said":`+quoted(plain(whole("configbody")))+`}},"filterTypes":["looked"]`,
		`"url":`+quoted(w.rcv.URL+"/quiet")+`,"transformation":`+quoted("/* "+script+" */ function handler(w) { return w }")+`,"filterTypes":["quiet"]`,
		`"description":`+quoted(whole("epdescription"))+`,"metadata":{"x":`+quoted(whole("epmeta"))+`},"headers":`+object(headers)+`,"url":`+quoted(w.rcv.URL+"/?q="+url.QueryEscape(packed("epurl", 900)[0]))+
			`,"filter":`+quoted(`true || payload == `+strconv.Quote(whole("epfilter")))+`,"filterTypes":["hostile"]`,
	)
	for _, body := range bodies {
		w.api("POST", "/app/acme/endpoint", `{"retry":{"preset":"none"},`+body+`}`, nil)
	}
	return []string{"epdescription", "header", "epfilter", "script"}
}

// throwers is how many endpoints have scripts that throw what they are sent: one that has
// failed ten times in a row is tried slowly.
const throwers = 4

func object(of map[string]string) string {
	var parts []string
	for name, value := range of {
		parts = append(parts, quoted(name)+":"+quoted(value))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// sayMessages sends some whose labels are hostile, and waits until they were answered.
func (w *hostileWorld) sayMessages() []string {
	labels := func(name string) (quotes []string) {
		for _, pack := range packed(name, 128) {
			quotes = append(quotes, quoted(plain(pack)))
		}
		return quotes
	}
	tags, channels := labels("tag"), labels("channel")
	part := func(all []string, i int) string {
		return "[" + strings.Join(all[min(3*i, len(all)):min(3*i+3, len(all))], ",") + "]"
	}
	ids := packed("eventid", 256)
	n := max(len(ids), len(tags)/3+1)
	sent := 0
	send := func(key, body string) {
		status, text := w.asked(adminKey, "POST", "/api/v1/app/acme/msg", body, "Idempotency-Key", key, "User-Agent", plain(packed("agent", 200)[0]))
		var msg message
		if err := json.Unmarshal([]byte(text), &msg); status != 202 || err != nil {
			w.t.Fatalf("%s is answered %d: %s", body, status, text)
		}
		if sent++; sent <= 4 {
			w.pages = append(w.pages, "/app/acme/message/"+msg.ID)
		}
	}
	for i := range n {
		id := fmt.Sprint("none ", i)
		if i < len(ids) {
			id = plain(ids[i])
		}
		send(id, `{"eventType":"hostile","eventId":`+quoted(id)+`,"tags":`+part(tags, i)+`,"channels":`+part(channels, i)+`,"payload":{`+quoted(whole("payloadname"))+`:`+quoted(whole("payload"))+`}}`)
	}
	for i, pack := range packed("detail", 180) {
		send(fmt.Sprint("thrown ", i), `{"eventType":"thrown.t`+strconv.Itoa(i%throwers)+`","payload":`+quoted(pack)+`}`)
	}
	for _, kind := range []string{"quiet", "looked", "http"} {
		send(kind, `{"eventType":"`+kind+`","payload":`+quoted(whole("payload"))+`}`)
	}
	answered := 0
	w.patient(func() []any { return []any{": ", answered, " of ", sent, " are answered"} }, func() bool {
		var all struct {
			Data []struct{ ID, Kind string }
		}
		w.api("GET", "/app/acme/endpoint", "", &all)
		answered = 0
		for _, ep := range all.Data {
			var n struct{ Success, Fail int }
			w.api("GET", "/app/acme/endpoint/"+ep.ID+"/stats", "", &n)
			answered += n.Success + n.Fail
		}
		return answered == sent
	})
	return []string{"tag", "channel", "eventid", "payload", "payloadname", "detail", "answer", "answerheader"}
}

// saySources makes some and has hostile requests come by them.
func (w *hostileWorld) saySources() []string {
	var open, shut source
	for _, pack := range packed("sourcename", 256) {
		w.api("POST", "/app/acme/source", `{"name":`+quoted(pack)+`,"profile":"none"}`, nil)
	}
	w.api("POST", "/app/acme/source", `{"name":"Open","profile":"none","description":`+quoted(whole("sourcedescription"))+`,"eventType":`+quoted("hostile."+plain(whole("sourcetype")))+`,"filter":`+quoted(`true || payload == `+strconv.Quote(whole("sourcefilter")))+`}`, &open)
	w.api("POST", "/app/acme/source", `{"name":"Shut","profile":"hmac","secret":"a secret of enough characters","hmac":{"header":"X-Signature","prefix":`+quoted(plain(packed("prefix", 60)[1]))+`}}`, &shut)
	for _, pack := range packed("sourceheader", 400) {
		header := []string{"X-Said", plain(pack), "User-Agent", plain(packed("sourceagent", 400)[0]), "Content-Type", "text/plain"}
		if status, text := w.asked("", "POST", open.URL+"?"+url.QueryEscape(whole("sourcequery")), whole("sourcebody"), header...); status > 299 {
			w.t.Fatalf("a hostile request is answered %d: %s", status, text)
		}
	}
	for _, pack := range packed("sourcekind", 250) {
		if status, _ := w.asked("", "POST", shut.URL, whole("sourcebody"), "Content-Type", plain(pack)); status != 401 {
			w.t.Fatalf("a request that is not signed is answered %d", status)
		}
	}
	w.pages = append(w.pages, "/app/acme/source/"+open.ID, "/app/acme/source/"+shut.ID)
	return []string{"sourcename", "sourcedescription", "sourcetype", "sourcefilter", "sourceheader", "sourcebody", "sourcekind", "sourceagent"}
}

func (w *hostileWorld) sayKeys() []string {
	for _, pack := range packed("keyname", 256) {
		w.api("POST", "/api-key", `{"name":`+quoted(pack)+`,"scopes":["portal"]}`, nil)
	}
	return []string{"keyname"}
}

func (w *hostileWorld) sayTasks() []string {
	tags, channels := packed("tasktag", 128), packed("taskchannel", 128)
	half := (len(tags) + 1) / 2
	for i := range half { // one of both names in each
		w.api("POST", "/app/acme/msg/bulk-replay", `{"since":"2026-01-02T15:04:05Z","tag":`+quoted(plain(tags[i]))+`,"channel":`+quoted(plain(channels[min(half+i, len(channels)-1)]))+`}`, nil)
	}
	return []string{"tasktag", "taskchannel"}
}

// sayRecipe installs one of its own, whose texts are hostile.
func (w *hostileWorld) sayRecipe() []string {
	text := "recipe: hostile\nabout: " + quoted(plain(whole("recipeabout"))) + "\nneeds: " + quoted(plain(whole("recipeneeds"))) +
		"\nsources:\n  - uid: in\n    name: " + quoted(plain(packed("recipesource", 250)[0])) + "\n    profile: none\nendpoints:\n  - uid: out\n    description: " + quoted(plain(whole("recipeendpoint"))) +
		"\n    url: " + w.rcv.URL + "\n    eventTypes: [never.sent]\n"
	w.api("POST", "/app/acme/recipe", `{"recipe":`+quoted(text)+`}`, nil)
	return []string{"recipesource", "recipeendpoint"}
}

// sayAudit has requests noted that name hostilely what they are refused.
func (w *hostileWorld) sayAudit() []string {
	var key struct{ Token string }
	w.api("POST", "/api-key", `{"name":"Robot","scopes":["portal"]}`, &key)
	for _, pack := range packed("object", 250) {
		if status, _ := w.asked(key.Token, "DELETE", "/api/v1/app/"+url.PathEscape(plain(pack)), ""); status != http.StatusForbidden {
			w.t.Fatalf("a key for less is answered %d", status)
		}
	}
	return []string{"object"}
}

// sayBin has the inspector take hostile requests.
func (w *hostileWorld) sayBin() []string {
	b := w.desk(true)
	b.open("/inspector")
	b.press("New bin")
	b.shows("Send something to this address")
	address := eval[string](b, `document.querySelector("main .copyable code").innerText`)
	send := func(path, body string, header ...string) {
		if status, text := w.asked("", "POST", address+path, body, header...); status > 299 {
			w.t.Errorf("the bin answers %d: %s", status, text)
		}
	}
	header := []string{"User-Agent", plain(packed("binagent", 900)[0]), "Webhook-Event-Type", plain(evils[0]), "Webhook-Signature", plain(packed("binsignature", 900)[0])}
	for i, pack := range packed("binheader", 900) {
		header = append(header, "X-Said-"+strconv.Itoa(i), plain(pack))
	}
	said := url.QueryEscape(whole("binquery"))
	send("?"+said+"="+said, quoted(whole("binbody")), header...)
	send("/"+url.PathEscape(packed("binpath", 900)[0]), whole("binform")+"="+whole("binform"), "Content-Type", "application/x-www-form-urlencoded")
	send("", `{`+quoted(whole("binname"))+`:`+quoted(whole("binvalue"))+`}`, "Content-Type", plain(packed("binkind", 400)[0]))
	send("", "--x\r\nContent-Disposition: form-data; name=\"binfield\"; filename=\"<img data-evil src=x onerror=alert(0)>.html\"\r\nContent-Type: text/html\r\n\r\n"+whole("binpart")+"\r\n--x--\r\n", "Content-Type", `multipart/form-data; boundary=x`)
	send("", "<?xml version=\"1.0\"?><x>"+whole("binxml")+"</x>", "Content-Type", "text/xml")
	return []string{"binquery", "binbody", "binheader", "binagent", "binvalue", "binname"}
}
