package front

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare/internal/plain"
)

// An answer gathers what a handler says. A connection has one, and uses it again.
type answer struct {
	header http.Header
	out    []byte // the head, from WriteHeader on
	status int    // 0: not said yet
	body   []byte
	typed  bool // the head has a Content-Type
	dated  bool // and a Date
	last   bool // the handler wants the connection closed
}

// maxKept is how large a buffer may be that is kept for the next answer, in bytes.
const maxKept = 32 << 10

// begin forgets the answer before.
func (w *answer) begin() {
	if w.header == nil {
		w.header = make(http.Header, 8)
	}
	clear(w.header)
	*w = answer{header: w.header, out: w.out[:0], body: w.body[:0]}
}

// end lets go of what is too large to be kept until the next answer, which may be long.
func (w *answer) end() { w.out, w.body = kept(w.out), kept(w.body) }

func kept(b []byte) []byte {
	if cap(b) > maxKept {
		return nil
	}
	return b[:0]
}

func (w *answer) Header() http.Header { return w.header }

func (w *answer) WriteHeader(status int) {
	switch {
	case status < 100 || status > 999:
		panic(fmt.Sprintf("status %d", status))
	case status < 200 || w.status != 0:
		return
	}
	w.status = status
	b := append(w.out, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(append(append(b, ' '), http.StatusText(status)...), "\r\n"...)
	for name, values := range w.header {
		switch name {
		case "Content-Length", "Transfer-Encoding", "Trailer":
			continue
		case "Connection":
			w.last = w.last || strings.EqualFold(strings.Join(values, ","), "close")
			continue
		case "Content-Type":
			w.typed = true
		case "Date":
			w.dated = true
		}
		if !plain.All(name, &plain.InName) {
			continue
		}
		for _, v := range values {
			b = append(append(b, name...), ": "...)
			b = append(append(b, oneLine(v)...), "\r\n"...)
		}
	}
	w.out = b
}

// oneLine is a header's value without what would end it.
func oneLine(v string) string {
	if strings.IndexByte(v, '\r') >= 0 || strings.IndexByte(v, '\n') >= 0 {
		v = lineEnds.Replace(v)
	}
	return strings.Trim(v, " \t")
}

var lineEnds = strings.NewReplacer("\n", " ", "\r", " ")

func (w *answer) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if bodiless(w.status) {
		return 0, http.ErrBodyNotAllowed
	}
	w.body = append(w.body, p...)
	return len(p), nil
}

func bodiless(status int) bool {
	return status == http.StatusNoContent || status == http.StatusNotModified
}

// finish returns the whole answer. leave is whether it is the connection's last.
func (w *answer) finish(leave bool) []byte {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	b := w.out
	if !w.typed && len(w.body) > 0 {
		b = append(append(append(b, "Content-Type: "...), http.DetectContentType(w.body)...), "\r\n"...)
	}
	if !w.dated {
		b = append(time.Now().UTC().AppendFormat(append(b, "Date: "...), http.TimeFormat), "\r\n"...)
	}
	if leave || w.last {
		b = append(b, "Connection: close\r\n"...)
	}
	if !bodiless(w.status) {
		b = append(strconv.AppendInt(append(b, "Content-Length: "...), int64(len(w.body)), 10), "\r\n"...)
	}
	w.out = append(append(b, "\r\n"...), w.body...)
	return w.out
}
