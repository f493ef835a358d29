package ui_test

import (
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

func TestWhatIsMutedIsSaidWhereNothingElseFails(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.get(200, "/issue").says("Every endpoint takes what it is sent")
	w.answers(503, "no")
	w.endpoint()
	w.message(1, `{}`)
	w.awaitFailing()
	d := w.submit(303, w.get(200, "/issue"), "Mute").says("1 issue is muted, and not listed here").lacks("Every endpoint takes")
	w.get(200, w.link(d, "Show what is muted")).says("503 Service Unavailable", "Unmute")
}

func TestWhatIsInLineIsNotAskedForAgain(t *testing.T) {
	w := newWorld(t, nil)
	w.answers(503, "no")
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Books" })
	w.message(1, `{}`)
	at := "/portal/endpoint/" + string(ep.ID)
	d := w.comes(at, "Retry all when healthy…")
	ask := w.link(d, "Retry all when healthy…")
	said := "1 delivery that was given up is sent again once the endpoint takes what it is sent"
	w.submit(303, w.get(200, ask), "Retry 1 message").says("In line since "+time.Now().UTC().Format("2006-01-02"), said).lacks("Retry all when healthy")
	w.get(200, ask).says("It is in line already", said).lacks("Retry 1 message")
	w.asOperator()
	d = w.get(200, "/app/acme/endpoint/"+string(ep.ID)).says(said).lacks("Retry all when healthy")
	w.get(200, w.link(d, "See what is in line")).says("Until its endpoint is healthy")
	w.get(200, "/issue").says("1 delivery is sent again once it is healthy, in line since").lacks("Retry all when healthy")
	w.get(200, "/issue/group/confirm/retry?cause=status-503&host="+w.host()).says("in line already").lacks("Retry all of")
}

func TestAFinishedTaskSaysWhatStillWaits(t *testing.T) {
	w := newWorld(t, nil)
	w.logIn(adminKey)
	w.answers(500, "no")
	ep := w.endpoint()
	w.message(1, `{}`)
	w.message(1, `{}`)
	d := w.get(200, "/task/new?app=acme&since=1h&endpoint="+string(ep.ID))
	d = w.submit(200, d, "Show how much it is").says("Send again what was given up: 2 deliveries")
	ep = w.stored(ep)
	if err := w.hub.PauseEndpoint(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	d = w.comes(w.submit(303, d, "Begin").path, "Finished", "2 deliveries were put in line", "At present 2 deliveries wait for the endpoint.")
	w.get(200, w.link(d, "See the queue"))
	w.post(303, d.path+"/cancel").says("had ended before").lacks("is cancelled")
}

func TestWhereNothingAnsweredThereIsNoAnswer(t *testing.T) {
	w := newWorld(t, nil)
	url := w.rcv.URL
	w.rcv.Close()
	d := w.submit(303, w.get(200, "/portal/endpoint/new"), "Add endpoint", "url", url, "ping", "yes")
	d.says("The first message was not taken").lacks("The answer took", "What it answered")
}

func TestEndpointsOfOneURLAreToldApart(t *testing.T) {
	w := newWorld(t, nil).asOperator()
	w.answers(503, "no")
	one := w.endpoint()
	w.endpoint(func(ep *fanfare.Endpoint) { ep.UID = "stock" })
	w.message(2, `{}`)
	w.until("both fail", func() bool {
		eps, _, err := w.hub.EveryEndpoint(t.Context(), fanfare.EndpointFilter{Which: fanfare.FailingEndpoints, Limit: 10, Look: 10})
		return err == nil && len(eps) == 2
	})
	names := []string{one.URL + " (stock) of Acme", one.URL + " (" + string(one.ID) + ") of Acme"}
	w.get(200, "/issue").says(names...)
	w.get(200, "/issue/group/confirm/pause?cause=status-503&host="+w.host()).says(names...)
}
