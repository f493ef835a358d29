package share

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Bounds of an answer.
const (
	maxRows  = 1000
	maxBytes = 4 << 20 // of rows; at least one there is
	patience = 10 * time.Second
)

func (s *Shares) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Referrer-Policy", "no-referrer") // the address is the secret
	h.Set("X-Robots-Tag", "noindex")
	h.Set("Cache-Control", "private, no-cache")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "Shares are for reading.", http.StatusMethodNotAllowed)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	if err := s.show(ctx, w, r); err != nil {
		refuse(ctx, w, err)
	}
}

// refuse says what is wrong. Of a share that there is not, that was revoked, or whose table
// is gone, all hear the same.
func refuse(ctx context.Context, w http.ResponseWriter, err error) {
	var invalid *InvalidError
	switch {
	case errors.As(err, &invalid):
		http.Error(w, invalid.Error()+".", http.StatusBadRequest)
	case errors.Is(err, ErrNotFound):
		http.Error(w, "There is no such share, or not any more.", http.StatusNotFound)
	case ctx.Err() != nil:
		w.Header().Set("Retry-After", "5")
		http.Error(w, "There is too much to do just now.", http.StatusServiceUnavailable)
	default:
		slog.Error("a share cannot be shown", "error", err)
		http.Error(w, "Something went wrong here.", http.StatusInternalServerError)
	}
}

func (s *Shares) show(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	name, ok := strings.CutPrefix(r.URL.Path, "/shares/")
	token, kind, dotted := strings.Cut(name, ".")
	as := formats[kind]
	if !ok || !dotted || as == nil {
		return ErrNotFound
	}
	sh, err := s.by(ctx, token)
	if err != nil {
		return err
	}
	if kind == "geojson" && sh.Latitude == "" {
		return &InvalidError{"This share", "has no coordinates; ask for .json or .csv"}
	}
	q, err := asked(r.URL.Query())
	if err != nil {
		return err
	}
	p, err := s.page(ctx, sh, q)
	if err != nil {
		return err
	}
	body, contentType, err := as(sh, p)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(append(body, p.Next...))
	etag := `"` + hex.EncodeToString(sum[:16]) + `"`
	h := w.Header()
	h.Set("ETag", etag)
	if p.Next != "" {
		next := r.URL.Query()
		next.Set("after", p.Next)
		h.Set("Link", `<?`+next.Encode()+`>; rel="next"`)
	}
	if matches(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if kind == "csv" {
		h.Set("Content-Disposition", `attachment; filename="`+sh.ID+`.csv"`)
	}
	if r.Method == http.MethodGet {
		w.Write(body) // who does not read it, does not
	}
	return nil
}

// matches reports whether the reader has what has that ETag.
func matches(header, etag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == etag || one == "*" {
			return true
		}
	}
	return false
}

// A query is which rows are asked for.
type query struct {
	limit int
	key   string // only the row of that key; "": all
	after any    // only rows whose key is behind it: an int64, a float64 or a string; nil: all
}

func asked(values url.Values) (q query, err error) {
	q.limit = maxRows
	for name := range values {
		text := values.Get(name)
		switch name {
		case "limit":
			if q.limit, err = strconv.Atoi(text); err != nil || q.limit < 1 || q.limit > maxRows {
				return q, &InvalidError{"limit", fmt.Sprintf("is a number from 1 to %d", maxRows)}
			}
		case "after":
			if q.after, err = readCursor(text); err != nil {
				return q, err
			}
		case "key":
			q.key = text
		default:
			return q, &InvalidError{name, "is not known; there are limit, after and key"}
		}
	}
	return q, nil
}

// cursor is a key that rows are behind, as text for URLs. It keeps its type, since SQLite
// sorts numbers before text.
func cursor(key any) string {
	text := ""
	switch key := key.(type) {
	case int64:
		text = "i" + strconv.FormatInt(key, 10)
	case float64:
		text = "f" + strconv.FormatFloat(key, 'g', -1, 64)
	default:
		text = "t" + fmt.Sprint(key)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

func readCursor(text string) (any, error) {
	wrong := &InvalidError{"after", "is not what an answer has as next"}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) == 0 || len(raw) > 1000 {
		return nil, wrong
	}
	switch rest := string(raw[1:]); raw[0] {
	case 't':
		return rest, nil
	case 'i':
		if n, err := strconv.ParseInt(rest, 10, 64); err == nil {
			return n, nil
		}
	case 'f':
		if n, err := strconv.ParseFloat(rest, 64); err == nil {
			return n, nil
		}
	}
	return nil, wrong
}
