package fanfare

import (
	"bytes"
	"context"
	"errors"
	"net/mail"
	"slices"
)

// maxAddress is how long an address for mail may be (RFC 5321 §4.5.3.1.3).
const maxAddress = 254

// checkAlertEmail checks an address for mail, which has no name before it; "" is none.
func checkAlertEmail(text string) error {
	if text == "" {
		return nil
	}
	if a, err := mail.ParseAddress(text); err != nil || a.Address != text || len(text) > maxAddress {
		return &InvalidError{"alertEmail", "must be one address such as yogi@example.com, of at most 254 bytes"}
	}
	return nil
}

// MailsAlerts reports whether somebody has set up that failing or disabled endpoints are
// written about to [Application.AlertEmail]: with an operational endpoint that is in use,
// wants news of them, and whose config uses data.alertEmail, as one of kind smtp does that
// mails there.
func (h *Hub) MailsAlerts(ctx context.Context) (bool, error) {
	r, err := h.catalogue.of(ctx, string(OperationalApplication))
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(r.targets, func(t *target) bool {
		return !t.Disabled && (t.Wants(EndpointFailing, nil) || t.Wants(EndpointDisabled, nil)) && bytes.Contains(t.Config, []byte("data.alertEmail"))
	}), nil
}
