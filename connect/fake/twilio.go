package fake

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode/utf16"
)

// A twilioError is an error as Twilio's API has it.
type twilioError struct {
	Code     int    `json:"code"`
	Message  string `json:"message"`
	MoreInfo string `json:"more_info"`
	Status   int    `json:"status"`
}

func twilioRefuses(status, code int, format string, args ...any) *twilioError {
	return &twilioError{code, fmt.Sprintf(format, args...), fmt.Sprintf("https://www.twilio.com/docs/errors/%d", code), status}
}

// Numbers that a message to or from ends as is said there. The first ones of each are
// those that Twilio itself has for test credentials
// (https://www.twilio.com/docs/iam/test-credentials).
var (
	twilioTo = map[string]*twilioError{
		"+15005550001": twilioRefuses(400, 21211, "Invalid 'To' Phone Number: +15005550001"),
		"+15005550002": twilioRefuses(400, 21612, "The 'To' phone number: +15005550002, is not currently reachable using the 'From' phone number via SMS."),
		"+15005550003": twilioRefuses(400, 21408, "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: +15005550003"),
		"+15005550004": twilioRefuses(400, 21610, "Attempt to send to unsubscribed recipient"),
		"+15005550009": twilioRefuses(400, 21614, "'To' number: +15005550009, is not a valid mobile number"),
		"+15005551608": twilioRefuses(400, 21608, "The number +15005551608 is unverified. Trial accounts cannot send messages to unverified numbers; verify +15005551608 at twilio.com/user/account/phone-numbers/verified, or purchase a Twilio number to send messages to unverified numbers"),
		"+15005550429": twilioRefuses(429, 20429, "Too Many Requests"),
		"+15005550500": twilioRefuses(500, 20500, "An internal server error has occurred"),
		"+15005550503": twilioRefuses(503, 20503, "Service Unavailable"),
	}
	twilioFrom = map[string]*twilioError{
		"+15005550001": twilioRefuses(400, 21212, "Invalid 'From' Phone Number: +15005550001"),
		"+15005550007": twilioRefuses(400, 21606, "The 'From' phone number provided (+15005550007) is not a valid message-capable Twilio phone number for this destination."),
		"+15005550008": twilioRefuses(400, 21611, "This 'From' number has exceeded the maximum number of queued messages"),
	}
)

// More numbers to send to, which end in what is no error of Twilio's.
const (
	twilioSilent = "+15005550408" // it is taken, and nothing is answered
	twilioCutOff = "+15005550499" // it is taken, and the connection is lost
	twilioV1     = "+15005551001" // refused with an error in the form of Twilio's newer APIs
)

// Credentials of the accounts that are not in order.
const (
	twilioWrongToken = "wrong"                              // no account has it as its token
	twilioSuspended  = "ACdddddddddddddddddddddddddddddddd" // the account is not active
	twilioNobody     = "AC00000000000000000000000000000000" // there is no such account
)

var (
	twilioAccount = regexp.MustCompile(`^AC[0-9a-f]{32}$`)
	twilioNumber  = regexp.MustCompile(`^(whatsapp:)?\+[1-9][0-9]{6,14}$`)
)

// maxSMS is how long a message may be, in UTF-16 as Twilio counts it.
const maxSMS = 1600

// A twilioMessage is one that was taken, as the API has it.
type twilioMessage struct {
	SID              string  `json:"sid"`
	Account          string  `json:"account_sid"`
	Version          string  `json:"api_version"`
	To               string  `json:"to"`
	From             *string `json:"from"`
	MessagingService *string `json:"messaging_service_sid"`
	Body             string  `json:"body"`
	Status           string  `json:"status"`
	Direction        string  `json:"direction"`
	Created          string  `json:"date_created"`
	Sent             *string `json:"date_sent"`
	Segments         string  `json:"num_segments"`
	Media            string  `json:"num_media"`
	Price            *string `json:"price"`
	ErrorCode        *int    `json:"error_code"`
	ErrorMessage     *string `json:"error_message"`
	URI              string  `json:"uri"`
}

// Twilio takes text messages as the REST API does
// (https://www.twilio.com/docs/messaging/api/message-resource), under any account SID
// and token but "wrong". +15005550001, …2, …3, …4 and …9 cannot be sent to, and
// +15005550001, …7 and …8 not be sent from, as with Twilio's own test credentials; and
// what is sent to +15005550429, …500 and …503 ends with that status, +15005551608 is
// unverified, of +15005550408 nothing is heard again, and with +15005550499 the
// connection is lost.
func Twilio() http.Handler {
	t := &taken{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2010-04-01/Accounts/{account}/Messages.json", func(rw http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(rw, r.Body, maxBody)
		if refused := twilioJudge(r); refused != nil {
			if refused.Status == http.StatusTooManyRequests || refused.Status == http.StatusServiceUnavailable {
				rw.Header().Set("Retry-After", "1")
			}
			answer(rw, refused.Status, refused)
			return
		}
		to := r.PostForm.Get("To")
		if to == twilioV1 {
			answer(rw, http.StatusBadRequest, map[string]any{
				"code": 21211, "message": "Invalid 'To' Phone Number", "httpStatusCode": http.StatusBadRequest,
				"params": map[string]string{"to": to}, "userError": true,
			})
			return
		}
		m := twilioTakes(r)
		t.add(m)
		switch to {
		case twilioSilent:
			<-r.Context().Done()
		case twilioCutOff:
			panic(http.ErrAbortHandler)
		}
		answer(rw, http.StatusCreated, m)
	})
	mux.HandleFunc("/", func(rw http.ResponseWriter, r *http.Request) {
		answer(rw, http.StatusNotFound, twilioRefuses(404, 20404, "The requested resource %s was not found", r.URL.Path))
	})
	return t.shownBy(mux)
}

// twilioJudge reads a request's form and says why it is refused; nil: it is taken.
func twilioJudge(r *http.Request) *twilioError {
	account := r.PathValue("account")
	user, token, _ := r.BasicAuth()
	key := strings.HasPrefix(user, "SK")
	switch {
	case user == "" || token == "" || token == twilioWrongToken || user != account && !key:
		return twilioRefuses(401, 20003, "Authenticate")
	case account == twilioSuspended:
		return twilioRefuses(403, 20005, "Account not active")
	case !twilioAccount.MatchString(account) || account == twilioNobody:
		return twilioRefuses(404, 20404, "The requested resource %s was not found", r.URL.Path)
	}
	if err := r.ParseForm(); err != nil {
		return twilioRefuses(400, 20001, "Unable to parse the request body")
	}
	to, from := r.PostForm.Get("To"), r.PostForm.Get("From")
	switch text := r.PostForm.Get("Body"); {
	case to == "":
		return twilioRefuses(400, 21604, "A 'To' phone number is required.")
	case from == "" && r.PostForm.Get("MessagingServiceSid") == "":
		return twilioRefuses(400, 21603, "A 'From' phone number is required.")
	case text == "":
		return twilioRefuses(400, 21602, "Message body is required.")
	case len(utf16.Encode([]rune(text))) > maxSMS:
		return twilioRefuses(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
	case twilioFrom[from] != nil:
		return twilioFrom[from]
	case !twilioNumber.MatchString(to):
		return twilioRefuses(400, 21211, "Invalid 'To' Phone Number: %s", to)
	}
	return twilioTo[to]
}

func twilioTakes(r *http.Request) *twilioMessage {
	sid := "SM" + randomHex(16)
	account, text := r.PathValue("account"), r.PostForm.Get("Body")
	return &twilioMessage{
		SID: sid, Account: account, Version: "2010-04-01", To: r.PostForm.Get("To"), Body: text,
		From: orNull(r.PostForm.Get("From")), MessagingService: orNull(r.PostForm.Get("MessagingServiceSid")),
		Status: "queued", Direction: "outbound-api", Created: time.Now().UTC().Format(time.RFC1123Z),
		Segments: fmt.Sprint((len([]rune(text)) + 152) / 153), Media: "0",
		URI: "/2010-04-01/Accounts/" + account + "/Messages/" + sid + ".json",
	}
}

func orNull(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// randomHex is n random bytes.
func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}
