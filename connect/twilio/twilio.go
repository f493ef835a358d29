// Package twilio sends text messages through Twilio
// (https://www.twilio.com/docs/messaging/api/message-resource).
package twilio

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/connect"
)

// maxText is how long a text may be, in UTF-16 as Twilio counts it; what is longer is
// cut off, and ends with an ellipsis.
const maxText = 1600

const service = "https://api.twilio.com"

// What may be done when it is not known whether a text was sent.
const (
	giveUp = "give_up"
	retry  = "retry"
)

// Connector sends a text to a number.
func Connector() fanfare.Connector {
	return fanfare.Connector{
		About: "Sends it as a text message (SMS) through Twilio.",
		Example: json.RawMessage(`{"accountSid":"AC0123456789abcdef0123456789abcdef","authToken":"0123456789abcdef0123456789abcdef",` +
			`"from":"+15005550006","to":"{{payload.phone}}","text":"{{eventType}}: {{payload}}"}`),
		Hidden:   []string{"authToken"},
		Where:    []string{"url"},
		ByHTTP:   true,
		New:      open,
		InFlight: 8,
	}
}

type config struct {
	AccountSID       string `json:"accountSid"`
	APIKey           string `json:"apiKey"`    // "": the account itself
	AuthToken        string `json:"authToken"` // of the account, or the API key's secret
	From             string `json:"from"`
	MessagingService string `json:"messagingServiceSid"`
	To               string `json:"to"`
	Text             string `json:"text"`
	StatusCallback   string `json:"statusCallback"`
	WhenUnsure       string `json:"whenUnsure"`
	URL              string `json:"url"`
}

// A sink sends from one account.
type sink struct {
	way            fanfare.Way
	config         config
	url            *url.URL
	from, to, text *connect.Template
}

var (
	accountSID = regexp.MustCompile(`^AC[0-9a-f]{32}$`)
	apiKey     = regexp.MustCompile(`^SK[0-9a-f]{32}$`)
	serviceSID = regexp.MustCompile(`^MG[0-9a-f]{32}$`)
)

func open(text []byte, way fanfare.Way) (fanfare.Sink, error) {
	c := config{Text: "{{eventType}}: {{payload}}", URL: service, WhenUnsure: giveUp}
	if err := connect.Decode(text, &c); err != nil {
		return nil, err
	}
	s := &sink{way: way, config: c}
	var errs [4]error
	s.url, errs[0] = connect.URL("url", c.URL, service)
	s.from, errs[1] = connect.Text("from", c.From)
	s.to, errs[2] = connect.Text("to", c.To)
	s.text, errs[3] = connect.Text("text", c.Text)
	if err := errors.Join(append(errs[:],
		connect.Must(accountSID.MatchString(c.AccountSID), "accountSid", "must be AC and 32 characters of 0-9 and a-f, as Twilio's console shows it"),
		connect.Must(c.APIKey == "" || apiKey.MatchString(c.APIKey), "apiKey", "must be SK and 32 characters of 0-9 and a-f, as Twilio's console shows it"),
		connect.Must(c.AuthToken != "", "authToken", "is missing; give the account's auth token, or with apiKey the key's secret"),
		connect.Must((c.From == "") != (c.MessagingService == ""), "from", "give either a number of yours such as +15005550006, or messagingServiceSid"),
		connect.Must(c.MessagingService == "" || serviceSID.MatchString(c.MessagingService), "messagingServiceSid", "must be MG and 32 characters of 0-9 and a-f, as Twilio's console shows it"),
		connect.Must(c.To != "", "to", "is missing; give a number such as +15005550010, or where it is in the message, such as {{payload.phone}}"),
		connect.Must(c.StatusCallback == "" || isURL(c.StatusCallback), "statusCallback", "is not a URL such as https://example.com/sms"),
		connect.Must(c.WhenUnsure == giveUp || c.WhenUnsure == retry, "whenUnsure", "one of give_up, retry"),
	)...); err != nil {
		return nil, err
	}
	return s, nil
}

func isURL(text string) bool {
	_, err := connect.URL("", text, "")
	return err == nil
}

// Target is whom it is sent to, and by whom.
func (s *sink) Target() string {
	from := s.config.From
	if from == "" {
		from = s.config.MessagingService
	}
	return connect.OneLine(from + " to " + s.config.To)
}

// Close has nothing to end.
func (s *sink) Close() error { return nil }

// Send texts msg. To send a text again is to have a person read it again, and Twilio
// has no key to know a repeated request by. So what may have been sent, as no answer
// came, is given up, unless the config says to try it again.
func (s *sink) Send(ctx context.Context, msg *fanfare.Message) (fanfare.Reply, error) {
	form, err := s.form(msg)
	if err != nil {
		return connect.Unfit("%v", err), nil
	}
	var begun atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { begun.Store(true) }})
	at := s.url.JoinPath("2010-04-01", "Accounts", s.config.AccountSID, "Messages.json")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return fanfare.Reply{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	user := s.config.APIKey
	if user == "" {
		user = s.config.AccountSID
	}
	req.SetBasicAuth(user, s.config.AuthToken)
	// On a connection that was kept open nobody can tell a request that was lost from
	// one whose answer was: a text has its own.
	req.Close = true
	a, err := connect.Do(s.way, req)
	switch {
	case err == nil:
		return a.Reply(s.judge(a)), nil
	case !begun.Load():
		return fanfare.Reply{}, err
	case s.config.WhenUnsure == retry:
		return fanfare.Reply{}, fmt.Errorf("it may have been sent, as the request was, and is tried again: %w", err)
	}
	return connect.Unfit("it may have been sent: the request was, but no answer came (%v); resend it if it did not arrive", err), nil
}

// form is what Twilio is told about msg.
func (s *sink) form(msg *fanfare.Message) (url.Values, error) {
	in := connect.InputOf(msg)
	var errs [3]error
	var from, to, text string
	from, errs[0] = connect.Fill("from", s.from, in, nil)
	to, errs[1] = connect.Fill("to", s.to, in, nil)
	text, errs[2] = connect.Fill("text", s.text, in, nil)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	from, to, text = strings.TrimSpace(from), strings.TrimSpace(to), strings.TrimSpace(text)
	form := url.Values{"To": {to}, "Body": {connect.Shorten(text, maxText)}}
	switch {
	case to == "":
		return nil, errors.New("to renders empty: the message does not say whom to text")
	case text == "":
		return nil, errors.New("text renders empty")
	case s.config.MessagingService != "":
		form.Set("MessagingServiceSid", s.config.MessagingService)
	case from == "":
		return nil, errors.New("from renders empty")
	default:
		form.Set("From", from)
	}
	if s.config.StatusCallback != "" {
		form.Set("StatusCallback", s.config.StatusCallback)
	}
	return form, nil
}

// ours are the errors that the endpoint's config is to blame for, or the account: when
// that is put right, the message can be sent
// (https://www.twilio.com/docs/api/errors).
var ours = map[int]string{
	20003: "check accountSid and authToken",
	20005: "the account is suspended or closed",
	20404: "there is no such account; check accountSid",
	21212: "from is no number to send from",
	21603: "from is missing",
	21606: "from is not a number of yours that can send texts there",
	21608: "a trial account only texts verified numbers; verify it, or upgrade the account",
	21611: "too much is queued for from",
	21659: "from is not a number of this country",
	21660: "from is a number of another account",
	21701: "the messaging service does not exist; check messagingServiceSid",
	21703: "the messaging service has no number to send from",
}

// judge says what an answer means. A text that was refused for what it is, or for whom
// it is to, will be refused again.
func (s *sink) judge(a *connect.Answer) (fanfare.Class, string) {
	if a.Status >= 200 && a.Status < 300 {
		return fanfare.ClassSuccess, ""
	}
	var said struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	class, detail := a.Class(), connect.FirstLine(a.Body)
	if json.Unmarshal(a.Body, &said) == nil && said.Code != 0 {
		detail = fmt.Sprintf("%d: %s", said.Code, said.Message)
		if fix := ours[said.Code]; fix != "" {
			class, detail = fanfare.ClassStatus, detail+"; "+fix
		}
	}
	switch a.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusGone:
		class = fanfare.ClassStatus // which is about the account, not about the message
	}
	if detail == "" {
		detail = http.StatusText(a.Status)
	}
	return class, detail
}
