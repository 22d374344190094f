package statemachinetest

import (
	"bytes"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// hashLog is the length of the log of the tests of hashes. There is a hash after each
// hashStep entries of it.
const (
	hashLog  = 60
	hashStep = 5
)

func testHash(t *testing.T, h Harness) {
	if open(t, h).sm.Describe().StateHash == "" {
		t.Skip("the state machine names no hash of its state")
	}
	t.Run("replicas with the same entries have the same hash", func(t *testing.T) { hashesAgree(t, h) })
	t.Run("every entry changes the hash", func(t *testing.T) {
		rule.Checks(t, "SM-48")
		in := open(t, h)
		seen := map[string]uint64{string(in.hash()): 0}
		for index := uint64(1); index <= 20; index++ {
			in.advance(index)
			hash := string(in.hash())
			if at, was := seen[hash]; was {
				t.Fatalf("the hash after command %d, %.200q, is that after command %d", index, h.Command(int(index-1)), at)
			}
			seen[hash] = index
		}
	})
}

// hash asks for the hash of the present state, with a batch without entries.
func (in *instance) hash() []byte {
	in.t.Helper()
	in.apply(statemachine.Batch{Through: in.applied, Hash: true})
	hash := statemachine.StateHash(in.sm)
	if n := len(hash); n == 0 || n > plugins.MaxStateHashBytes {
		in.t.Fatalf("the hash at index %d has %d bytes, not from 1 to %d", in.applied, n, plugins.MaxStateHashBytes)
	}
	return bytes.Clone(hash)
}

// hashesAgree applies one log to state machines that get it in other parts: in batches of
// hashStep, one by one, from a snapshot, and again from entries that they have.
func hashesAgree(t *testing.T, h Harness) {
	rule.Checks(t, "SM-47", "SM-48")
	log := mixedLog(h, hashLog)
	give := func(in *instance, from, to int) []byte {
		t.Helper()
		in.apply(statemachine.Batch{Entries: log[from:to], Through: log[to-1].Index, Hash: true})
		return in.hash()
	}
	want := map[int][]byte{}
	var snapshot []byte
	whole := open(t, h)
	for at := hashStep; at <= hashLog; at += hashStep {
		want[at] = give(whole, at-hashStep, at)
		if at == hashLog/2 {
			snapshot = whole.snapshot()
		}
	}
	compare := func(how string, at int, hash []byte) {
		t.Helper()
		if !bytes.Equal(hash, want[at]) {
			t.Errorf("%s: the hash at index %d is %x, and was %x in batches of %d", how, at, hash, want[at], hashStep)
		}
	}
	single := open(t, h)
	for at := 1; at <= hashLog; at++ {
		if hash := give(single, at-1, at); at%hashStep == 0 {
			compare("one by one", at, hash)
		}
	}
	restored := open(t, h)
	restored.restore(hashLog/2, snapshot)
	compare("after Restore", hashLog/2, restored.hash())
	compare("from a snapshot", hashLog, give(restored, hashLog/2, hashLog))
	again := open(t, h)
	give(again, 0, hashLog/2)
	give(again, hashStep, hashLog/2)
	compare("with entries that it has already", hashLog, give(again, hashStep, hashLog))
	other := open(t, h)
	log[3].Data = h.Command(hashLog + 1)
	// The command in its place may have come to nothing since, as one that was overwritten.
	if bytes.Equal(give(other, 0, hashLog), want[hashLog]) && (h.Observe == nil || other.observe() != whole.observe()) {
		t.Errorf("another entry at index 4 gives the same hash at index %d", hashLog)
	}
}
