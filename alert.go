package fanfare

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net/mail"
	"slices"
	"strings"
	"time"
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

// mailsAnHour is of how much an application's customer can be mailed by one node.
// Nobody checks that the address is theirs, and they say themselves when an endpoint of
// theirs fails: so it is enough for those who have many at a host that fails, and too
// little for mailing others.
const mailsAnHour = 10

// mail lets data have its customer's address, in news of which they are to be mailed.
func (h *Hub) mail(n *news, data *endpointNews) {
	if data.address != "" && h.operations.mails(data.App, n.once, h.now()) {
		data.AlertEmail = data.address
	}
}

// mails counts one more mail of an application's, unless it is of that name and was
// counted, and reports whether there may be that many.
func (o *operations) mails(app ApplicationID, once string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	this := tallied{EndpointID(once), "mail"}
	if t, counted := o.tally[this]; counted && now.Sub(t.since) < tellWindow {
		return true
	}
	n, _ := o.allowLocked(tallied{EndpointID(app), "mail"}, now)
	if n <= mailsAnHour && once != "" {
		o.tally[this] = tally{since: now, told: 1}
	}
	return n <= mailsAnHour
}

// maxOneLine is how long a name in news of an endpoint may be.
const maxOneLine = 100 // characters

// oneLine is ep's name for people, in which mails have it: what it is described as, or
// where it is without what may be secret, or of what kind.
func (ep *Endpoint) oneLine() string {
	spaced := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	name := []rune(cmp.Or(spaced(ep.Description), spaced(MaskURL(ep.URL)), ep.Kind))
	if len(name) > maxOneLine {
		name = append(name[:maxOneLine-1], '…')
	}
	return string(name)
}
