package connect

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/fanfarehq/fanfare"
)

// Bounds of what is kept of an answer.
const (
	maxBody  = 64 << 10 // bytes
	maxLines = 64       // of its header that are recorded
	maxValue = 1024     // bytes of each
)

// userAgent names the sender, as it does in webhooks.
const userAgent = "Fanfare/1"

// An Answer is what was answered to a request.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // the first 64 KiB, and a byte more if there is more
	Cut    error  // why there is less of Body than was sent; nil: nothing is missing but what is too long

	request []fanfare.Header // as it is recorded
}

// Do sends a request by the way out and reads the answer, whatever its status. The
// header fields named in hide, and Authorization, are recorded masked. An error is one
// on the way there, and shows nothing of the request's URL.
func Do(way fanfare.Way, req *http.Request, hide ...string) (*Answer, error) {
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", userAgent)
	}
	a := &Answer{request: record(req.Header, append(hide, "Authorization"))}
	res, err := way.HTTP.Do(req)
	if err != nil {
		var shown *url.Error
		if errors.As(err, &shown) {
			return nil, shown.Err
		}
		return nil, err
	}
	defer res.Body.Close()
	a.Status, a.Header = res.StatusCode, res.Header
	a.Body, a.Cut = io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	return a, nil
}

// Post sends a body of that content type and replies with what judge makes of the
// answer.
func Post(ctx context.Context, way fanfare.Way, to *url.URL, contentType string, body []byte, judge func(*Answer) (fanfare.Class, string)) (fanfare.Reply, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
	if err != nil {
		return fanfare.Reply{}, err
	}
	req.Header.Set("Content-Type", contentType)
	return Ask(way, req, judge)
}

// Ask is [Do], and replies with what judge makes of the answer.
func Ask(way fanfare.Way, req *http.Request, judge func(*Answer) (fanfare.Class, string), hide ...string) (fanfare.Reply, error) {
	a, err := Do(way, req, hide...)
	if err != nil {
		return fanfare.Reply{}, err
	}
	return a.Reply(judge(a)), nil
}

// Class is what the status by itself says, where the service's documentation says
// nothing else: 2xx is success, 410 gone; 408, 425, 429 and 5xx are to be tried again,
// as is what redirects; every other 4xx will not be taken however often it is sent.
func (a *Answer) Class() fanfare.Class {
	switch {
	case a.Status >= 200 && a.Status < 300:
		return fanfare.ClassSuccess
	case a.Status >= 300 && a.Status < 400:
		return fanfare.ClassRedirect
	case a.Status == http.StatusGone:
		return fanfare.ClassGone
	case a.Status == http.StatusRequestTimeout, a.Status == http.StatusTooEarly, a.Status == http.StatusTooManyRequests, a.Status < 400, a.Status >= 500:
		return fanfare.ClassStatus
	}
	return fanfare.ClassRejected
}

// Reply is a as it is recorded, taken for class; detail says in words what went wrong.
func (a *Answer) Reply(class fanfare.Class, detail string) fanfare.Reply {
	return fanfare.Reply{
		Class: class, Detail: strings.ReplaceAll(detail, ".; ", "; "), Status: a.Status,
		RequestHeader: a.request, ResponseHeader: record(a.Header, nil), ResponseBody: a.Body,
	}
}

// record writes a header down in order of name, with the values of those named in hide
// masked.
func record(header http.Header, hide []string) []fanfare.Header {
	lines := make([]fanfare.Header, 0, len(header))
	for name, values := range header {
		hidden := slices.ContainsFunc(hide, func(h string) bool { return strings.EqualFold(h, name) })
		for _, v := range values {
			if hidden {
				v = fanfare.Masked
			}
			lines = append(lines, fanfare.Header{Name: name, Value: strings.ToValidUTF8(v[:min(len(v), maxValue)], "")})
		}
	}
	slices.SortStableFunc(lines, func(a, b fanfare.Header) int { return strings.Compare(a.Name, b.Name) })
	return lines[:min(len(lines), maxLines)]
}

// PutOff has the Reply ask for patience, as a header's Retry-After does, where the
// service says only in the body for how many seconds.
func (a *Answer) PutOff(seconds float64) {
	if a.Header.Get("Retry-After") == "" && seconds > 0 {
		a.Header.Set("Retry-After", strconv.FormatFloat(math.Ceil(seconds), 'f', 0, 64))
	}
}
