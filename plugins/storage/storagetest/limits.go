package storagetest

import (
	"bytes"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

func (h Harness) testLimits(t *testing.T) {
	limits := plugins.DefaultLimits()
	sized := func(index, n uint64) storage.Entry {
		return storage.Entry{Index: index, Term: 1, Data: bytes.Repeat([]byte{byte(index)}, int(n))}
	}
	t.Run("TheLargestEntry", func(t *testing.T) {
		rule.Checks(t, "P-31", "ST-15")
		se := h.start(t)
		large := sized(1, limits.MaxEntryBytes)
		se.append(large)
		se.expectLog(large)
		se.reopen()
		se.expectLog(large)
	})
	t.Run("AnEntryTooLarge", func(t *testing.T) {
		rule.Checks(t, "ST-15", "ST-16", "P-33")
		se := h.start(t)
		se.refuse(plugins.ErrLimit, storage.Batch{Entries: []storage.Entry{sized(1, limits.MaxEntryBytes+1)}, MustSync: true})
		se.append(entries(1, 1, 1)...)
		se.expectLog(entries(1, 1, 1)...)
	})
	t.Run("AFullBatch", func(t *testing.T) {
		rule.Checks(t, "P-31", "ST-15")
		se := h.start(t)
		half := limits.MaxBatchBytes / 2
		se.append(sized(1, half), sized(2, half))
		se.expectLog(sized(1, half), sized(2, half))
	})
	t.Run("ABatchTooLarge", func(t *testing.T) {
		rule.Checks(t, "ST-15", "ST-16", "P-33")
		se := h.start(t)
		half := limits.MaxBatchBytes / 2
		se.refuse(plugins.ErrLimit, storage.Batch{Entries: []storage.Entry{sized(1, half), sized(2, half+1)}, MustSync: true})
		se.append(entries(1, 1, 1)...)
		se.expectLog(entries(1, 1, 1)...)
	})
	t.Run("ReadStopsAtMaxBytes", func(t *testing.T) {
		rule.Checks(t, "ST-21")
		se := h.start(t)
		var log []storage.Entry
		for i := uint64(1); i <= 10; i++ {
			log = append(log, sized(i, 1000))
		}
		se.append(log...)
		for _, maxBytes := range []uint64{0, 1, 999, 1000, 2500, 5000, 1 << 20} {
			got, err := se.s.Read(se.ctx(), 1, 11, maxBytes)
			if err != nil || len(got) == 0 {
				t.Fatalf("Read of at most %d bytes = %d entries, %v", maxBytes, len(got), err)
			}
			if n := uint64(len(got)) * 1000; len(got) > 1 && n > maxBytes {
				t.Errorf("Read of at most %d bytes returned %d", maxBytes, n)
			}
			if n := uint64(len(got)); n < 10 && (n+1)*1100 <= maxBytes {
				t.Errorf("Read of at most %d bytes returned only %d entries of 1000", maxBytes, n)
			}
			se.equal(got, log[:len(got)])
		}
	})
}
