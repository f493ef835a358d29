package fanfare

import "context"

// An ApplicationFilter picks applications. Zero fields do not restrict.
type ApplicationFilter struct {
	Page
	Only          ApplicationID // no other
	WithEndpoints bool          // leave out those that have no endpoint
	WithEnabled   bool          // leave out those that have endpoints, but only disabled ones
}

// ApplicationLists are lists of some applications.
type ApplicationLists interface {
	// ApplicationsBy is Applications, of those that a filter picks.
	ApplicationsBy(ctx context.Context, f ApplicationFilter) ([]*Application, error)
}

// ApplicationsBy lists the applications that a filter picks, by age.
func (h *Hub) ApplicationsBy(ctx context.Context, f ApplicationFilter) ([]*Application, error) {
	// The operational one has the smallest id of all.
	if f.Ascending && f.After == "" {
		f.After = string(OperationalApplication)
	}
	apps, err := h.store.ApplicationsBy(ctx, f)
	if n := len(apps); n > 0 && apps[n-1].ID == OperationalApplication {
		apps = apps[:n-1]
	}
	return apps, err
}
