package sqlite

// doom makes the writer remove what has just been noted in the table doomed.
func (w *writer) doom() error {
	w.doomed = true
	return w.keepNewest()
}

const selectDoomed = `
	SELECT id, kind = 'endpoint'
	FROM doomed
	LIMIT 1`

const sweepAttempts = `
	DELETE FROM attempt
	WHERE rowid IN (
		SELECT rowid
		FROM attempt
		WHERE endpoint = ?1
		LIMIT ?2)`

const sweepDeliveries = `
	DELETE FROM delivery
	WHERE endpoint = ?1 AND message IN (
		SELECT message
		FROM delivery
		WHERE endpoint = ?1
		LIMIT ?2)`

const sweepMessages = `
	DELETE FROM message
	WHERE rowid IN (
		SELECT rowid
		FROM message
		WHERE application = ?1
		LIMIT ?2)`

const deleteDoomed = `
	DELETE FROM doomed
	WHERE id = ?`

// sweep removes some rows of something that was deleted, within whatever
// transaction is under way. Nobody can reach them any more, so nobody waits.
func (w *writer) sweep() error {
	if !w.doomed || w.store.full.Load() {
		return nil
	}
	var what id
	endpoint := false
	err := w.query(selectDoomed, func(*binder) {}, func(row *row) { what, endpoint = row.id(), row.truth() })
	if err != nil {
		return err
	}
	if what == (id{}) {
		w.doomed = false
		return nil
	}
	some := func(bind *binder) { bind.id(what); bind.number(sweepChunk) }
	of := []string{sweepMessages}
	if endpoint {
		of = []string{sweepAttempts, sweepDeliveries}
	}
	for _, query := range of {
		if err := w.exec(query, some); err != nil || w.conn.Changes() == sweepChunk {
			return err
		}
	}
	return w.exec(deleteDoomed, func(bind *binder) { bind.id(what) })
}
