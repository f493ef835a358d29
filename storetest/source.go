package storetest

import (
	"time"

	"github.com/fanfarehq/fanfare"
	"github.com/fanfarehq/fanfare/webhook"
)

var sourceTests = []test{
	{"a source comes back as it was stored", sourceComesBack},
	{"a source is found by either of its tokens", sourceByToken},
	{"sources are listed by age", sourcesListed},
	{"a source's uid is taken once an application", sourceUIDTaken},
	{"there are no more sources than may be", sourcesBounded},
	{"a source is changed by its revision", sourceRevision},
	{"what is another's source is not found", anothersSource},
	{"sources go with their application", sourcesGo},
}

// draftSource makes a source, not yet stored.
func (w *world) draftSource(app *fanfare.Application) *fanfare.Source {
	id, at := w.stamp("src_")
	return &fanfare.Source{
		ID: fanfare.SourceID(id), Application: app.ID, Name: "n", Token: "token of " + id, Profile: "none", CreatedAt: at, UpdatedAt: at,
	}
}

func (w *world) source(app *fanfare.Application) *fanfare.Source {
	w.Helper()
	src := w.draftSource(app)
	w.ok(w.store.CreateSource(w.Context(), src, 100))
	return src
}

func sourceComesBack(w *world) {
	app := w.application("acme")
	src := w.draftSource(app)
	src.UID, src.Name, src.Description = "git.hub-1", "GitHub “1”\t", "é\n"
	src.OldToken = fanfare.Secret{Text: "the old one", ExpiresAt: time.Unix(5e9, 1999).UTC()}
	src.Profile, src.HMAC = "hmac", webhook.HMAC{Header: "X-Sig", Algorithm: "sha512", Encoding: "base64", Prefix: "v="}
	src.Secrets = []fanfare.Secret{{Text: `s"1\`}, {Text: "s2", ExpiresAt: time.Unix(5e9, 0).UTC()}}
	src.PublicURL, src.Filter, src.EventType, src.Dedupe = "https://example.com/x?y=1", `payload.a == "b"`, "a.{{payload.b}}", "header:X-Id"
	src.Response, src.RateLimit, src.Disabled = fanfare.SourceResponse{Status: 201, Body: `{"text":"<&>"}`}, 7, true
	w.ok(w.store.CreateSource(w.Context(), src, 100))
	same(w, "its revision", src.Revision, int64(1))
	check := func() {
		w.Helper()
		for _, ref := range []string{string(src.ID), src.UID} {
			got, err := w.store.Source(w.Context(), app.ID, ref)
			w.ok(err)
			same(w, "by "+ref, got, cloneSource(src))
		}
	}
	check()
	w.reopen()
	check()
	*src = fanfare.Source{ID: src.ID, Application: src.Application, UID: "b", Name: "b", Token: "t", Profile: "none", CreatedAt: src.CreatedAt, UpdatedAt: src.UpdatedAt.Add(time.Hour)}
	w.ok(w.store.UpdateSource(w.Context(), src))
	check()
	w.reopen()
	check()
}

func sourceByToken(w *world) {
	app, other := w.application("a"), w.application("b")
	src, theirs := w.draftSource(app), w.source(other)
	src.OldToken = fanfare.Secret{Text: "old", ExpiresAt: time.Unix(1, 0).UTC()} // though it has expired
	w.ok(w.store.CreateSource(w.Context(), src, 100))
	found := func(token string, want *fanfare.Source) {
		w.Helper()
		got, err := w.store.SourceOf(w.Context(), fanfare.TokenHash(token))
		if want == nil {
			w.is(err, fanfare.ErrNotFound)
			return
		}
		w.ok(err)
		same(w, "by token", got, cloneSource(want))
	}
	for range 2 {
		found(src.Token, src)
		found("old", src)
		found(theirs.Token, theirs)
		found("", nil)
		found("another", nil)
		w.reopen()
	}
	hash := fanfare.TokenHash(src.Token)
	for i := range hash {
		changed := hash
		changed[i] ^= 1
		_, err := w.store.SourceOf(w.Context(), changed)
		w.is(err, fanfare.ErrNotFound)
	}
	before := src.Token
	src.OldToken, src.Token = fanfare.Secret{Text: before, ExpiresAt: time.Unix(5e9, 0).UTC()}, "new"
	w.ok(w.store.UpdateSource(w.Context(), src))
	found("new", src)
	found(before, src)
	found("old", nil)
	src.OldToken = fanfare.Secret{}
	w.ok(w.store.UpdateSource(w.Context(), src))
	found(before, nil)
	w.ok(w.store.DeleteSource(w.Context(), app.ID, src.ID))
	found("new", nil)
	found(theirs.Token, theirs)
}

func sourcesListed(w *world) {
	app, other := w.application("a"), w.application("b")
	a, b, c := w.source(app), w.source(app), w.source(app)
	w.source(other)
	list := func(page fanfare.Page) []fanfare.SourceID {
		w.Helper()
		all, err := w.store.Sources(w.Context(), app.ID, page)
		w.ok(err)
		return each(all, func(src *fanfare.Source) fanfare.SourceID { return src.ID })
	}
	same(w, "up", list(everything), []fanfare.SourceID{a.ID, b.ID, c.ID})
	same(w, "down", list(fanfare.Page{Limit: 2}), []fanfare.SourceID{c.ID, b.ID})
	same(w, "down behind", list(fanfare.Page{Limit: 2, After: string(b.ID)}), []fanfare.SourceID{a.ID})
	same(w, "up behind", list(fanfare.Page{Limit: 1, After: string(a.ID), Ascending: true}), []fanfare.SourceID{b.ID})
}

func sourceUIDTaken(w *world) {
	app, other := w.application("a"), w.application("b")
	a, b, c := w.draftSource(app), w.draftSource(app), w.draftSource(other)
	a.UID, b.UID, c.UID = "one", "one", "one"
	w.ok(w.store.CreateSource(w.Context(), a, 100))
	w.is(w.store.CreateSource(w.Context(), b, 100), fanfare.ErrExists)
	w.ok(w.store.CreateSource(w.Context(), c, 100))
	b.UID = ""
	w.ok(w.store.CreateSource(w.Context(), b, 100))
	b.UID = "one"
	w.is(w.store.UpdateSource(w.Context(), b), fanfare.ErrExists)
	b.UID = "two"
	w.ok(w.store.UpdateSource(w.Context(), b))
}

func sourcesBounded(w *world) {
	app, other := w.application("a"), w.application("b")
	const most = 2
	first := w.draftSource(app)
	w.ok(w.store.CreateSource(w.Context(), first, most))
	w.ok(w.store.CreateSource(w.Context(), w.draftSource(app), most))
	w.is(w.store.CreateSource(w.Context(), w.draftSource(app), most), fanfare.ErrTooMany)
	w.ok(w.store.CreateSource(w.Context(), w.draftSource(other), most))
	w.ok(w.store.DeleteSource(w.Context(), app.ID, first.ID))
	w.ok(w.store.CreateSource(w.Context(), w.draftSource(app), most))
}

func sourceRevision(w *world) {
	app := w.application("a")
	src := w.source(app)
	stale := cloneSource(src)
	src.Name = "first"
	w.ok(w.store.UpdateSource(w.Context(), src))
	same(w, "its revision", src.Revision, int64(2))
	stale.Name = "second"
	w.is(w.store.UpdateSource(w.Context(), stale), fanfare.ErrConflict)
	same(w, "that of what was refused", stale.Revision, int64(1))
	got, err := w.store.Source(w.Context(), app.ID, string(src.ID))
	w.ok(err)
	same(w, "what is stored", got, cloneSource(src))
	stale.Revision = 0
	w.ok(w.store.UpdateSource(w.Context(), stale))
	same(w, "its revision", stale.Revision, int64(3))
}

func anothersSource(w *world) {
	app, other := w.application("a"), w.application("b")
	src := w.source(app)
	theirs := cloneSource(src)
	theirs.Application = other.ID
	w.is(w.store.UpdateSource(w.Context(), theirs), fanfare.ErrNotFound)
	w.is(w.store.DeleteSource(w.Context(), other.ID, src.ID), fanfare.ErrNotFound)
	w.is(w.store.DeleteSource(w.Context(), "acme", src.ID), fanfare.ErrNotFound)
	w.is(w.store.DeleteSource(w.Context(), app.ID, "acme"), fanfare.ErrNotFound)
	for _, ref := range []string{string(src.ID), "", "\x00", "src_00000000000000000000000000"} {
		_, err := w.store.Source(w.Context(), other.ID, ref)
		w.is(err, fanfare.ErrNotFound)
	}
	for _, nobody := range []fanfare.ApplicationID{"app_00000000000000000000000000", "acme"} {
		one := w.draftSource(app)
		one.Application = nobody
		w.is(w.store.CreateSource(w.Context(), one, 100), fanfare.ErrNotFound)
		all, err := w.store.Sources(w.Context(), nobody, everything)
		w.ok(err)
		same(w, "sources of nobody", len(all), 0)
	}
	got, err := w.store.Source(w.Context(), app.ID, string(src.ID))
	w.ok(err)
	same(w, "what is stored", got, cloneSource(src))
}

func sourcesGo(w *world) {
	app, other := w.application("a"), w.application("b")
	src, theirs := w.source(app), w.source(other)
	w.ok(w.store.DeleteApplication(w.Context(), app.ID))
	_, err := w.store.SourceOf(w.Context(), fanfare.TokenHash(src.Token))
	w.is(err, fanfare.ErrNotFound)
	_, err = w.store.Source(w.Context(), app.ID, string(src.ID))
	w.is(err, fanfare.ErrNotFound)
	got, err := w.store.SourceOf(w.Context(), fanfare.TokenHash(theirs.Token))
	w.ok(err)
	same(w, "another's", got, cloneSource(theirs))
}
