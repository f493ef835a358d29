package fanfare

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// A MuteID names a mute: mute_….
type MuteID string

// A Mute keeps an issue from being listed among those that want something done: the
// failures of an endpoint that have one cause. When it fails for another cause that is
// another issue, which is listed. It changes nothing about what is sent.
type Mute struct {
	ID          MuteID
	Application ApplicationID
	Endpoint    EndpointID
	Cause       string // as [CauseOf] has it
	CreatedAt   time.Time
}

// CauseOf names why an attempt failed, so that failures of one cause have one name: the
// class and, of an answer, its status, such as "timeout" or "status-503".
func CauseOf(c Class, status int) string {
	if status == 0 {
		return string(c)
	}
	return string(c) + "-" + strconv.Itoa(status)
}

// Mutes is where mutes are kept. They go with their endpoint.
type Mutes interface {
	// CreateMute keeps m. Of an endpoint it keeps the most newest. ErrNotFound: the
	// endpoint is not the application's. ErrExists: there is one of this cause already.
	CreateMute(ctx context.Context, m *Mute, most int) error
	Mutes(ctx context.Context, f MuteFilter) ([]*Mute, error)
	DeleteMute(ctx context.Context, app ApplicationID, ep EndpointID, id MuteID) error
}

// A MuteFilter picks mutes by age. Endpoint is one of Application; both "": those of all,
// and either alone: none.
type MuteFilter struct {
	Page
	Application ApplicationID
	Endpoint    EndpointID
}

// maxMutes is how many causes of one endpoint can be muted; the oldest make room.
const maxMutes = 20

// Mute checks and stores m, and fills in its id and time. It returns ErrNotFound when
// the application has no such endpoint, and ErrExists when the cause is muted already.
func (h *Hub) Mute(ctx context.Context, m *Mute) error {
	if err := checkCause(m.Cause); err != nil {
		return err
	}
	if err := h.floor(ctx); err != nil {
		return err
	}
	now := h.now()
	m.ID, m.CreatedAt = MuteID(h.ids.next(now, "mute_")), now
	if err := h.store.CreateMute(ctx, m, maxMutes); err != nil {
		return fmt.Errorf("mute %q of endpoint %s: %w", m.Cause, m.Endpoint, err)
	}
	return nil
}

func checkCause(cause string) error {
	wrong := cause == "" || len(cause) > 64
	for _, b := range []byte(cause) {
		wrong = wrong || b != '-' && b != '_' && (b < '0' || b > '9') && (b < 'a' || b > 'z')
	}
	if wrong {
		return &InvalidError{"cause", `must be the class of an attempt and, of an answer, a hyphen and its status, such as "timeout" or "status-503"`}
	}
	return nil
}

// Mutes lists mutes by age.
func (h *Hub) Mutes(ctx context.Context, f MuteFilter) ([]*Mute, error) {
	return h.store.Mutes(ctx, f)
}

// Unmute removes a mute.
func (h *Hub) Unmute(ctx context.Context, app ApplicationID, ep EndpointID, id MuteID) error {
	if err := h.store.DeleteMute(ctx, app, ep, id); err != nil {
		return fmt.Errorf("mute %s: %w", id, err)
	}
	return nil
}
