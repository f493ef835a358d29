package agency

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/fanfarehq/fanfare"
)

// HeaderOrigin is the field by which a program that changes something says which one it
// is: see [Cause].
const HeaderOrigin = "Agency-Origin"

// Bounds of requests.
const (
	maxBody    = 1 << 20 // bytes
	maxOrigin  = 64
	maxPerPage = 1000
)

// routeAPI is the API: for each kind of resource GET and POST /api/v2/records.json, and
// GET, PUT, PATCH and DELETE /api/v2/records/ID.json.
func (a *Agency) routeAPI() {
	on := func(pattern string, serve func(w http.ResponseWriter, r *http.Request) error) {
		a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxPhoto+maxBody)
			if err := a.opens(r); err != nil {
				a.refuse(w, r, err)
			} else if err := serve(w, r); err != nil {
				a.refuse(w, r, err)
			}
		})
	}
	for _, k := range kinds {
		on("GET /api/v2/"+k.plural+".json", k.served(a.listed))
		on("POST /api/v2/"+k.plural+".json", k.served(a.created))
		on("GET /api/v2/"+k.plural+"/{id}", k.served(a.shown))
		on("PUT /api/v2/"+k.plural+"/{id}", k.served(a.replaced))
		on("PATCH /api/v2/"+k.plural+"/{id}", k.served(a.patched))
		on("DELETE /api/v2/"+k.plural+"/{id}", k.served(a.deleted))
	}
	on("GET /api/v2/memberships.json", func(w http.ResponseWriter, _ *http.Request) error {
		return reply(w, http.StatusOK, map[string]any{"memberships": a.members})
	})
	on("POST /api/v2/photos.json", a.uploaded)
	a.routeWebhooks(on)
	on("/api/", func(_ http.ResponseWriter, r *http.Request) error {
		return fmt.Errorf("%s %s: %w", r.Method, r.URL.Path, ErrNotFound)
	})
}

// served is what serves requests about k.
func (k *kind) served(serve func(*kind, http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error { return serve(k, w, r) }
}

var errToken = errors.New("the header X-ApiToken must hold the API token")

// opens returns an error unless r has the token.
func (a *Agency) opens(r *http.Request) error {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("X-ApiToken")), []byte(a.Token)) != 1 {
		return errToken
	}
	return nil
}

// reply writes v as JSON.
func reply(w http.ResponseWriter, status int, v any) error {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // who does not read it, does not
	return nil
}

// refuse answers with what err says. A fault is logged, and its text not shown.
func (a *Agency) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status, said := http.StatusInternalServerError, any(map[string]string{"error": "internal error"})
	var invalid *InvalidError
	var sent *fanfare.InvalidError
	var long *http.MaxBytesError
	tell := func(code int) { status, said = code, map[string]string{"error": err.Error()} }
	switch {
	case errors.Is(err, errToken):
		tell(http.StatusUnauthorized)
	case errors.Is(err, ErrNotFound), errors.Is(err, fanfare.ErrNotFound):
		tell(http.StatusNotFound)
	case errors.Is(err, ErrConflict), errors.Is(err, fanfare.ErrConflict):
		tell(http.StatusConflict)
	case errors.Is(err, fanfare.ErrLoop):
		tell(http.StatusLoopDetected)
	case errors.Is(err, errJSON):
		tell(http.StatusBadRequest)
	case errors.As(err, &long):
		tell(http.StatusRequestEntityTooLarge)
	case errors.As(err, &invalid):
		status, said = http.StatusUnprocessableEntity, map[string]any{invalid.Kind: map[string]any{"errors": invalid.Errors}}
	case errors.As(err, &sent):
		tell(http.StatusUnprocessableEntity)
	case r.Context().Err() == nil:
		a.log.Error("a request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	reply(w, status, said)
}

// causeOf is what a request says of what it comes from.
func causeOf(r *http.Request) (Cause, error) {
	c := Cause{Origin: r.Header.Get(HeaderOrigin), Hops: r.Header.Get(fanfare.HeaderHops)}
	if len(c.Origin) > maxOrigin {
		return c, &fanfare.InvalidError{Field: HeaderOrigin, Reason: fmt.Sprintf("at most %d characters", maxOrigin)}
	}
	return c, nil
}

var errJSON = errors.New(`the body must be a JSON object such as {"record":{…}}`)

// read reads the member of that name of r's body into v.
func read(r *http.Request, name string, v any) error {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return err
	}
	if len(body) > maxBody {
		return &http.MaxBytesError{Limit: maxBody}
	}
	var wrapped map[string]json.RawMessage
	if err := json.Unmarshal(body, &wrapped); err != nil || wrapped[name] == nil || string(wrapped[name]) == "null" {
		return errJSON
	}
	if err := json.Unmarshal(wrapped[name], v); err != nil {
		return fmt.Errorf("%w: %w", errJSON, err)
	}
	return nil
}

// idIn is the id in the path, which may end with .json.
func idIn(r *http.Request) string { return strings.TrimSuffix(r.PathValue("id"), ".json") }

func (a *Agency) listed(k *kind, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	page, err := number(q, "page", 1, 1_000_000)
	if err != nil {
		return err
	}
	per, err := number(q, "per_page", 100, maxPerPage)
	if err != nil {
		return err
	}
	since, err := number(q, "updated_since", 0, 1<<40)
	if err != nil {
		return err
	}
	f := Filter{Form: q.Get("form_id"), NewestFirst: q.Get("newest_first") == "true", Limit: per, Offset: (page - 1) * per}
	if since > 0 {
		f.UpdatedSince = time.Unix(int64(since), 0)
	}
	bodies, total, err := a.list(r.Context(), k, f)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, map[string]any{
		k.plural: bodies, "current_page": page, "per_page": per, "total_count": total, "total_pages": (total + per - 1) / per,
	})
}

// number reads a parameter from 1 to most; otherwise is what it is if it is not there.
func number(q url.Values, name string, otherwise, most int) (int, error) {
	text := q.Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		return 0, &fanfare.InvalidError{Field: name, Reason: fmt.Sprintf("a number from 1 to %d", most)}
	}
	return n, nil
}

func (a *Agency) created(k *kind, w http.ResponseWriter, r *http.Request) error {
	c, err := causeOf(r)
	if err != nil {
		return err
	}
	made := k.make()
	if err := read(r, k.name, made); err != nil {
		return err
	}
	if err := a.Create(r.Context(), c, made); err != nil {
		return err
	}
	return reply(w, http.StatusCreated, map[string]any{k.name: made})
}

func (a *Agency) shown(k *kind, w http.ResponseWriter, r *http.Request) error {
	found := k.withID(idIn(r))
	if err := a.Read(r.Context(), found); err != nil {
		return err
	}
	return reply(w, http.StatusOK, map[string]any{k.name: found})
}

func (a *Agency) replaced(k *kind, w http.ResponseWriter, r *http.Request) error {
	c, err := causeOf(r)
	if err != nil {
		return err
	}
	next := k.make()
	if err := read(r, k.name, next); err != nil {
		return err
	}
	next.head().ID = idIn(r)
	if err := a.Update(r.Context(), c, next); err != nil {
		return err
	}
	return reply(w, http.StatusOK, map[string]any{k.name: next})
}

// patched changes only what the request names, also within form_values.
func (a *Agency) patched(k *kind, w http.ResponseWriter, r *http.Request) error {
	c, err := causeOf(r)
	if err != nil {
		return err
	}
	var change json.RawMessage
	if err := read(r, k.name, &change); err != nil {
		return err
	}
	next, err := a.patch(r.Context(), c, k, idIn(r), change)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, map[string]any{k.name: next})
}

// patch begins anew when somebody else was faster, unless the change names a version.
func (a *Agency) patch(ctx context.Context, c Cause, k *kind, id string, change []byte) (Resource, error) {
	for try := 1; ; try++ {
		next := k.withID(id)
		if err := a.Read(ctx, next); err != nil {
			return nil, err
		}
		version := next.head().Version
		if err := json.Unmarshal(change, next); err != nil {
			return nil, fmt.Errorf("%w: %w", errJSON, err)
		}
		named := next.head().Version != version
		next.head().ID = id
		err := a.Update(ctx, c, next)
		if err == nil || named || !errors.Is(err, ErrConflict) || try == 10 {
			return next, err
		}
	}
}

func (a *Agency) deleted(k *kind, w http.ResponseWriter, r *http.Request) error {
	c, err := causeOf(r)
	if err != nil {
		return err
	}
	if err := a.Delete(r.Context(), c, k.withID(idIn(r))); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// uploaded takes a photo: the image as the body, or as the file "photo[file]" of a form.
func (a *Agency) uploaded(w http.ResponseWriter, r *http.Request) error {
	body := io.Reader(r.Body)
	id := r.URL.Query().Get("access_key")
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		file, _, err := r.FormFile("photo[file]")
		if err != nil {
			return &InvalidError{"photo", problems{"file": {"can't be blank"}}}
		}
		defer file.Close()
		body, id = file, r.FormValue("photo[access_key]")
	}
	image, err := io.ReadAll(io.LimitReader(body, maxPhoto+1))
	if err != nil {
		return err
	}
	if id, err = a.AddPhoto(r.Context(), id, image); err != nil {
		return err
	}
	return reply(w, http.StatusCreated, map[string]any{"photo": map[string]string{"access_key": id, "url": "/photos/" + id}})
}
