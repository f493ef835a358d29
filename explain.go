package fanfare

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare/internal/safedial"
)

// Explain says in a sentence what happened in the attempt, and in another what
// to do about it; fix is empty when there is nothing to do.
func (a *Attempt) Explain() (what, fix string) {
	switch a.Class {
	case ClassTransformation:
		return "The endpoint's transformation failed, so nothing was sent.", "Correct the script and try it on this message; what waits is sent with the new one."
	case ClassConnector:
		return "It was not taken.", "Look at what the other side says, and at the endpoint's config; it is tried again."
	case ClassFunction:
		return "The function returned an error or panicked.", "Look into the log of the program it is in: the function failed while it handled the message."
	case ClassSuccess:
		if a.Detail == notToBeSent {
			return "The endpoint's transformation said that it is not to be sent, so nothing was.", ""
		}
		if a.Status == 0 && !strings.HasPrefix(a.URL, functionScheme) {
			return fmt.Sprintf("It was taken within %s.", spent(a.Duration)), ""
		}
		if a.Status == 0 {
			return fmt.Sprintf("The function returned within %s.", spent(a.Duration)), ""
		}
		what = fmt.Sprintf("The endpoint answered %s in %s.", statusText(a.Status), spent(a.Duration))
		if to := a.header("Location"); to != "" && a.Status >= 300 && a.Status < 400 {
			what += fmt.Sprintf(" It points to %s, which was not followed: the answer itself counts as success.", bound(to, 200))
		}
		if a.retires() {
			what += " It asked to be sent nothing any more, so the endpoint was disabled."
			return what, "Enable the endpoint again if that was a mistake."
		}
		return what, ""
	case ClassStatus:
		return fmt.Sprintf("The endpoint answered %s, which is not among the statuses that mean success.", statusText(a.Status)), a.statusFix()
	case ClassRedirect:
		where := "elsewhere"
		if to := a.header("Location"); to != "" {
			where = "to " + bound(to, 200)
		}
		return fmt.Sprintf("The endpoint answered %s and points %s, which was not followed.", statusText(a.Status), where),
			redirectFix(a.header("Location"))
	case ClassBody:
		return fmt.Sprintf("The endpoint answered %s, but the body does not meet the endpoint's condition.", statusText(a.Status)),
			"Look at the response body: the receiver reports a problem in it, or the condition under \"success\" is wrong."
	case ClassRejected:
		if a.Status == 0 {
			return "It was refused for good.", "Look at what is said of it, and at the endpoint's config: it is not tried again by itself."
		}
		return fmt.Sprintf("The endpoint answered %s, by which it says that it will never take this message.", statusText(a.Status)),
			"Send what the receiver understands, in a new message: to send this one again cannot help."
	case ClassGone:
		if a.Status == 0 {
			return "The other side takes nothing any more.", "Put right what is said of it, in the endpoint's config or there; then enable the endpoint again."
		}
		return fmt.Sprintf("The endpoint answered %s, by which it says that it takes nothing any more.", statusText(a.Status)),
			"Put right what the receiver names, or give the endpoint a new URL; then enable it again if it was disabled."
	case ClassTimeout:
		return fmt.Sprintf("There was no answer within %s.", spent(a.Duration)),
			"Answer first and work afterwards, or raise the endpoint's timeout (up to 60 s)."
	case ClassRefused:
		return "The connection was refused: nothing listens at that address and port.",
			"Start the receiver, or correct the port in the URL."
	case ClassReset:
		return "The connection was closed before there was an answer.",
			"Look for a crash of the receiver, or for a proxy that gives up on it. The receiver may have the message."
	case ClassDNS:
		return "The name in the URL does not resolve.", "Check the URL for a typing error, and the name's DNS records."
	case ClassTLS:
		return "There was no trusted encrypted connection.",
			"Check that the certificate is valid, complete with its chain, and made out to the name in the URL; if the endpoint has a CA or a client certificate of its own, check these too."
	case ClassToken:
		return "No access token could be had from the token endpoint, so nothing was sent.",
			"Check the endpoint's token URL, client id, client secret, style, scopes and audience against what the token endpoint asks for."
	case ClassDenied:
		if safedial.AboutHTTPS(a.Detail) {
			return "The URL is not one that messages may be sent to.", "Make it an https URL."
		}
		return "The address is not one that messages may be sent to.",
			"Use a public address; on your own machine start the server with --dev, or open the network with --allow."
	case ClassBadResponse:
		return "What came back is not a valid HTTP response.", "Check that the URL's port speaks HTTP, and its scheme."
	case ClassNoPayload:
		return "The payload was removed before it could be sent.", ""
	case ClassDamaged:
		return "The payload was damaged on the server's disk, so it was not sent.",
			"Send the message anew from where it came from, and check the disk: it may have damaged more."
	case ClassInterrupted:
		return "The server was stopped while the attempt was under way; it is made again.", ""
	}
	return "The network failed.", "It is tried again; if it goes on, check the way to the receiver."
}

// Explanation is both sentences of Explain in one text, with what the machine
// said.
func (a *Attempt) Explanation() string {
	what, fix := a.Explain()
	if a.Detail != "" {
		what += " (" + a.Detail + ")"
	}
	if fix != "" {
		what += " " + fix
	}
	return what
}

func (a *Attempt) header(name string) string {
	for _, h := range a.ResponseHeader {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

func statusText(status int) string {
	if text := http.StatusText(status); text != "" {
		return fmt.Sprintf("%d %s", status, text)
	}
	return fmt.Sprint(status)
}

func redirectFix(location string) string {
	switch secureHost(location) {
	case googleLogin:
		return `That is a login: deploy the script's web app so that "Anyone" has access, and make its URL, which ends in /exec, the endpoint's.`
	case appsScriptOutput:
		return "That is where Google Apps Script puts what a script returns once it has run: give the endpoint the success preset \"apps-script\"."
	}
	return "If that is where messages belong, make it the endpoint's URL."
}

func (a *Attempt) statusFix() string {
	switch status := a.Status; {
	case status == http.StatusGone && a.State != Waiting: // a connector may know better
		return "The endpoint says it wants nothing any more, so it was disabled; enable it again if that was a mistake."
	case status == http.StatusTooManyRequests:
		return "The endpoint is sent less at a time now; a rate limit on the endpoint would spare it the refusals."
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return "Check what the endpoint proves itself with, be it its secret, its headers or what is in its config."
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return "Check the URL, or where else the config leads: there is nothing there that takes this."
	case status == http.StatusRequestEntityTooLarge:
		return "Raise the receiver's limit on the size of a request's body."
	case status >= 500:
		return "Look into the receiver's log: it failed while it handled the message."
	}
	return "Look at the response body for the receiver's reason."
}

// spent writes a duration as a person would.
func spent(d time.Duration) string {
	if d >= time.Second {
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(100 * time.Microsecond).String()
}
