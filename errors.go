package fanfare

import "errors"

// Sentinels that callers branch on with errors.Is. Everything else a method
// returns is an [InvalidError], which the caller can mend, or a fault, which
// only an operator can.
var (
	// ErrNotFound says that nothing of that name exists within the scope asked:
	// another application's endpoint is not found, like one that never was.
	ErrNotFound = errors.New("not found")
	// ErrExists says that the name, uid or event id is taken already.
	ErrExists = errors.New("exists already")
	// ErrConflict says that what a call goes by does not hold: the idempotency key
	// was used before with another request, or what is to be changed is not what it
	// was any more.
	ErrConflict = errors.New("conflicts with what is stored")
	// ErrFull says that the disk has no room. Nothing of the call was kept; the
	// same call succeeds once there is room again.
	ErrFull = errors.New("the disk is full")
	// ErrBroken says that the store met an I/O error and has stopped for good,
	// so that nothing is acknowledged that may not be on disk. Restart the process.
	ErrBroken = errors.New("the store has stopped after an I/O error")
	// ErrAway says that the store's database does not answer, or not surely enough. The
	// call may have been done or not: repeat it, under the same event id or key.
	ErrAway = errors.New("the database does not answer")
	// ErrBusy says that as much is tried out at the same time as may be. The same call
	// succeeds in a moment.
	ErrBusy = errors.New("as much is tried out at the same time as may be")
	// ErrDamaged says that a message on disk is not what was stored. The rest of
	// the store can be trusted.
	ErrDamaged = errors.New("damaged on disk")
)

// An InvalidError says what is wrong with something the caller sent.
type InvalidError struct {
	Field  string // path to the field, such as "url" or "retry.delays"
	Reason string // a sentence fragment that says what would be right
}

func (e *InvalidError) Error() string {
	if e.Field == "" {
		return e.Reason
	}
	return e.Field + ": " + e.Reason
}
