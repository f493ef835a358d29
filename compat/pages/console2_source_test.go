package pages_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
)

// A source as the API has it.
type source struct {
	ID, Name, URL, Profile, Filter string
	Secrets                        int
	Disabled                       bool
}

func (w *world) sources() []source {
	w.t.Helper()
	var all list[source]
	w.api("GET", "/app/acme/source", "", &all)
	return all.Data
}

// pushes sends what GitHub does of a push, signed with a secret unless that is "", and
// returns how it was answered.
func (w *world) pushes(to, secret, delivery, body string) int {
	w.t.Helper()
	header := []string{"X-GitHub-Event", "push", "X-GitHub-Delivery", delivery}
	if secret != "" {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(body))
		header = append(header, "X-Hub-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	status, _ := w.asked("", "POST", to, body, header...)
	return status
}

// TestSourcesAreLookedAfter makes one for GitHub, sees what comes by it and what is
// refused, and takes it away.
func TestSourcesAreLookedAfter(t *testing.T) {
	t.Parallel()
	atDesk(t, func(t *testing.T, w *world, b *tab) {
		const secret, second = "a secret of enough characters", "another secret, long enough"
		b.open("/source")
		b.shows("No sources here")
		b.fill("app", "acme")
		b.press("Go on")
		b.shows("Of Acme")
		b.fill("name", "Shop")
		b.fill("profile", "github")
		b.fill("secret", secret)
		b.fill("filter", "payload.")
		b.press("Make the source")
		b.shows("Not yet:")
		b.fill("secret", secret)
		b.fill("filter", "payload.n > 1")
		b.press("Make the source")
		b.shows("The source is there")
		if all := w.sources(); len(all) != 1 || all[0].Name != "Shop" || all[0].Profile != "github" || all[0].Filter != "payload.n > 1" || all[0].Secrets != 1 {
			t.Fatalf("the sources are %+v", all)
		}
		src := w.sources()[0]
		page := "/app/acme/source/" + src.ID
		if got := eval[string](b, `document.querySelector(".copyable code").innerText`); got != src.URL {
			t.Errorf("the address shown is %q, not %q", got, src.URL)
		}
		b.lacks(secret)
		b.shows("Nothing has come that was kept")
		for what, want := range map[string]int{`{"n":2}`: 202, `{"n":1}`: 202} {
			if got := w.pushes(src.URL, secret, what[5:6], what); got != want && got != 200 {
				t.Errorf("%s is answered %d", what, got)
			}
		}
		if got := w.pushes(src.URL, "", "3", `{}`); got != 401 {
			t.Errorf("what is not signed is answered %d", got)
		}
		if !b.scripts() {
			b.open(page)
		}
		b.reads("Kept", "github.push") // with scripts the page looks again by itself
		b.reads("Filtered out")
		b.reads("Refused 401", "POST application/json", "127.0.0.1")
		b.shot("o8-source")
		b.press("github.push")
		b.shows(`"n": 2`)
		var msgs list[message]
		if w.api("GET", "/app/acme/msg", "", &msgs); len(msgs.Data) != 1 || !strings.Contains(eval[string](b, `location.pathname`), msgs.Data[0].ID) {
			t.Errorf("the messages are %v, and the page is %s", msgs.Data, eval[string](b, `location.pathname`))
		}

		b.open(page)
		b.press("Disable")
		b.shows("The source is disabled")
		if got := w.pushes(src.URL, secret, "4", `{"n":4}`); got != 410 || !w.sources()[0].Disabled {
			t.Errorf("a source that is disabled answers %d: %+v", got, w.sources())
		}
		b.press("Enable")
		b.shows("Receiving")
		b.press("New address")
		b.shows("The source has a new address")
		renewed := w.sources()[0]
		if renewed.URL == src.URL || renewed.Disabled {
			t.Errorf("it has the address %s", renewed.URL)
		}
		b.fill("secret", second)
		b.press("Add the secret")
		b.shows("The secret is added")
		if got := w.sources()[0].Secrets; got != 2 {
			t.Errorf("it has %d secrets", got)
		}
		for _, try := range [][3]string{{src.URL, secret, "5"}, {renewed.URL, secret, "6"}, {renewed.URL, second, "7"}} {
			if got := w.pushes(try[0], try[1], try[2], `{"n":5}`); got > 299 {
				t.Errorf("%v is answered %d", try, got)
			}
		}
		b.press("Delete…")
		b.shows("answered 404 from then on")
		b.press("Delete it")
		b.shows("The source is deleted")
		if all := w.sources(); len(all) != 0 {
			t.Errorf("there still is %+v", all)
		}
		if got := w.pushes(renewed.URL, second, "8", `{"n":6}`); got != 404 {
			t.Errorf("its address is answered %d", got)
		}
	})
}

// TestARecipeIsWrittenInTheConsole changes one of the gallery, tries it and installs it.
func TestARecipeIsWrittenInTheConsole(t *testing.T) {
	t.Parallel()
	atDesk(t, func(t *testing.T, w *world, b *tab) {
		b.open("/recipe/messages-to-receiver")
		b.press("Change it…")
		b.shows("A recipe of your own")
		text := eval[string](b, `document.querySelector("[name=recipe]").value`)
		b.fill("recipe", strings.Replace(text, "recipe: messages-to-receiver", "recipe: mine\nbout: x", 1))
		b.fill("app", "acme")
		b.press("Dry run")
		b.shows("is not known here")
		b.fill("recipe", strings.Replace(text, "recipe: messages-to-receiver", "recipe: mine", 1))
		b.fill("inputs", "RECEIVER_URL="+w.rcv.URL+"/mine\nWEBHOOK_SECRET=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
		b.press("Dry run")
		b.shows("POST " + w.rcv.URL + "/mine")
		b.press("Install")
		b.shows("It is installed as mine")
		if eps := w.endpoints(); len(eps) != 1 || eps[0].URL != w.rcv.URL+"/mine" {
			t.Errorf("the endpoints are %v", eps)
		}
		w.send(1, `{}`)
		b.press("See what it does")
		b.reads("record.created", "Succeeded")
	})
}

// scripts reports whether the page's scripts run.
func (b *tab) scripts() bool {
	b.t.Helper()
	return eval[bool](b, `document.documentElement.classList.contains("scripted")`)
}

// TestRecipesAreTriedInstalledAndRemoved goes from a dry run to what a recipe did.
func TestRecipesAreTriedInstalledAndRemoved(t *testing.T) {
	t.Parallel()
	atDesk(t, func(t *testing.T, w *world, b *tab) {
		w.endpoint(`,"description":"Not of a recipe"`)
		sent := w.send(1, `{"said":"before"}`)
		b.open("/recipe")
		b.shows("None yet. Choose one")
		b.press("messages-to-receiver")
		b.fill("app", "acme")
		b.press("Dry run")
		b.shows("What would be sent")
		b.shows("POST https://receiver.example.com/hook")
		b.fill("last", "5")
		b.fill("in.RECEIVER_URL", w.rcv.URL+"/recipe")
		b.press("Dry run")
		b.shows(sent.ID)
		b.shows("POST " + w.rcv.URL + "/recipe")
		b.shot("o9-trial")
		if eps := w.endpoints(); len(eps) != 1 {
			t.Errorf("a dry run has made %v", eps)
		}
		if n := w.attempts(sent); n != 1 {
			t.Errorf("a dry run has sent: there are %d attempts", n)
		}
		b.press("Install")
		b.shows("WEBHOOK_SECRET")
		b.shows("Not yet:")
		b.fill("in.WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
		b.press("Install")
		b.shows("It is installed as messages-to-receiver")
		eps := w.endpoints()
		if len(eps) != 2 || eps[0].URL != w.rcv.URL+"/recipe" {
			t.Fatalf("the endpoints are %v", eps)
		}
		w.send(2, `{"said":"after"}`)
		b.press("See what it does")
		b.reads("A receiver of one's own", "webhook", "Healthy")
		b.reads("record.created", "Succeeded", "200 OK")
		b.lacks("Not of a recipe")
		b.shot("o9-runs")
		b.open("/recipe")
		b.reads("messages-to-receiver", "Acme", "At work")
		b.click(`a[href$="/recipe/messages-to-receiver"][href^="/app/"]`)
		b.press("Remove…")
		b.shows("the endpoint A receiver of one's own")
		b.press("Remove it")
		b.shows("The recipe is removed")
		if eps := w.endpoints(); len(eps) != 1 || eps[0].URL != w.rcv.URL+"/hook" {
			t.Errorf("there are %v", eps)
		}
	})
}
