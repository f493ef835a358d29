package lane

// heap is a priority queue whose members know where they are, so that each can
// be moved or taken out. slot points at the member's own note of its position,
// which is 0 while it is outside.
type heap[T any] struct {
	items  []T
	before func(a, b T) bool
	slot   func(T) *int
}

func (h *heap[T]) len() int { return len(h.items) }

func (h *heap[T]) top() T { return h.items[0] }

// put adds v, or moves it to where it now belongs.
func (h *heap[T]) put(v T) {
	i := *h.slot(v) - 1
	if i < 0 {
		i = len(h.items)
		h.items = append(h.items, v)
		*h.slot(v) = i + 1
	}
	h.down(h.up(i))
}

// drop takes v out if it is in.
func (h *heap[T]) drop(v T) {
	i := *h.slot(v) - 1
	if i < 0 {
		return
	}
	last := len(h.items) - 1
	h.swap(i, last)
	var none T
	h.items[last] = none
	h.items = h.items[:last]
	*h.slot(v) = 0
	if i < last {
		h.down(h.up(i))
	}
}

func (h *heap[T]) up(i int) int {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.before(h.items[i], h.items[parent]) {
			break
		}
		h.swap(i, parent)
		i = parent
	}
	return i
}

func (h *heap[T]) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h.items) {
			return
		}
		if right := child + 1; right < len(h.items) && h.before(h.items[right], h.items[child]) {
			child = right
		}
		if !h.before(h.items[child], h.items[i]) {
			return
		}
		h.swap(i, child)
		i = child
	}
}

func (h *heap[T]) swap(i, j int) {
	h.items[i], h.items[j] = h.items[j], h.items[i]
	*h.slot(h.items[i]) = i + 1
	*h.slot(h.items[j]) = j + 1
}
