package storetest

import (
	"fmt"
	"time"

	"github.com/fanfarehq/fanfare"
)

func (h *history) keyStep() {
	switch draw(h, "operation", "create", "create", "delete", "use", "list", "portal") {
	case "create":
		id, at := h.stamp("key_")
		k := &fanfare.Key{ID: fanfare.KeyID(id), Name: "k", Hash: hashOf(id), Scopes: []fanfare.Scope{"admin"}, CreatedAt: at}
		k.Application = draw(h, "of", "", h.app())
		k.Portal = k.Application != "" && draw(h, "portal", false, true)
		what := fmt.Sprintf("create key %s of %q, portal %v", id, k.Application, k.Portal)
		h.do(what, func(s fanfare.Store) error { return s.CreateKey(h.ctx, cloneKey(k), 5) })
	case "delete":
		id := h.keyID()
		h.do("delete key "+string(id), func(s fanfare.Store) error { return s.DeleteKey(h.ctx, id) })
	case "use":
		id, at := h.keyID(), start.Add(time.Hour)
		h.do("use key "+string(id), func(s fanfare.Store) error {
			return s.UseKeys(h.ctx, map[fanfare.KeyID]time.Time{id: at})
		})
	case "portal":
		app := h.app()
		both(h, "keys of the portal of "+string(app), func(s fanfare.Store) ([]*fanfare.Key, error) { return s.PortalKeys(h.ctx, app) })
	case "list":
		page := h.page(string(h.keyID()))
		both(h, "keys", func(s fanfare.Store) ([]*fanfare.Key, error) { return s.Keys(h.ctx, page) })
	}
	id := h.keyID()
	both(h, "key "+string(id), func(s fanfare.Store) (*fanfare.Key, error) { return s.Key(h.ctx, id) })
	both(h, "key of "+string(id), func(s fanfare.Store) (*fanfare.Key, error) { return s.KeyOf(h.ctx, hashOf(string(id))) })
}

// keyID draws one of the keys there are, or one that never was.
func (h *history) keyID() fanfare.KeyID {
	all := []fanfare.KeyID{"key_01JCQ4E2M07000G00000000004"}
	keys, _ := h.model.Keys(h.ctx, everything) // a Model always answers
	return draw(h, "key", append(all, each(keys, func(k *fanfare.Key) fanfare.KeyID { return k.ID })...)...)
}

// sessionStep works with sessions whose hash is their number.
func (h *history) sessionStep() {
	number := func() string { return draw(h, "session", "1", "2", "3", "4", "5", "6") }
	switch draw(h, "operation", "create", "create", "create", "expire", "delete") {
	case "create":
		app := h.app()
		for range 3 { // so that there come to be more than may be
			h.createSession(app, number())
		}
	case "expire":
		app, labels := h.app(), draw(h, "labels", nil, []string{"a"}, []string{"", "b"})
		_, at := h.stamp("")
		at = at.Add(draw(h, "after", 0, time.Minute))
		h.do("expire sessions of "+string(app), func(s fanfare.Store) error { return s.ExpireSessions(h.ctx, app, labels, at) })
	case "delete":
		name := number()
		h.do("delete session "+name, func(s fanfare.Store) error { return s.DeleteSession(h.ctx, hashOf(name)) })
	}
	for _, name := range []string{"1", "2", "3", "4", "5", "6"} {
		both(h, "session "+name, func(s fanfare.Store) (*fanfare.Session, error) { return s.SessionOf(h.ctx, hashOf(name)) })
	}
	app, now := h.app(), h.moment("now")
	both(h, "sessions of "+string(app), func(s fanfare.Store) ([]*fanfare.Session, error) { return s.Sessions(h.ctx, app, now) })
}

func (h *history) createSession(app fanfare.ApplicationID, name string) {
	if _, err := h.model.SessionOf(h.ctx, hashOf(name)); err == nil {
		return
	}
	_, at := h.stamp("")
	s := &fanfare.Session{Application: app, Hash: hashOf(name), Label: draw(h, "label", "", "a", "b"), CreatedAt: at}
	s.ExpiresAt = at.Add(draw(h, "ttl", time.Second, time.Minute, time.Hour))
	what := fmt.Sprintf("create session %s of %s", name, app)
	h.do(what, func(st fanfare.Store) error { return st.CreateSession(h.ctx, cloneSession(s), 2) })
}
