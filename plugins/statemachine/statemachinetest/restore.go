package statemachinetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"

	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// garbage is what no application takes for a snapshot of its own.
const garbage = "this is not a snapshot, whatever else it may be\x00\xff\xfe"

func testRestore(t *testing.T, h Harness) {
	t.Run("into an empty state machine", func(t *testing.T) { restoresInto(t, h, 0) })
	t.Run("over an older state", func(t *testing.T) { restoresInto(t, h, 20) })
	t.Run("over a newer state", func(t *testing.T) { restoresInto(t, h, 150) })
	t.Run("from a reader of single bytes", func(t *testing.T) {
		rule.Checks(t, "SM-39")
		origin := open(t, h)
		origin.advance(30)
		in := open(t, h)
		if err := in.sm.Restore(in.ctx, 30, iotest.OneByteReader(bytes.NewReader(origin.snapshot()))); err != nil {
			t.Fatalf("Restore: %v", err)
		}
		in.applied = 30
		equalState(t, "after the restore", in.state(), reference(t, h, 30))
	})
	t.Run("a snapshot of a restored state is the same", func(t *testing.T) {
		rule.Checks(t, "SM-37")
		origin, in := open(t, h), open(t, h)
		origin.advance(100)
		want := origin.snapshot()
		in.restore(100, want)
		equalState(t, "second generation", in.state(), origin.fingerprint(want))
	})
	t.Run("a snapshot that cannot be used is ErrBadSnapshot", func(t *testing.T) { refusesSnapshots(t, h) })
	t.Run("a reader that fails ends Restore", func(t *testing.T) {
		rule.Checks(t, "SM-41")
		in := open(t, h)
		in.advance(10)
		half := in.snapshot()
		half = half[:len(half)/2]
		err := in.sm.Restore(in.ctx, 10, io.MultiReader(bytes.NewReader(half), iotest.ErrReader(errors.New("reader failed"))))
		if err == nil {
			t.Error("Restore from a reader that fails: nil, want an error")
		}
	})
}

// restoresInto restores a snapshot of index 100 over a state of index before,
// and goes on from there.
func restoresInto(t *testing.T, h Harness, before uint64) {
	rule.Checks(t, "SM-39", "SM-37", "SM-8")
	origin, in := open(t, h), open(t, h)
	origin.advance(100)
	if before > 0 {
		in.advance(before)
	}
	in.restore(100, origin.snapshot())
	if h.Observe != nil {
		if got, want := in.observe(), origin.observe(); got != want {
			t.Fatalf("query after the restore: %.64q, want %.64q", got, want)
		}
	}
	for i, r := range in.apply(statemachine.Batch{Entries: h.commands(95, 100), Through: 100}) {
		if !r.Skipped {
			t.Errorf("entry %d after a restore of index 100: %+v, want it skipped", 96+i, r)
		}
	}
	if !equalResults(in.advance(160), origin.advance(160)) {
		t.Error("results after the restore differ from the original's")
	}
	equalState(t, "after the restore and more", in.state(), origin.state())
}

func refusesSnapshots(t *testing.T, h Harness) {
	rule.Checks(t, "SM-40")
	origin := open(t, h)
	origin.advance(100)
	good := origin.snapshot()
	refused := map[string][]byte{
		"empty":   nil,
		"garbage": []byte(garbage),
		"doubled": append(bytes.Clone(good), good...),
	}
	for _, cut := range []int{1, len(good) / 3, len(good) / 2, len(good) - 1} {
		refused[fmt.Sprintf("cut to %d bytes", cut)] = good[:cut]
	}
	if h.Checksummed {
		for i := range 24 {
			at := i * (len(good) - 1) / 23
			flipped := bytes.Clone(good)
			flipped[at] ^= 1 << (i % 8)
			refused[fmt.Sprintf("bit %d of byte %d flipped", i%8, at)] = flipped
		}
	}
	for name, snapshot := range refused {
		t.Run(name, func(t *testing.T) {
			in := open(t, h)
			in.advance(5)
			err := in.sm.Restore(in.ctx, 100, bytes.NewReader(snapshot))
			if !errors.Is(err, statemachine.ErrBadSnapshot) {
				t.Fatalf("Restore: %v, want %v", err, statemachine.ErrBadSnapshot)
			}
		})
	}
}
