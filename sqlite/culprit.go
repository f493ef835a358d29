package sqlite

import (
	"errors"
	"slices"

	"github.com/fanfarehq/fanfare"
)

// sending are the jobs at the front that have messages to store and nothing else to do.
func sending(jobs []*job) []*job {
	n := slices.IndexFunc(jobs, func(j *job) bool { return j.run != nil })
	if n < 0 {
		return jobs
	}
	return jobs[:n]
}

// culprit finds the job whose messages cannot be stored, of some that failed with cause
// together. If each job's can by itself, it is the first: the others may be without it. It
// is nil if the fault is no job's own.
func (w *writer) culprit(jobs []*job, cause error) (*job, error) {
	wrong, cause := jobs[0], w.store.fault(cause)
	for i := 0; len(jobs) > 1 && i < len(jobs) && !isStores(cause); i++ {
		if err := run(w.begin); err != nil {
			return nil, w.store.fault(err)
		}
		err := w.acceptAll(jobs[i : i+1])
		w.undo()
		if err != nil {
			wrong, cause = jobs[i], w.store.fault(err)
			break
		}
	}
	if isStores(cause) {
		return nil, cause
	}
	wrong.err = cause
	return wrong, cause
}

// isStores reports whether a fault is the store's, and not of what was to be stored.
func isStores(err error) bool { return isFull(err) || errors.Is(err, fanfare.ErrBroken) }

// isAnswer reports whether an error is what a job found out rather than what
// went wrong with it.
func isAnswer(err error) bool {
	return errors.Is(err, fanfare.ErrNotFound) || errors.Is(err, fanfare.ErrExists) ||
		errors.Is(err, fanfare.ErrConflict) || errors.Is(err, fanfare.ErrTooMany)
}
