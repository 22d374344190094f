package client

import (
	"testing"

	"pgregory.net/rapid"
)

// TestTableIsAMap: the table behaves as a map from ids to waiters in which no
// id comes twice.
func TestTableIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var table table
		model := map[uint64]*waiter{}
		used := map[uint64]bool{}
		anyID := func() uint64 {
			if len(used) == 0 {
				return rapid.Uint64().Draw(t, "id")
			}
			ids := make([]uint64, 0, len(used))
			for i := uint64(0); i < 64; i++ {
				for uses := uint64(1); uses < 32; uses++ {
					if id := uses<<slotBits | i; used[id] {
						ids = append(ids, id)
					}
				}
			}
			return rapid.SampledFrom(ids).Draw(t, "id")
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				if len(used) > 25 {
					t.Skip("the model holds 25 requests: this step does not apply")
				}
				w := &waiter{}
				id := table.put(w)
				if used[id] {
					t.Fatalf("id %x came twice", id)
				}
				used[id], model[id] = true, w
			},
			"take": func(t *rapid.T) {
				id := anyID()
				if got := table.take(id); got != model[id] {
					t.Fatalf("take(%x) = %p, want %p", id, got, model[id])
				}
				delete(model, id)
			},
			"take some": func(t *rapid.T) {
				odd := false
				taken := table.takeIf(func(*waiter) bool { odd = !odd; return odd })
				for _, w := range taken {
					for id, m := range model {
						if m == w {
							delete(model, id)
						}
					}
				}
			},
			"": func(t *rapid.T) {
				if n := len(table.slots) - len(table.free); n != len(model) {
					t.Fatalf("%d waiters in the table, want %d", n, len(model))
				}
			},
		})
	})
}

func TestTableIgnoresIDsThatNobodyHas(t *testing.T) {
	var table table
	id := table.put(&waiter{})
	for _, other := range []uint64{0, id + 1, id + 1<<slotBits, 1<<64 - 1} {
		if table.take(other) != nil {
			t.Errorf("take(%x) found somebody", other)
		}
	}
	if table.take(id) == nil {
		t.Error("the waiter is gone")
	}
}
