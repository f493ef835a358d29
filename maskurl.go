package fanfare

import (
	"net/url"
	"slices"
	"strings"
)

// masked stands for what is not shown of a URL. It may stand in one.
const masked = "***"

// secretHosts take anyone for a sender who knows the path. It is all masked, as the
// secret in it may be short.
var secretHosts = []string{
	"hooks.slack.com", "hooks.zapier.com", "script.google.com", "discord.com", "discordapp.com", "chat.googleapis.com",
	"webhook.office.com", "logic.azure.com", "api.powerplatform.com", "maker.ifttt.com", "make.com", "webhook.site", "api.telegram.org",
}

// MaskURL is a URL without what may be a secret in it, for those who may see where
// messages go but not send there themselves: user info; all behind the host where it
// is known that the path is what lets in; and elsewhere segments of the path and
// values of the query that look made up rather than named, or whose name says that
// they are secrets. The scheme and the host are always shown.
func MaskURL(text string) string {
	if text == "" || namesNoHost(text) { // nothing is sent there, or by what shows no secrets
		return text
	}
	u, err := url.Parse(text)
	if err != nil {
		return masked
	}
	var b strings.Builder
	switch {
	case u.Scheme != "":
		b.WriteString(u.Scheme + "://")
	case u.Host != "": // it is relative, as that of a redirect may be
		b.WriteString("//")
	}
	if u.User != nil {
		b.WriteString(masked + "@")
	}
	b.WriteString(u.Host)
	path := u.EscapedPath()
	if isSecretHost(u.Hostname()) {
		if strings.Trim(path, "/")+u.RawQuery != "" {
			b.WriteString("/" + masked)
		}
		return b.String()
	}
	for i, segment := range strings.Split(path, "/") {
		if i > 0 {
			b.WriteByte('/')
		}
		if madeUp(segment) {
			segment = masked
		}
		b.WriteString(segment)
	}
	sign := byte('?')
	for part := range strings.SplitSeq(u.RawQuery, "&") {
		if part == "" {
			continue
		}
		b.WriteByte(sign)
		sign = '&'
		name, value, named := strings.Cut(part, "=")
		switch {
		case named && (madeUp(value) || namesSecret(name)):
			part = name + "=" + masked
		case madeUp(part):
			part = masked
		}
		b.WriteString(part)
	}
	return b.String()
}

// namesNoHost reports whether text is what a function or a [Connector] has for a URL: its
// kind, a colon and where that goes. Of the kind http that begins with a method, which
// no URL does.
func namesNoHost(text string) bool {
	kind, to, ok := strings.Cut(text, ":")
	if method, _, spaced := strings.Cut(to, " "); kind == "http" && spaced {
		return slices.Contains([]string{"POST", "PUT", "PATCH", "GET", "DELETE"}, method)
	}
	return ok && !slices.Contains([]string{"", "http", "https", "localhost"}, kind) && kind[0] > '9' && strings.Trim(kind, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && !strings.HasPrefix(to, "//")
}

func isSecretHost(host string) bool {
	host = strings.ToLower(host)
	for _, known := range secretHosts {
		if host == known || strings.HasSuffix(host, "."+known) {
			return true
		}
	}
	return false
}

// secretWords are parts of the names of parameters that hold secrets.
var secretWords = []string{"token", "key", "secret", "sig", "auth", "pass", "pwd", "code", "cred"}

func namesSecret(name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(secretWords, func(word string) bool { return strings.Contains(name, word) })
}

// madeUp reports whether a segment looks as if it came from a generator: it is
// long, and has digits, or capitals among small letters.
func madeUp(segment string) bool {
	if len(segment) < 16 {
		return false
	}
	return strings.ContainsAny(segment, "0123456789") || strings.ToLower(segment) != segment && strings.ToUpper(segment) != segment
}
