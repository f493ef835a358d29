package fanfare

import "sync"

// recentBudget bounds the messages kept in memory between acceptance and the
// first attempt, in bytes; one takes recentOverhead beside its payload.
const (
	recentBudget   = 128 << 20
	recentOverhead = 512
)

// recent keeps messages that are being accepted or just were, so that their
// first attempts need not read them back, and those read for attempts that are about to
// be made. What it does not have is in the store.
//
// It also knows which messages are arriving: those the store may have already,
// but whose acceptance the scheduler was not yet told of. A load must pass over
// them, or the scheduler could hear of one for the first time when it has been
// delivered, and send it again.
type recent struct {
	mu    sync.Mutex
	byID  map[MessageID]*recentMessage
	order []MessageID // oldest first, with some that are gone already
	bytes int
}

type recentMessage struct {
	*Message     // nil if its place was needed: only that it is arriving is known
	uses     int // first attempts still to come
	arriving bool
	kept     bool // uses are counted as they come
}

// expect notes messages that are about to be stored.
func (r *recent) expect(intakes []*Intake) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID == nil {
		r.byID = make(map[MessageID]*recentMessage)
	}
	for _, in := range intakes {
		if len(in.Deliveries) == 0 {
			continue
		}
		id := in.Message.ID
		r.byID[id] = &recentMessage{Message: in.Message, uses: len(in.Deliveries), arriving: true}
		r.order = append(r.order, id)
		r.bytes += len(in.Message.Payload) + recentOverhead
	}
	r.shrink()
}

// keep notes messages that were read from the store, for so many attempts each.
func (r *recent) keep(msgs []*Message, uses map[MessageID]int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID == nil {
		r.byID = make(map[MessageID]*recentMessage)
	}
	for _, msg := range msgs {
		if m := r.byID[msg.ID]; m != nil {
			m.uses += uses[msg.ID]
			continue
		}
		r.byID[msg.ID] = &recentMessage{Message: msg, uses: uses[msg.ID], kept: true}
		r.order = append(r.order, msg.ID)
		r.bytes += len(msg.Payload) + recentOverhead
	}
	r.shrink()
}

// shrink keeps to the budget.
func (r *recent) shrink() {
	for r.bytes > recentBudget || len(r.order) > 2*len(r.byID)+1024 {
		r.dropLocked(r.order[0])
		r.order = r.order[1:]
	}
}

// forget undoes expect.
func (r *recent) forget(intakes []*Intake) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, in := range intakes {
		if m := r.byID[in.Message.ID]; m != nil {
			m.arriving = false
			r.dropLocked(in.Message.ID)
		}
	}
}

// arrived says that the scheduler has been told of a message.
func (r *recent) arrived(id MessageID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.byID[id]; m != nil {
		m.arriving = false
		if m.Message == nil {
			delete(r.byID, id)
		}
	}
}

// arriving reports whether the scheduler is still to be told of a message.
func (r *recent) arriving(id MessageID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.byID[id]
	return m != nil && m.arriving
}

// get returns a message if it is here, or nil.
func (r *recent) get(id MessageID) *Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.byID[id]; m != nil {
		return m.Message
	}
	return nil
}

// use reports whether a message is here for an attempt that is about to be made.
func (r *recent) use(id MessageID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.byID[id]
	if m == nil || m.Message == nil {
		return false
	}
	if m.kept {
		m.uses++
	}
	return true
}

// used says that one first attempt has been made.
func (r *recent) used(id MessageID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.byID[id]; m != nil {
		if m.uses--; m.uses <= 0 {
			r.dropLocked(id)
		}
	}
}

func (r *recent) drop(id MessageID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dropLocked(id)
}

// dropLocked lets go of a message, though not of its arriving.
func (r *recent) dropLocked(id MessageID) {
	m := r.byID[id]
	if m == nil {
		return
	}
	if m.Message != nil {
		r.bytes -= len(m.Payload) + recentOverhead
		m.Message = nil
	}
	if !m.arriving {
		delete(r.byID, id)
	}
}
