package main

import (
	"strings"
	"testing"

	"github.com/fanfarehq/fanfare/internal/ui"
)

func TestSettingsAreShownWithoutSecrets(t *testing.T) {
	cmd := serveCommand(&env{})
	for name, value := range map[string]string{
		"database": "postgres://fan:hunter2@db.example.com:5433/fanfare?password=hunter2&sslmode=require", "database-listen": "host=db password=hunter2",
		"retention": "48h", "allow": "10.0.0.0/8",
	} {
		if err := cmd.Flags().Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	by := map[string]ui.Setting{}
	for _, s := range runsWith(cmd.Flags()) {
		if strings.Contains(s.Value, "hunter2") {
			t.Errorf("%s shows %q", s.Name, s.Value)
		}
		by[s.Name] = s
	}
	for name, want := range map[string]string{
		"database": "postgres://db.example.com:5433/fanfare", "database-listen": "(told)", "retention": "48h0m0s", "allow": "10.0.0.0/8", "per-host": "256",
	} {
		if by[name].Value != want || by[name].Default != (name == "per-host") {
			t.Errorf("%s is %+v, want %q", name, by[name], want)
		}
	}
	if _, there := by["new-admin-key"]; there {
		t.Error("what was done once is no setting")
	}
}
