package storagetest

import (
	"errors"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

func (h Harness) testCompact(t *testing.T) {
	h.restarts(t, func(t *testing.T, restart func(*session)) {
		t.Run("GivesUpTheHead", func(t *testing.T) {
			rule.Checks(t, "ST-24", "ST-25", "ST-22")
			se := h.start(t)
			log := append(entries(1, 20, 1), entries(21, 20, 2)...)
			se.append(log...)
			se.save(meta(30, 2), false, []byte("state"))
			for _, index := range []uint64{10, 20, 25} {
				se.compact(index, index+1)
				se.expectCompacted(index, log[index:])
			}
			se.compact(5, 26) // what is gone already
			restart(se)
			se.expectBounds(26, 40, boundary(25, 2))
			se.expectCompacted(25, log[25:])
			se.append(entries(41, 1, 3)...)
			se.expectCompacted(25, append(log[25:], entries(41, 1, 3)...))
		})
		t.Run("AtATermBoundary", func(t *testing.T) {
			rule.Checks(t, "ST-25", "ST-6")
			se := h.start(t)
			se.append(append(entries(1, 5, 1), entries(6, 5, 2)...)...)
			se.save(meta(10, 2), false, nil)
			se.compact(5, 6)
			restart(se)
			se.expectBounds(6, 10, boundary(5, 1), boundary(6, 2))
		})
		t.Run("UpToTheEnd", func(t *testing.T) {
			rule.Checks(t, "ST-25", "ST-4")
			se := h.start(t)
			se.append(entries(1, 10, 3)...)
			se.save(meta(10, 3), false, nil)
			se.compact(10, 11)
			se.expectInstalled(10)
			restart(se)
			se.expectBounds(11, 10, boundary(10, 3))
			se.append(entries(11, 2, 3)...)
			restart(se)
			se.expectLog(entries(11, 2, 3)...)
		})
	})
	t.Run("NotBeyondTheSnapshot", func(t *testing.T) {
		rule.Checks(t, "ST-23")
		se := h.start(t)
		se.append(entries(1, 10, 1)...)
		for _, index := range []uint64{1, 10, 11} {
			if _, err := se.s.Compact(se.ctx(), index); !errors.Is(err, plugins.ErrInvalidArgument) {
				t.Errorf("Compact %d without a snapshot = %v, want ErrInvalidArgument", index, err)
			}
		}
		se.save(meta(5, 1), false, nil)
		if _, err := se.s.Compact(se.ctx(), 6); !errors.Is(err, plugins.ErrInvalidArgument) {
			t.Errorf("Compact beyond the snapshot = %v, want ErrInvalidArgument", err)
		}
		se.expectLog(entries(1, 10, 1)...)
	})
	t.Run("ManyTimes", h.testCompactManyTimes)
}

// testCompactManyTimes lets a long log pass through the store, more than it
// would keep in one piece.
func (h Harness) testCompactManyTimes(t *testing.T) {
	rule.Checks(t, "ST-25")
	se := h.start(t)
	log := entries(1, 30, 1)
	for i := range log {
		log[i].Data = make([]byte, 20_000)
		log[i].Data[0] = byte(i)
	}
	next := uint64(1)
	for round := uint64(0); round < 10; round++ {
		for i := range log {
			log[i].Index = next
			next++
		}
		se.append(log...)
		se.save(meta(next-1, 1), false, []byte("state"))
		se.compact(next-10, next-9)
		se.expectCompacted(next-10, log[len(log)-9:])
	}
	se.reopen()
	se.expectBounds(next-9, next-1, boundary(next-10, 1))
	se.expectCompacted(next-10, log[len(log)-9:])
}

func (se *session) compact(index, wantFirst uint64) {
	se.t.Helper()
	first, err := se.s.Compact(se.ctx(), index)
	if err != nil || first != wantFirst {
		se.t.Fatalf("Compact %d = %d, %v, want first index %d", index, first, err, wantFirst)
	}
}

// expectCompacted expects that entries up to index are gone and the rest is
// there.
func (se *session) expectCompacted(index uint64, rest []storage.Entry) {
	se.t.Helper()
	for _, lo := range []uint64{1, index} {
		if _, err := se.s.Read(se.ctx(), lo, index+1, 1<<20); !errors.Is(err, storage.ErrCompacted) {
			se.t.Fatalf("Read [%d,%d) = %v, want ErrCompacted", lo, index+1, err)
		}
	}
	se.expectLog(rest...)
}
