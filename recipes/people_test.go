package recipes_test

import (
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare/connect/fake"
)

// INT5: whoever is assigned a record gets a text; other changes send none.
func TestINT5TextTheAssignee(t *testing.T) {
	w := newWorld(t)
	twilio := w.service(fake.Twilio())
	w.install("text-the-assignee", map[string]string{
		"TWILIO_SID": "AC0123456789abcdef0123456789abcdef", "TWILIO_TOKEN": "any", "TWILIO_FROM": "+15005550006", "TWILIO_URL": twilio,
	})
	w.send("record.create", `{"data":{"id":"r-6","assigned_to":null},"previous":null}`)
	w.send("record.update", `{"data":{"id":"r-7","status":"closed","assigned_to":"Ann","assigned_to_phone":"+15005550010"},"previous":{"id":"r-7","status":"open","assigned_to":"Ann","assigned_to_phone":"+15005550010"}}`)
	w.send("record.update", `{"data":{"id":"r-7","assigned_to":"Ann","assigned_to_phone":"+15005550010"},"previous":{"id":"r-7","assigned_to":"Bob","assigned_to_phone":"+15005550011"}}`)
	got := w.taken(twilio, 1)[0]
	w.want(got, map[string]any{"to": "+15005550010", "from": "+15005550006", "body": "Ann, this is yours now: r-7"})
}

// INT6: more is ordered when stock crosses the threshold, and not again while it is
// below.
func TestINT6Reorder(t *testing.T) {
	w := newWorld(t)
	supplier := &desk{}
	w.install("reorder-below-threshold", map[string]string{"ORDER_URL": w.service(supplier) + "/orders", "ORDER_TOKEN": "supplier-token"})
	for _, stock := range [][2]string{{"12", "11"}, {"11", "10"}, {"10", "9"}, {"9", "8"}, {"8", "100"}} {
		w.send("product.update", `{"data":{"sku":"honey-1","stock":`+stock[1]+`},"previous":{"stock":`+stock[0]+`}}`)
	}
	w.send("product.update", `{"data":{"sku":"honey-1","name":"Honey","stock":5},"previous":{"sku":"honey-1","name":"honey","stock":5}}`) // what has changed is its name
	got := supplier.came(w, 1)[0]
	if got.path != "/orders" || got.authorization != "Bearer supplier-token" || !strings.HasPrefix(got.idempotency, "msg_") {
		t.Errorf("came %+v", got)
	}
	w.same(got.body, `{"sku":"honey-1","quantity":91}`)
}

// INT7: the manager gets one mail when a record becomes urgent.
func TestINT7MailTheManager(t *testing.T) {
	w := newWorld(t)
	box, at := w.mailbox()
	w.install("mail-the-manager", map[string]string{
		"MANAGER": "manager@example.com", "FROM": "Fanfare <fanfare@example.com>", "SMTP_SERVER": at, "SMTP_SECURITY": "none",
	})
	const urgent = `"status":"needs immediate attention"`
	w.send("record.update", `{"data":{"id":"r-6","status":"open"},"previous":{"status":"closed"}}`)
	w.send("record.update", `{"data":{"id":"r-7",`+urgent+`,"assigned_to":"Ann","updated_by":"Bob"},"previous":{"status":"open"}}`)
	w.send("record.update", `{"data":{"id":"r-7",`+urgent+`,"assigned_to":"Cleo"},"previous":{`+urgent+`,"assigned_to":"Ann"}}`)
	w.settle()
	mails := box.Mails()
	if len(mails) != 1 {
		w.tell()
		t.Fatalf("%d mails came", len(mails))
	}
	m := mails[0]
	if m.From != "fanfare@example.com" || strings.Join(m.To, " ") != "manager@example.com" || m.Subject != "r-7 needs immediate attention" || !strings.Contains(m.Text, "Last changed by: Bob") {
		t.Errorf("the mail: %+v", m)
	}
}

// INT10: a push to the assigned one, with a link into the app.
func TestINT10Dispatch(t *testing.T) {
	w := newWorld(t)
	pushbullet := w.service(fake.Pushbullet())
	w.install("dispatch-to-pushbullet", map[string]string{"PUSHBULLET_TOKEN": "o.any", "PUSHBULLET_URL": pushbullet})
	w.send("record.update", `{"data":{"id":"r-6","assigned_to_email":"ann@example.com"},"previous":{"assigned_to_email":"ann@example.com"}}`)
	w.send("record.update", `{"data":{"id":"r 7","status":"open","assigned_to_email":"ann@example.com"},"previous":{"assigned_to_email":null}}`)
	got := w.taken(pushbullet, 1)[0]
	w.want(got, map[string]any{"type": "link", "receiver_email": "ann@example.com", "title": "Dispatch: open", "body": "r 7 is yours"})
	if link := got["url"].(string); !strings.HasPrefix(link, "fulcrumapp://edit-record?record_id=r") {
		t.Errorf("the link is %q", link)
	}
}

// INT11: only what is within the area is told of.
func TestINT11Geofence(t *testing.T) {
	w := newWorld(t)
	ntfy := w.service(fake.Ntfy())
	w.install("notify-within-area", map[string]string{"LATITUDE": "27.95", "LONGITUDE": "-82.46", "METRES": "2000", "TOPIC": "bears-8c2f41", "NTFY_URL": ntfy})
	w.send("record.create", `{"data":{"id":"r-5","status":"bear","latitude":null,"longitude":null}}`)
	w.send("record.create", `{"data":{"id":"r-6","status":"bear","latitude":27.97,"longitude":-82.46}}`) // 2.2 km to the north
	w.send("record.create", `{"data":{"id":"r-7","status":"bear","latitude":27.94,"longitude":-82.46}}`) // 1.1 km to the south
	got := w.taken(ntfy, 1)[0]
	w.want(got, map[string]any{"topic": "bears-8c2f41", "title": "bear", "click": "https://www.openstreetmap.org/?mlat=27.94&mlon=-82.46"})
	if text := got["message"].(string); !strings.HasPrefix(text, "r-7, 111") || !strings.HasSuffix(text, " m from the middle") {
		t.Errorf("the message is %q", text)
	}
}

// INT11: what nobody has is assigned to whoever is nearest, by a change at the API.
func TestINT11Nearest(t *testing.T) {
	w := newWorld(t)
	records := &desk{}
	w.install("assign-the-nearest", map[string]string{
		"PEOPLE":     `[{"id":"bob","lat":47.5,"lon":-122.2},{"id":"ann","lat":27.9,"lon":-82.4},{"id":"it's \"c\"","lat":-27.9,"lon":82.4}]`,
		"RECORD_URL": w.service(records) + "/v2/records/{{payload.id}}", "RECORD_TOKEN": "records-token",
	})
	w.send("record.create", `{"data":{"id":"r-6","latitude":27.94,"longitude":-82.45,"assigned_to_id":"cleo"}}`)
	w.send("record.create", `{"data":{"id":"r-7","latitude":27.94,"longitude":-82.45,"assigned_to_id":null}}`)
	got := records.came(w, 1)[0]
	if got.method != "PATCH" || got.path != "/v2/records/r-7" || got.authorization != "Bearer records-token" {
		t.Errorf("came %+v", got)
	}
	w.same(got.body, `{"assigned_to_id":"ann"}`)
}
