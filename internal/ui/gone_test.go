package ui_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/fanfarehq/fanfare/internal/ui"
)

// TestWhoLeavesIsNoFault has a browser leave before its page is made.
func TestWhoLeavesIsNoFault(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, &ui.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}).asOperator()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.send(httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
	if log.Len() > 0 {
		t.Errorf("it was logged: %s", &log)
	}
}
