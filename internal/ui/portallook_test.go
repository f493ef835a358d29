package ui_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
)

// lookTime is longer than a page is looked for.
const lookTime = 25 * time.Millisecond

func (r *register) Messages(ctx context.Context, app fanfare.ApplicationID, f fanfare.MessageFilter) ([]*fanfare.Message, error) {
	if slices.Contains(f.EventTypes, "rare") {
		time.Sleep(lookTime)
	}
	return r.Model.Messages(ctx, app, f)
}

func (r *register) Deliveries(ctx context.Context, app fanfare.ApplicationID, f fanfare.DeliveryFilter) ([]*fanfare.Delivery, error) {
	if slices.Contains(f.EventTypes, "rare") {
		time.Sleep(lookTime)
	}
	return r.Model.Deliveries(ctx, app, f)
}

// TestWhatIsFarBackIsLookedForFurther, behind more than a page looks at.
func TestWhatIsFarBackIsLookedForFurther(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Paused = true })
	if _, err := w.hub.Send(t.Context(), "acme", "rare", []byte(`{}`)); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		var msgs []*fanfare.Message
		for range 100 {
			msgs = append(msgs, &fanfare.Message{EventType: "usual", Payload: []byte(`{}`)})
		}
		if _, err := w.hub.SendBatch(t.Context(), "acme", msgs, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"/portal/log?type=rare", "/portal/endpoint/" + string(ep.ID) + "?type=rare"} {
		d := w.get(200, path).says("Nothing like that", "as far back as was looked").lacks("Older")
		w.get(200, w.link(d, "Look further")).says("Newest", "Waiting").lacks("Nothing like that", "Look further", "Older")
	}
}

// TestEndpointsAreListedByHowTheyFare, in the portal.
func TestEndpointsAreListedByHowTheyFare(t *testing.T) {
	w := newWorld(t, nil)
	w.get(200, "/portal").lacks("Paused")
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Description = "Books" })
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Description, ep.Paused = "Shelf", true })
	w.endpoint(func(ep *fanfare.Endpoint) { ep.Description, ep.Paused, ep.Disabled = "Attic", true, true })
	w.get(200, "/portal").says("Books", "Shelf", "Attic", "Paused")
	w.get(200, "/portal?state=paused").says("Shelf").lacks("Books", "Attic")
	w.get(200, "/portal?state=disabled").says("Attic").lacks("Books", "Shelf")
	w.get(200, "/portal?state=failing").says("Nothing like that", "No endpoint is failing", "Show all").lacks("Books")
	w.get(422, "/portal?state=none")
}

// TestWhatWaitsIsCountedSoFar before it is cancelled.
func TestWhatWaitsIsCountedSoFar(t *testing.T) {
	w := newWorld(t, nil)
	ep := w.endpoint(func(ep *fanfare.Endpoint) { ep.Paused = true })
	for range 11 {
		var msgs []*fanfare.Message
		for range 100 {
			msgs = append(msgs, &fanfare.Message{EventType: "usual", Payload: []byte(`{}`)})
		}
		if _, err := w.hub.SendBatch(t.Context(), "acme", msgs, nil); err != nil {
			t.Fatal(err)
		}
	}
	w.get(200, "/portal/endpoint/"+string(ep.ID)+"/confirm/cancel").says("At least 1,000 deliveries wait for it", "Cancel all that waits")
}
