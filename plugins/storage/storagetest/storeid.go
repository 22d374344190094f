package storagetest

import (
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// testStoreID: a store has one id for all its life, and another store has
// another one. A member is known by it, so a store that lost its data and says
// the same id would vote for what it forgot.
func (h Harness) testStoreID(t *testing.T) {
	t.Run("OneForALife", func(t *testing.T) {
		rule.Checks(t, "ST-3")
		h.restarts(t, func(t *testing.T, restart func(*session)) {
			se := h.start(t)
			first := se.state.StoreID
			for round := range 3 {
				restart(se) // in the first round nothing but the id was stored
				if se.state.StoreID != first {
					t.Fatalf("round %d: the id was %x and is %x", round, first, se.state.StoreID)
				}
				se.append(entries(uint64(round+1), 1, 1)...)
			}
		})
	})
	t.Run("AnotherForAnother", func(t *testing.T) {
		rule.Checks(t, "ST-3")
		a, b := h.start(t), h.start(t)
		if a.state.StoreID == b.state.StoreID {
			t.Errorf("two stores have the id %x", a.state.StoreID)
		}
	})
	t.Run("AnotherInAWipedDirectory", func(t *testing.T) {
		rule.Checks(t, "ST-3", "ST-4")
		se := h.start(t)
		first := se.state.StoreID
		se.append(entries(1, 3, 1)...)
		se.wipe()
		if se.state.StoreID == first {
			t.Errorf("the directory was emptied, and the id is %x still", first)
		}
		if se.state.LastIndex != 0 || se.state.HardState != (storage.HardState{}) {
			t.Errorf("the directory was emptied, and the store begins with %+v", se.state)
		}
	})
	t.Run("OfAMovedStore", func(t *testing.T) {
		rule.Checks(t, "ST-3")
		const id = 0x1d
		se := h.begin(t, func(se *session) { se.opts.StoreID = id })
		if se.state.StoreID != id {
			t.Fatalf("a store that is to be %x is %x", id, se.state.StoreID)
		}
		se.opts.StoreID = 0
		se.reopen()
		if se.state.StoreID != id {
			t.Errorf("then it is %x", se.state.StoreID)
		}
	})
}
