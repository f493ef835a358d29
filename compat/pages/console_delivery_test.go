package pages_test

import (
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// TestEndpointsAreSeenTo does all that can be done with an endpoint.
func TestEndpointsAreSeenTo(t *testing.T) {
	t.Parallel()
	atDesk(t, func(t *testing.T, w *world, b *tab) {
		b.open("/app/acme")
		b.press("Add endpoint")
		b.shows("Which events")
		b.fill("url", w.rcv.URL+"/books")
		b.fill("description", "Books")
		b.press("Add endpoint")
		b.shows("It works")
		ep := w.endpoints()[0]
		if ep.URL != w.rcv.URL+"/books" {
			t.Fatalf("the endpoint is %+v", ep)
		}
		at := "/app/acme/endpoint/" + ep.ID
		w.api("POST", "/app/acme/endpoint", `{"url":`+quoted(w.rcv.URL)+`,"description":"Shelves","disabled":true}`, nil)

		b.open("/endpoint")
		b.reads("Books", "Acme", "Healthy")
		b.reads("Shelves", "Disabled")
		b.open("/endpoint?state=disabled")
		b.reads("Shelves")
		if b.hasRowNow("Books") {
			t.Error("those that are disabled have one that is not")
		}
		b.open("/endpoint")
		b.fill("search", "books")
		b.press("Filter")
		b.soon(`location.search.includes("search=books") && document.readyState === "complete"`)
		b.reads("Books")
		if b.hasRowNow("Shelves") {
			t.Error("the search finds others")
		}
		b.press("Pause")
		b.shows("The endpoint is paused")
		if !w.fare(ep).Paused {
			t.Error("it is not paused")
		}
		b.press("Resume")
		b.shows("The endpoint is resumed")
		if w.fare(ep).Paused {
			t.Error("it is still paused")
		}

		b.open(at + "/settings")
		b.fill("description", "Novels")
		b.press("Save")
		b.shows("The settings are saved")
		secret := func() (s struct{ Key string }) {
			w.api("GET", at+"/secret", "", &s)
			return s
		}
		before := secret()
		b.open(at + "/settings")
		b.press("Make a new one…")
		b.shows("Messages are signed with both secrets")
		b.press("Make a new secret")
		b.shows("There is a new secret")
		if secret() == before {
			t.Error("the secret is as it was")
		}
		b.open(at + "/settings")
		b.press("Show it")
		b.shows(secret().Key)

		b.open(at + "/settings")
		b.press("Disable…")
		b.press("Disable it")
		b.shows("The endpoint is disabled")
		if !w.fare(ep).Disabled {
			t.Error("it is not disabled")
		}
		var missed message
		w.api("POST", "/app/acme/msg", `{"eventType":"record.created","payload":{}}`, &missed)
		b.press("Enable again")
		b.shows("The endpoint is enabled again")
		b.press("Replay missing…")
		b.shows("1 message was accepted")
		b.press("Send 1 message")
		b.shows("What was never sent is being sent")
		w.until(func() bool { return w.state(ep, missed) == "success" })

		b.open(at + "/settings")
		b.press("Delete…")
		b.press("Delete it")
		b.shows("The endpoint is deleted")
		if left := w.endpoints(); len(left) != 1 {
			t.Errorf("there are %v", left)
		}
	})
}

// TestMessagesAreSentAndFound sends a message by hand, sends it as a new one, cancels what
// waits, and finds what was sent.
func TestMessagesAreSentAndFound(t *testing.T) {
	t.Parallel()
	atDesk(t, func(t *testing.T, w *world, b *tab) {
		got := make(chan string, 10)
		w.answers(func(rw http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			got <- string(text)
		})
		ep := w.endpoint(`,"description":"Books"`)
		b.open("/message")
		b.press("Send a message")
		b.fill("eventType", "book.sold")
		b.fill("payload", `{"title": }`)
		b.press("Send it")
		b.shows("is no JSON")
		b.fill("payload", `{"title": "Novel", "n": 1.50}`)
		b.fill("tags", "red, large")
		b.press("Send it")
		b.shows("The message is accepted")
		if text := <-got; text != `{"title": "Novel", "n": 1.50}` {
			t.Errorf("what was sent is %s", text)
		}
		first := eval[string](b, `location.pathname.split("/").pop()`)
		w.until(func() bool { return w.state(ep, message{ID: first}) == "success" })
		b.open("/app/acme/message/" + first)
		b.reads("Books", "Delivered")
		b.shows("1 attempt within")
		b.shot("message")
		b.press("Edit and send as a new one")
		b.fill("payload", `{"title":"Sequel"}`)
		b.press("Send it")
		b.shows("The message is accepted")
		if text := <-got; text != `{"title":"Sequel"}` {
			t.Errorf("what was sent is %s", text)
		}
		w.api("POST", "/app/acme/endpoint/"+ep.ID+"/pause", `{}`, nil)
		var waits message
		w.api("POST", "/app/acme/msg", `{"eventType":"book.lost","payload":{},"channels":["eu"],"eventId":"lost-1"}`, &waits)
		b.open("/app/acme/message/" + waits.ID)
		b.press("Cancel what waits")
		b.shows("What waited is cancelled")
		if got := w.state(ep, waits); got != "canceled" {
			t.Errorf("it is %s", got)
		}
		for name, value := range map[string]string{"tag": "red", "type": "book.sold", "status": "0"} {
			b.open("/message")
			b.fill(name, value)
			b.press("Filter")
			b.soon(`location.search.includes(` + quoted(name+"="+value) + `) && document.readyState === "complete"`)
			b.reads("book.sold")
			if b.hasRowNow("book.lost") {
				t.Errorf("with %s=%s there are others", name, value)
			}
		}
		b.open("/message?channel=eu")
		b.reads("book.lost")
		b.open("/message")
		b.fill("id", "lost-1")
		b.press("Filter")
		b.shows(waits.ID)
		b.shows("Where it went")
	})
}

// TestDeliveriesAreResentAndCopied reads why a delivery failed, makes the same request as
// curl, and sends it again.
func TestDeliveriesAreResentAndCopied(t *testing.T) {
	t.Parallel()
	atDesk(t, func(t *testing.T, w *world, b *tab) {
		ep := w.endpoint(`,"description":"Books"`)
		w.send(1, `{}`)
		w.says(500)
		msg := w.send(1, `{"it's":"a \"test\" <b>"}`)
		b.open("/delivery?outcome=failed")
		if n := eval[int](b, `document.querySelectorAll("tbody tr").length`); n != 1 {
			t.Errorf("%d attempts failed, want 1", n)
		}
		b.open("/delivery?outcome=succeeded")
		if n := eval[int](b, `document.querySelectorAll("tbody tr").length`); n != 1 {
			t.Errorf("%d attempts succeeded, want 1", n)
		}
		b.open("/app/acme/message/" + msg.ID + "/to/" + ep.ID)
		b.shows("The endpoint answered 500 Internal Server Error")
		b.shows("as told")
		b.shot("why")
		again := make(chan *http.Request, 10)
		w.answers(func(rw http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(strings.NewReader(string(text)))
			again <- r
		})
		command := eval[string](b, `document.querySelector("[data-key=c] code").textContent`)
		if out, err := exec.Command("sh", "-c", command+" --silent --show-error --max-time 10").CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		r := <-again
		text, _ := io.ReadAll(r.Body)
		if string(text) != `{"it's":"a \"test\" <b>"}` || r.URL.Path != "/hook" || r.Header.Get("webhook-id") != msg.ID || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("the command sends %s %s, %v: %s", r.Method, r.URL, r.Header, text)
		}
		b.press("Resend")
		b.shows("It is being sent again")
		if r := <-again; r.Header.Get("webhook-id") != msg.ID {
			t.Errorf("it was sent with the id %s", r.Header.Get("webhook-id"))
		}
		w.until(func() bool { return w.state(ep, msg) == "success" && w.attempts(msg) == 2 })

		w.says(500)
		late := w.send(1, `{}`)
		b.open("/app/acme/message/" + late.ID + "/to/" + ep.ID)
		b.press("Recover everything failed since…")
		b.shows("1 delivery was given up")
		w.answers(nil)
		b.press("Send 1 message")
		w.until(func() bool { return w.state(ep, late) == "success" })
	})
}

// TestListsOfTheConsoleArePaged goes to the end of the lists of these screens and back, by
// their links and by n and p.
func TestListsOfTheConsoleArePaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ep := w.endpoint(`,"filterTypes":["paged.x"]`)
	const many = 60
	var batch []string
	for i := range many {
		n := fmt.Sprintf("%02d", i)
		w.api("POST", "/app", `{"name":"Paged `+n+`"}`, nil)
		w.api("POST", "/app/acme/endpoint", `{"url":`+quoted(w.rcv.URL)+`,"description":"Paged `+n+`","filterTypes":["none.x"]}`, nil)
		batch = append(batch, `{"eventType":"paged.x","payload":{},"tags":["t`+n+`"]}`)
	}
	w.api("POST", "/app/acme/msg/batch", "["+strings.Join(batch, ",")+"]", nil)
	w.until(func() bool {
		var s struct{ Success int }
		w.api("GET", "/app/acme/endpoint/"+ep.ID+"/stats", "", &s)
		return s.Success == many
	})
	for _, scripts := range []bool{true, false} {
		b := w.desk(scripts)
		for path, most := range map[string]int{"/app": many + 2, "/endpoint": many + 2, // with those of a first start
			"/message?app=acme": many, "/delivery": many, "/app/acme/log": many, "/app/acme/endpoint/" + ep.ID: many} {
			b.open(path)
			seen := map[string]bool{}
			for page := 1; ; page++ {
				for _, id := range eval[[]string](b, `[...document.querySelectorAll("#list tbody tr, .scroll tbody tr")].map(r => r.id)`) {
					if seen[id] {
						t.Errorf("%s shows %s twice", path, id)
					}
					seen[id] = true
				}
				if page > 3 || !eval[bool](b, `!!document.querySelector("a[rel=next]")`) {
					break
				}
				at := eval[string](b, `location.search`)
				if scripts {
					b.key("n", "KeyN", 78, "n")
				} else {
					b.press("Older")
				}
				if !b.soon(`location.search !== ` + quoted(at) + ` && document.readyState === "complete"`) {
					t.Fatalf("%s: Older leads nowhere", path)
				}
			}
			if len(seen) != most {
				t.Errorf("%s shows %d in all, want %d", path, len(seen), most)
			}
			if scripts {
				b.key("p", "KeyP", 80, "p")
			} else {
				b.press("Newest")
			}
			if !b.soon(`!!document.querySelector("a[rel=next]") && !document.querySelector("a[data-key=p]")`) {
				t.Errorf("%s: Newest does not lead back", path)
			}
		}
	}
}
