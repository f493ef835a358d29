package sqlite

// hasApplication reports whether there is such an application.
func (w *writer) hasApplication(app id) (bool, error) {
	_, ok, err := w.owner("SELECT id FROM application WHERE id = ?", app)
	return ok, err
}

// hasEndpoint reports whether the application has such an endpoint.
func (w *writer) hasEndpoint(app, ep id) (bool, error) {
	owner, ok, err := w.applicationOf(ep)
	return ok && owner == app, err
}

// applicationOf finds the application of an endpoint that exists.
func (w *writer) applicationOf(ep id) (app id, ok bool, err error) {
	return w.owner("SELECT application FROM endpoint WHERE id = ?", ep)
}

func (w *writer) owner(query string, of id) (owner id, ok bool, err error) {
	if owner, ok := w.live[of]; ok {
		return owner, true, nil
	}
	stmt, err := w.conn.Prepare(query)
	if err != nil {
		return id{}, false, err
	}
	bind := binder{stmt: stmt}
	bind.id(of)
	ok, err = one(stmt, func(row *row) { owner = row.id() })
	if !ok || err != nil {
		return id{}, false, err
	}
	if len(w.live) >= liveMost {
		clear(w.live)
	}
	w.live[of] = owner
	return owner, true, nil
}
