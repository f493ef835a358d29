package all_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect/all"
	"github.com/fanfarehq/fanfare/storetest"
)

// A dry run of every kind, configured as in its example, shows what would be sent and
// none of the example's secrets, and leaves nothing behind.
func TestEveryKindCanBeTriedDry(t *testing.T) {
	dir := t.TempDir()
	connectors := all.Connectors(&all.Options{Files: dir, Programs: map[string]string{"ledger": "/bin/false"}})
	hub := fanfare.New(storetest.NewModel(), &fanfare.Options{Connectors: connectors, Logger: slog.New(slog.DiscardHandler)})
	app := &fanfare.Application{Name: "Acme"}
	if err := hub.CreateApplication(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	msg := &fanfare.Message{
		ID: "msg_1", Application: app.ID, EventType: "record.created", CreatedAt: time.Now(),
		Payload: []byte(`{"id":7,"name":"Yogi","phone":"+15005550010","email":"yogi@example.com","url":"https://example.com/","customer":"c","species":"bear","latitude":1.5,"longitude":2.5,"score":3,
			"data":{"id":7,"latitude":1.5,"longitude":2.5,"client_created_at":"2026-01-02T03:04:05Z"}}`),
	}
	for kind, c := range connectors {
		d, err := hub.DryRun(t.Context(), app, &fanfare.Endpoint{Application: app.ID, Kind: kind, Config: c.Example}, msg)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if len(d.Previews) == 0 {
			t.Errorf("%s shows nothing (%s)", kind, d.Note)
		}
		var config map[string]any
		if err := json.Unmarshal(c.Example, &config); err != nil {
			t.Fatal(err)
		}
		for _, name := range c.Hidden {
			secret, ok := config[name].(string)
			if !ok {
				continue
			}
			for _, p := range d.Previews {
				if shown := fmt.Sprint(p.To, p.Header, string(p.Body)); strings.Contains(shown, secret) {
					t.Errorf("%s shows its %s: %s", kind, name, shown)
				}
			}
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("that has left files: %v, %v", files, err)
	}
}
