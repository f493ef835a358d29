package storetest

import (
	"fmt"

	"github.com/fanfarehq/fanfare"
)

// muteStep mutes, unmutes and lists, three at most an endpoint.
func (h *history) muteStep() {
	ep := h.endpointAsIs()
	app := h.owner(ep.Application)
	switch draw(h, "operation", "create", "create", "delete", "list") {
	case "create":
		id, at := h.stamp("mute_")
		m := &fanfare.Mute{ID: fanfare.MuteID(id), Application: app, Endpoint: ep.ID, CreatedAt: at}
		m.Cause = draw(h, "cause", "timeout", "dns", "status-500", "status-503", "tls")
		what := fmt.Sprintf("mute %s as %s of endpoint %s of %s", m.Cause, id, ep.ID, app)
		h.do(what, func(s fanfare.Store) error { return s.CreateMute(h.ctx, cloneMute(m), 3) })
	case "delete":
		id := h.muteID()
		what := fmt.Sprintf("unmute %s of endpoint %s of %s", id, ep.ID, app)
		h.do(what, func(s fanfare.Store) error { return s.DeleteMute(h.ctx, app, ep.ID, id) })
	case "list":
		f := fanfare.MuteFilter{Page: h.page(string(h.muteID())), Application: app, Endpoint: ep.ID}
		both(h, "mutes of "+string(ep.ID), func(s fanfare.Store) ([]*fanfare.Mute, error) { return s.Mutes(h.ctx, f) })
	}
	both(h, "mutes", func(s fanfare.Store) ([]*fanfare.Mute, error) {
		return s.Mutes(h.ctx, fanfare.MuteFilter{Page: everything})
	})
}

// muteID draws one of the mutes there are, or one that never was.
func (h *history) muteID() fanfare.MuteID {
	all := []fanfare.MuteID{"mute_01JCQ4E2M07000G00000000004"}
	mutes, _ := h.model.Mutes(h.ctx, fanfare.MuteFilter{Page: everything}) // a Model always answers
	return draw(h, "mute", append(all, each(mutes, func(m *fanfare.Mute) fanfare.MuteID { return m.ID })...)...)
}
