package inspect

import (
	"slices"
	"unicode/utf8"
)

// changeRequest does something to a request of an owner's bin.
func (s *Bins) changeRequest(owner, id string, n int, do func(b *bin, i int) error) error {
	return s.change(owner, id, func(b *bin) error {
		i := slices.IndexFunc(b.Requests, func(req Request) bool { return req.ID == n })
		if i < 0 {
			return ErrNotFound
		}
		return do(b, i)
	})
}

// SetPinned keeps a request while newer ones come, or lets it go as others do. It
// returns [ErrInvalid] when as much is pinned as may be.
func (s *Bins) SetPinned(owner, id string, n int, on bool) error {
	return s.changeRequest(owner, id, n, func(b *bin, i int) error {
		req := &b.Requests[i]
		if req.Pinned == on {
			return nil
		}
		size := req.size()
		if on {
			if err := s.roomToPin(b, size); err != nil {
				return err
			}
		} else {
			size = -size
		}
		req.Pinned = on
		b.pinned, s.pinned = b.pinned+size, s.pinned+size
		return nil
	})
}

func (s *Bins) roomToPin(b *bin, size int) error {
	pinned := 0
	for i := range b.Requests {
		if b.Requests[i].Pinned {
			pinned++
		}
	}
	switch {
	case pinned >= MaxPinned:
		return invalid("a bin has at most %d pinned requests; let go of another first", MaxPinned)
	case b.pinned+size > MaxBytes/2 || s.pinned+size > MaxTotal/2:
		return invalid("there is no room to keep more; let go of another first")
	}
	return nil
}

// SetNote writes somebody's note to a request; "": takes it away.
func (s *Bins) SetNote(owner, id string, n int, note string) error {
	if len(note) > MaxNote || !utf8.ValidString(note) {
		return invalid("a note is text of at most %d bytes", MaxNote)
	}
	return s.changeRequest(owner, id, n, func(b *bin, i int) error {
		req := &b.Requests[i]
		more := len(note) - len(req.Note)
		req.Note = note
		s.grow(b, more)
		if req.Pinned {
			b.pinned, s.pinned = b.pinned+more, s.pinned+more
		}
		return nil
	})
}

// Remove lets go of a request.
func (s *Bins) Remove(owner, id string, n int) error {
	return s.changeRequest(owner, id, n, func(b *bin, i int) error {
		size := b.Requests[i].size()
		s.grow(b, -size)
		if b.Requests[i].Pinned {
			b.pinned, s.pinned = b.pinned-size, s.pinned-size
		}
		b.Requests = slices.Delete(b.Requests, i, i+1)
		return nil
	})
}

// Find is the request of a number; nil: it is not there, or no longer.
func (b *Bin) Find(n int) *Request {
	i := slices.IndexFunc(b.Requests, func(req Request) bool { return req.ID == n })
	if i < 0 {
		return nil
	}
	return &b.Requests[i]
}
