package fanfare_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/email"
	"github.com/fanfarehq/fanfare/connect/fake"
)

// mailer is the config that the manual has for mailing alerts.
const mailer = `{
	"server": "mail.example:25", "security": "none", "from": "Acme <hooks@acme.example>", "to": "{{payload.data.alertEmail}}",
	"subject": "{{payload.type == 'endpoint.failing' ? 'Fails: ' : 'Disabled: '}}{{payload.data.endpointName}}",
	"text": "Your endpoint {{payload.data.endpointName}} {{payload.type == 'endpoint.failing' ? 'fails' : 'is disabled'}}: {{payload.data.reason}}"
}`

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestCustomersAreMailed: whoever has left an address gets a mail when an endpoint of
// theirs fails and when it is disabled, and nobody else does.
func TestCustomersAreMailed(t *testing.T) {
	opt := &fanfare.Options{DisableAfter: 24 * time.Hour, Connectors: map[string]fanfare.Connector{"smtp": email.Connector()}}
	inBubble(t, opt, func(t *testing.T, w *world) {
		box := &fake.Mailbox{}
		l, err := w.net.Listen("mail.example:25")
		ok(t, err)
		go box.Serve(l)
		t.Cleanup(func() { box.Close() })
		if _, err := w.hub.Operational(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		ok(t, w.hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{
			Application: fanfare.OperationalApplication, Kind: "smtp", Config: json.RawMessage(mailer),
			EventTypes: []string{"endpoint.failing", "endpoint.disabled"}, Filter: "has(payload.data.alertEmail) && has(payload.data.reason)",
		}))
		w.app.AlertEmail = "yogi@example.com"
		ok(t, w.hub.UpdateApplication(t.Context(), w.app))
		other := &fanfare.Application{Name: "Other", UID: "other"}
		ok(t, w.hub.CreateApplication(t.Context(), other))
		rcv := w.receiver("receiver.example", func(_ int, rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(500) })
		plan := fanfare.Retry{Delays: slices.Repeat(spans("1h"), 12)}
		w.endpoint(fanfare.Endpoint{URL: rcv.url + "in?token=secret-of-theirs", Retry: plan})
		gone := w.endpoint(fanfare.Endpoint{URL: rcv.url, Description: "Billing", EventTypes: []string{"none"}})
		ok(t, w.hub.CreateEndpoint(t.Context(), &fanfare.Endpoint{Application: other.ID, URL: rcv.url, Retry: plan}))
		for range 2 { // the second time after more than a day of failures
			for _, app := range []string{"acme", "other"} {
				for range 15 {
					_, err := w.hub.Send(t.Context(), app, "a.b", []byte("1"))
					ok(t, err)
				}
			}
			time.Sleep(30 * time.Hour)
		}
		gone.Disabled = true // by hand, of which whoever did it knows
		ok(t, w.hub.UpdateEndpoint(t.Context(), gone))
		time.Sleep(time.Hour)
		synctest.Wait()
		var got []string
		for _, m := range box.Mails() {
			_, text, _ := strings.Cut(m.Text, "\r\n\r\n")
			got = append(got, strings.Join(m.To, " ")+" | "+m.Subject+" | "+strings.ReplaceAll(strings.TrimSpace(text), "=\r\n", ""))
		}
		want := []string{
			"yogi@example.com | Fails: http://receiver.example/in?token=*** | Your endpoint http://receiver.example/in?token=3D*** fails: The endpoint answered 500 Internal Server Error, which is not among the statuses that mean success. Look into the receiver's log: it failed while it handled the message.",
			"yogi@example.com | Disabled: http://receiver.example/in?token=*** | Your endpoint http://receiver.example/in?token=3D*** is disabled: nothing but failures since 2000-01-01T00:00:00Z",
		}
		if !slices.Equal(got, want) {
			t.Errorf("the mails are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// mailed are the addresses that news of a type had, and the names in all news of endpoints.
func mailed(t *testing.T, op *operator, kind string) (to, names []string) {
	t.Helper()
	synctest.Wait()
	for _, r := range op.requests() {
		var one struct {
			Type string
			Data struct{ AlertEmail, EndpointName string }
		}
		ok(t, json.Unmarshal([]byte(r.body), &one))
		if one.Type == kind && one.Data.AlertEmail != "" {
			to = append(to, one.Data.AlertEmail)
		}
		if strings.HasPrefix(one.Type, "endpoint.") {
			names = append(names, one.Data.EndpointName)
		}
	}
	return to, names
}

// TestNobodyMailsOthers as often as they like and what they like, by an address that is
// not theirs and a description.
func TestNobodyMailsOthers(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		op := w.operator(nil)
		w.app.AlertEmail = "yogi@example.com"
		ok(t, w.hub.UpdateApplication(t.Context(), w.app))
		rcv := w.receiver("receiver.example", func(_ int, rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(410) })
		ep := w.endpoint(fanfare.Endpoint{URL: rcv.url, Description: " Buy\n\n at\u2028once " + strings.Repeat("ö", 2000)})
		again := func(times int) {
			t.Helper()
			for range times {
				for range 5 { // all of which are answered 410 at once
					_, err := w.hub.Send(t.Context(), "acme", "a.b", []byte("1"))
					ok(t, err)
				}
				time.Sleep(5 * time.Second)
				synctest.Wait()
				now, err := w.hub.Endpoint(t.Context(), w.app.ID, string(ep.ID))
				ok(t, err)
				if !now.Disabled {
					t.Fatal("it is not disabled")
				}
				_, err = w.hub.CancelWaiting(t.Context(), now)
				ok(t, err)
				now.Disabled = false
				ok(t, w.hub.UpdateEndpoint(t.Context(), now))
			}
		}
		again(20)
		to, names := mailed(t, op, fanfare.EndpointDisabled)
		if len(to) != 10 {
			t.Errorf("there are %d mails in an hour, want 10", len(to))
		}
		want := "Buy at once " + strings.Repeat("ö", 87) + "…"
		if i := slices.IndexFunc(names, func(name string) bool { return name != want }); i >= 0 || len(names) < 60 {
			t.Errorf("of %d names one is %q, want %q", len(names), names[max(0, i)], want)
		}
		for _, kind := range []string{fanfare.EndpointCreated, fanfare.EndpointUpdated, fanfare.EndpointEnabled} {
			if to, _ := mailed(t, op, kind); len(to) != 0 {
				t.Errorf("%s has the address %d times", kind, len(to))
			}
		}
		time.Sleep(time.Hour)
		again(2)
		if to, _ := mailed(t, op, fanfare.EndpointDisabled); len(to) != 12 {
			t.Errorf("an hour later there are %d mails, want 12", len(to))
		}
	})
}

// TestManyEndpointsAreMailedOf, the first few, when all at one host fail; and what an
// operator has told counts with them.
func TestManyEndpointsAreMailedOf(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		op := w.operator(nil)
		w.app.AlertEmail = "yogi@example.com"
		ok(t, w.hub.UpdateApplication(t.Context(), w.app))
		rcv := w.receiver("receiver.example", func(_ int, rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(500) })
		var ep fanfare.EndpointID
		for range 8 {
			ep = w.endpoint(fanfare.Endpoint{URL: rcv.url}).ID
		}
		for range 15 {
			_, err := w.hub.Send(t.Context(), "acme", "a.b", []byte("1"))
			ok(t, err)
		}
		time.Sleep(10 * time.Minute)
		if to, _ := mailed(t, op, fanfare.EndpointFailing); len(to) != 8 {
			t.Errorf("there are %d mails, want 8", len(to))
		}
		for range 5 {
			failing, err := w.hub.Endpoint(t.Context(), w.app.ID, string(ep))
			ok(t, err)
			ok(t, w.hub.NotifyFailing(t.Context(), failing, "look at it"))
		}
		time.Sleep(time.Minute)
		if to, _ := mailed(t, op, fanfare.EndpointFailing); len(to) != 10 {
			t.Errorf("there are %d mails, want 10", len(to))
		}
	})
}

func TestAlertEmailsAreAddresses(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		for text, good := range map[string]bool{
			"": true, "yogi@example.com": true, "yogi+hooks@bears.example.com": true, "yögi@exämple.com": true, strings.Repeat("y", 242) + "@example.com": true,
			strings.Repeat("y", 243) + "@example.com": false, "yogi": false, "@example.com": false, "yogi@": false, "Yogi <yogi@example.com>": false,
			"<yogi@example.com>": false, "a@example.com,b@example.com": false, " yogi@example.com": false, "yogi@example.com\r\nBcc: x@example.com": false,
			`"a,b"@example.com`: false, "yogi@example.com (Yogi)": false,
		} {
			w.app.AlertEmail = text
			err := w.hub.UpdateApplication(t.Context(), w.app)
			if wrong, ok := errors.AsType[*fanfare.InvalidError](err); good != (err == nil) || !good && (!ok || wrong.Field != "alertEmail") {
				t.Errorf("%q is answered %v", text, err)
			}
		}
	})
}
