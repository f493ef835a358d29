package fanfare

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// An AuditEntry says that someone changed something, or was not let. It names
// what was given, and has no values of it.
type AuditEntry struct {
	ID     AuditID
	At     time.Time
	Actor  string // who: "admin", the id of a key or of a portal session, "oidc" for who logged in by the provider, "cli", or "engine"
	Action string // such as "endpoint.update"
	// Application and Object are what it was done to: ids, or what the caller called
	// them where nothing has that name (any more).
	Application string
	Object      string
	Address     string   // where the request came from; "" if there was none
	Refused     bool     // for want of access; otherwise it was done
	Fields      []string // names of what was given
	Detail      string   // in words
}

// AuditID identifies an entry: audit_…
type AuditID string

// AuditLog is who did what.
type AuditLog interface {
	// AddAudit keeps an entry.
	AddAudit(ctx context.Context, e *AuditEntry) error
	// AuditEntries lists entries by id.
	AuditEntries(ctx context.Context, f AuditFilter) ([]*AuditEntry, error)
	// PruneAudit removes what keep does not ask to be kept, and returns how many
	// entries that were. If it fails it may have removed some.
	PruneAudit(ctx context.Context, keep AuditKeep) (int, error)
}

// AuditFilter picks entries. Zero fields do not restrict.
type AuditFilter struct {
	Page
	Since, Until time.Time // in [Since, Until)
	Actor        string
	Object       string // the object, or the application
}

// AuditKeep says which entries are kept. Those that were refused are counted by
// themselves, so that who keeps trying does not push out what was done.
type AuditKeep struct {
	Since   time.Time // none from before
	Done    int       // the newest ones
	Refused int
}

// Bounds on the audit log.
const (
	auditDone    = 100_000 // entries
	auditRefused = 10_000
	auditEvery   = 1000 // entries after which it is seen to that there are no more
	maxAuditText = 256  // bytes of each text
	maxAudited   = 64   // names of fields
)

// Audit keeps an entry, and fills in its id and time. What is too long in it is
// cut.
func (h *Hub) Audit(ctx context.Context, e *AuditEntry) error {
	if err := h.floor(ctx); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	e.At = h.now()
	e.ID = AuditID(h.ids.next(e.At, "audit_"))
	for _, text := range []*string{&e.Actor, &e.Action, &e.Application, &e.Object, &e.Address, &e.Detail} {
		*text = auditText(*text)
	}
	e.Fields = e.Fields[:min(len(e.Fields), maxAudited)]
	for i := range e.Fields {
		e.Fields[i] = auditText(e.Fields[i])
	}
	if err := h.store.AddAudit(ctx, e); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if h.audited.Add(1)%auditEvery == 0 {
		return h.pruneAudit(ctx)
	}
	return nil
}

// auditText bounds what may come from outside, and makes it fit to be stored.
func auditText(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(bound(text, maxAuditText), "\ufffd"), "\x00", "\ufffd")
}

// AuditEntries lists who did what.
func (h *Hub) AuditEntries(ctx context.Context, f AuditFilter) ([]*AuditEntry, error) {
	return h.store.AuditEntries(ctx, f)
}

// pruneAudit removes what is too old or too much.
func (h *Hub) pruneAudit(ctx context.Context) error {
	_, err := h.store.PruneAudit(ctx, AuditKeep{Since: h.now().Add(-h.opt.AuditRetention), Done: auditDone, Refused: auditRefused})
	return err
}

// auditOwn keeps an entry of what the engine did by itself. That is done, so that
// a failure is only told.
func (h *Hub) auditOwn(ctx context.Context, action string, ep *Endpoint, detail string) {
	err := h.Audit(ctx, &AuditEntry{Actor: "engine", Action: action, Application: string(ep.Application), Object: string(ep.ID), Detail: detail})
	if err != nil {
		h.opt.Logger.ErrorContext(ctx, "audit", "action", action, "endpoint", ep.ID, "error", err)
	}
}
