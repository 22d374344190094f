package node

// queue is a first-in, first-out queue whose elements are numbered from 1 in
// the order of their arrival.
type queue[T any] struct {
	items []T
	head  uint64 // number of items[0]; meaningless while empty
	next  uint64 // number of the last one pushed
}

func (q *queue[T]) len() int { return len(q.items) }

// push adds v and returns its number.
func (q *queue[T]) push(v T) uint64 {
	q.next++
	if len(q.items) == 0 {
		q.head = q.next
		q.items = q.items[:0]
	}
	q.items = append(q.items, v)
	return q.next
}

// last returns the newest element.
func (q *queue[T]) last() *T { return &q.items[len(q.items)-1] }

// pop removes and returns the oldest element if its number is at most n.
func (q *queue[T]) pop(n uint64) (v T, ok bool) {
	if len(q.items) == 0 || q.head > n {
		return v, false
	}
	var zero T
	v = q.items[0]
	q.items[0] = zero
	q.items = q.items[1:]
	q.head++
	return v, true
}
