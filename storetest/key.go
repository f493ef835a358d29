package storetest

import (
	"fmt"
	"time"

	"github.com/fanfarehq/fanfare"
)

var accessTests = []test{
	{"a key comes back as it was stored", keyComesBack},
	{"keys are listed by age", keysListed},
	{"there are no more keys than may be", keysBounded},
	{"keys of portals count in their application only", portalKeysBounded},
	{"keys of an application's portal are listed, the newest first", portalKeysListed},
	{"the use of keys is noted", keysUsed},
	{"a session comes back as it was stored", sessionComesBack},
	{"sessions that have expired make room", sessionsPruned},
	{"the oldest sessions of an application make room", sessionsBounded},
	{"sessions can be made to end", sessionsExpire},
	{"sessions that have not ended are listed, the newest first", sessionsListed},
	{"keys and sessions go with their application", accessGoes},
}

// hashOf makes a hash that is unlike others.
func hashOf(what string) (hash [32]byte) {
	copy(hash[:], what+"................................")
	return hash
}

// draftKey makes a key, not yet stored.
func (w *world) draftKey(app fanfare.ApplicationID) *fanfare.Key {
	id, at := w.stamp("key_")
	return &fanfare.Key{
		ID: fanfare.KeyID(id), Name: "billing “1”", Hash: hashOf(id), Application: app,
		Scopes: []fanfare.Scope{fanfare.ScopeWriteMessages, fanfare.ScopeAdmin}, CreatedAt: at,
	}
}

func (w *world) key(app fanfare.ApplicationID) *fanfare.Key {
	w.Helper()
	k := w.draftKey(app)
	w.ok(w.store.CreateKey(w.Context(), k, 100))
	return k
}

func (w *world) keys() []*fanfare.Key {
	w.Helper()
	all, err := w.store.Keys(w.Context(), everything)
	w.ok(err)
	return all
}

func keyComesBack(w *world) {
	app := w.application("acme")
	everywhere, within := w.key(""), w.draftKey(app.ID)
	within.Channels = []string{"eu", `"us" é`}
	within.ExpiresAt = within.CreatedAt.Add(time.Hour + 1999*time.Nanosecond)
	w.ok(w.store.CreateKey(w.Context(), within, 100))
	check := func() {
		w.Helper()
		for _, k := range []*fanfare.Key{everywhere, within} {
			got, err := w.store.Key(w.Context(), k.ID)
			w.ok(err)
			same(w, "by id", got, cloneKey(k))
			got, err = w.store.KeyOf(w.Context(), k.Hash)
			w.ok(err)
			same(w, "by hash", got, cloneKey(k))
		}
	}
	check()
	w.reopen()
	check()
	for i := range everywhere.Hash {
		hash := everywhere.Hash
		hash[i] ^= 1
		_, err := w.store.KeyOf(w.Context(), hash)
		w.is(err, fanfare.ErrNotFound)
	}
	w.ok(w.store.DeleteKey(w.Context(), everywhere.ID))
	_, err := w.store.Key(w.Context(), everywhere.ID)
	w.is(err, fanfare.ErrNotFound)
	_, err = w.store.KeyOf(w.Context(), everywhere.Hash)
	w.is(err, fanfare.ErrNotFound)
	w.is(w.store.DeleteKey(w.Context(), everywhere.ID), fanfare.ErrNotFound)
	w.is(w.store.DeleteKey(w.Context(), "acme"), fanfare.ErrNotFound)
	same(w, "what is left", w.keys(), []*fanfare.Key{cloneKey(within)})
	for _, nobody := range []fanfare.ApplicationID{"app_00000000000000000000000000", "acme"} {
		w.is(w.store.CreateKey(w.Context(), w.draftKey(nobody), 100), fanfare.ErrNotFound)
	}
}

func keysListed(w *world) {
	a, b, c := w.key(""), w.key(""), w.key("")
	list := func(page fanfare.Page) []fanfare.KeyID {
		w.Helper()
		keys, err := w.store.Keys(w.Context(), page)
		w.ok(err)
		return each(keys, func(k *fanfare.Key) fanfare.KeyID { return k.ID })
	}
	same(w, "up", list(everything), []fanfare.KeyID{a.ID, b.ID, c.ID})
	same(w, "down", list(fanfare.Page{Limit: 2}), []fanfare.KeyID{c.ID, b.ID})
	same(w, "down behind", list(fanfare.Page{Limit: 2, After: string(b.ID)}), []fanfare.KeyID{a.ID})
	same(w, "up behind", list(fanfare.Page{Limit: 1, After: string(a.ID), Ascending: true}), []fanfare.KeyID{b.ID})
}

func keysBounded(w *world) {
	const most = 3
	first := w.draftKey("")
	for _, k := range []*fanfare.Key{first, w.draftKey(""), w.draftKey("")} {
		w.ok(w.store.CreateKey(w.Context(), k, most))
	}
	one := w.draftKey("")
	w.is(w.store.CreateKey(w.Context(), one, most), fanfare.ErrTooMany)
	same(w, "keys", len(w.keys()), most)
	w.ok(w.store.DeleteKey(w.Context(), first.ID))
	w.ok(w.store.CreateKey(w.Context(), one, most))
}

// portalKey makes a key of an application's portal, not yet stored.
func (w *world) portalKey(app *fanfare.Application) *fanfare.Key {
	k := w.draftKey(app.ID)
	k.Portal, k.Scopes = true, []fanfare.Scope{fanfare.ScopeReadMessages}
	return k
}

func portalKeysBounded(w *world) {
	const most = 2
	app, other := w.application(""), w.application("")
	w.ok(w.store.CreateKey(w.Context(), w.draftKey(app.ID), most))
	first := w.portalKey(app)
	for _, k := range []*fanfare.Key{first, w.portalKey(app), w.portalKey(other), w.portalKey(other), w.draftKey("")} {
		w.ok(w.store.CreateKey(w.Context(), k, most))
	}
	one := w.portalKey(app)
	for _, k := range []*fanfare.Key{one, w.portalKey(other), w.draftKey(""), w.draftKey(app.ID)} {
		w.is(w.store.CreateKey(w.Context(), k, most), fanfare.ErrTooMany)
	}
	same(w, "keys", len(w.keys()), 6)
	w.ok(w.store.DeleteKey(w.Context(), first.ID))
	w.ok(w.store.CreateKey(w.Context(), one, most))
}

func portalKeysListed(w *world) {
	app, other := w.application(""), w.application("")
	w.key(app.ID)
	one, two, theirs := w.portalKey(app), w.portalKey(app), w.portalKey(other)
	one.Channels, one.ExpiresAt = []string{"eu"}, one.CreatedAt.Add(time.Hour)
	for _, k := range []*fanfare.Key{one, two, theirs} {
		w.ok(w.store.CreateKey(w.Context(), k, 100))
	}
	is := func(id fanfare.ApplicationID, want ...*fanfare.Key) {
		w.Helper()
		got, err := w.store.PortalKeys(w.Context(), id)
		w.ok(err)
		same(w, "keys of the portal", got, each(want, cloneKey))
	}
	for range 2 {
		is(app.ID, two, one)
		is(other.ID, theirs)
		is("app_00000000000000000000000000")
		is("acme")
		got, err := w.store.KeyOf(w.Context(), one.Hash)
		w.ok(err)
		same(w, "by hash", got, cloneKey(one))
		w.reopen()
	}
	w.ok(w.store.DeleteApplication(w.Context(), other.ID))
	is(other.ID)
	is(app.ID, two, one)
}

func keysUsed(w *world) {
	k, idle, gone := w.key(""), w.key(""), w.key("")
	w.ok(w.store.DeleteKey(w.Context(), gone.ID))
	at := k.CreatedAt.Add(time.Minute + 1999*time.Nanosecond)
	w.ok(w.store.UseKeys(w.Context(), map[fanfare.KeyID]time.Time{k.ID: at, gone.ID: at, "nobody": at}))
	k.UsedAt = at
	same(w, "keys", w.keys(), []*fanfare.Key{cloneKey(k), cloneKey(idle)})
	w.reopen()
	same(w, "keys", w.keys(), []*fanfare.Key{cloneKey(k), cloneKey(idle)})
}

// draftSession makes a session of an hour, not yet stored.
func (w *world) draftSession(app *fanfare.Application, label string) *fanfare.Session {
	name, at := w.stamp("")
	return &fanfare.Session{Application: app.ID, Hash: hashOf(name), Label: label, CreatedAt: at, ExpiresAt: at.Add(time.Hour)}
}

func (w *world) session(app *fanfare.Application, label string) *fanfare.Session {
	w.Helper()
	s := w.draftSession(app, label)
	w.ok(w.store.CreateSession(w.Context(), s, 100))
	return s
}

// ends checks when sessions end; the zero time: they are not there.
func (w *world) ends(want map[*fanfare.Session]time.Time) {
	w.Helper()
	for s, end := range want {
		got, err := w.store.SessionOf(w.Context(), s.Hash)
		if end.IsZero() {
			w.is(err, fanfare.ErrNotFound)
			continue
		}
		w.ok(err)
		as := cloneSession(s)
		as.ExpiresAt = end
		same(w, fmt.Sprintf("session %q", s.Label), got, as)
	}
}

func sessionComesBack(w *world) {
	app := w.application("")
	plain, full := w.session(app, ""), w.draftSession(app, "one")
	full.Capabilities, full.FeatureFlags = fanfare.Capabilities(), []string{"beta", "alpha"}
	full.Channels = []string{"us", "eu"}
	full.CreatedBy, full.CreatedByName = "key_1", `billing “1” <b>`
	full.ExpiresAt = full.ExpiresAt.Add(1999 * time.Nanosecond)
	w.ok(w.store.CreateSession(w.Context(), full, 100))
	as := map[*fanfare.Session]time.Time{plain: plain.ExpiresAt, full: stored(full.ExpiresAt)}
	w.ends(as)
	w.reopen()
	w.ends(as)
	w.ok(w.store.DeleteSession(w.Context(), full.Hash))
	as[full] = time.Time{}
	w.ends(as)
	w.ok(w.store.DeleteSession(w.Context(), full.Hash))
	w.ends(as)
	w.is(w.store.CreateSession(w.Context(), &fanfare.Session{Application: "app_00000000000000000000000000"}, 1), fanfare.ErrNotFound)
}

func sessionsPruned(w *world) {
	app, other := w.application(""), w.application("")
	short, long := w.session(other, "short"), w.session(app, "long")
	later := w.draftSession(app, "later")
	later.CreatedAt = short.ExpiresAt
	later.ExpiresAt = later.CreatedAt.Add(time.Hour)
	w.ok(w.store.CreateSession(w.Context(), later, 100))
	w.ends(map[*fanfare.Session]time.Time{short: {}, long: long.ExpiresAt, later: later.ExpiresAt})
}

func sessionsBounded(w *world) {
	app, other := w.application(""), w.application("")
	theirs := w.session(other, "theirs")
	var own []*fanfare.Session
	for range 5 {
		s := w.draftSession(app, "own")
		w.ok(w.store.CreateSession(w.Context(), s, 3))
		own = append(own, s)
	}
	w.ends(map[*fanfare.Session]time.Time{
		own[0]: {}, own[1]: {}, own[2]: own[2].ExpiresAt, own[3]: own[3].ExpiresAt, own[4]: own[4].ExpiresAt,
		theirs: theirs.ExpiresAt,
	})
}

func sessionsExpire(w *world) {
	app, other := w.application(""), w.application("")
	a, b, c, theirs := w.session(app, "a"), w.session(app, "b"), w.session(app, ""), w.session(other, "a")
	soon := a.ExpiresAt.Add(-time.Minute)
	w.ok(w.store.ExpireSessions(w.Context(), app.ID, []string{"a", "nobody's"}, soon))
	as := map[*fanfare.Session]time.Time{a: soon, b: b.ExpiresAt, c: c.ExpiresAt, theirs: theirs.ExpiresAt}
	w.ends(as)
	w.ok(w.store.ExpireSessions(w.Context(), app.ID, nil, soon.Add(time.Second)))
	as[b], as[c] = soon.Add(time.Second), soon.Add(time.Second)
	w.ends(as)
	w.ok(w.store.ExpireSessions(w.Context(), "app_00000000000000000000000000", nil, soon))
	w.reopen()
	w.ends(as)
}

func sessionsListed(w *world) {
	app, other := w.application(""), w.application("")
	ended, one, two := w.session(app, "ended"), w.draftSession(app, "one"), w.session(app, "two")
	one.Capabilities, one.CreatedBy, one.CreatedByName = fanfare.Capabilities(), "admin", "x"
	w.ok(w.store.CreateSession(w.Context(), one, 100))
	theirs := w.session(other, "theirs")
	now := ended.ExpiresAt.Add(-time.Minute)
	w.ok(w.store.ExpireSessions(w.Context(), app.ID, []string{"ended"}, now))
	is := func(id fanfare.ApplicationID, now time.Time, want ...*fanfare.Session) {
		w.Helper()
		got, err := w.store.Sessions(w.Context(), id, now)
		w.ok(err)
		same(w, "sessions", got, each(want, cloneSession))
	}
	for range 2 {
		is(app.ID, now, two, one)
		is(other.ID, now, theirs)
		is(app.ID, one.ExpiresAt, two)
		is(app.ID, two.ExpiresAt)
		is("app_00000000000000000000000000", now)
		is("acme", now)
		w.reopen()
	}
	w.ok(w.store.DeleteSession(w.Context(), two.Hash))
	is(app.ID, now, one)
}

func accessGoes(w *world) {
	app, other := w.application(""), w.application("")
	w.key(app.ID)
	theirs, everywhere := w.key(other.ID), w.key("")
	s, theirSession := w.session(app, ""), w.session(other, "")
	w.ok(w.store.DeleteApplication(w.Context(), app.ID))
	same(w, "keys", w.keys(), []*fanfare.Key{cloneKey(theirs), cloneKey(everywhere)})
	w.ends(map[*fanfare.Session]time.Time{s: {}, theirSession: theirSession.ExpiresAt})
	w.is(w.store.CreateKey(w.Context(), w.draftKey(app.ID), 100), fanfare.ErrNotFound)
	w.is(w.store.CreateSession(w.Context(), w.draftSession(app, ""), 100), fanfare.ErrNotFound)
}
