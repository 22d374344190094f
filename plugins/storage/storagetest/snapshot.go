package storagetest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

func (h Harness) testSnapshot(t *testing.T) {
	t.Run("RoundTrip", h.testSnapshotRoundTrip)
	t.Run("NewestTwoStay", h.testSnapshotRetention)
	t.Run("NothingBeforeCommit", h.testSnapshotUncommitted)
	t.Run("ReceivedStaysAside", h.testSnapshotReceived)
	t.Run("AWriterStandsStill", h.testSnapshotStandsStill)
	t.Run("ReaderOutlivesTheFile", h.testSnapshotReader)
	t.Run("NotOfThisLog", func(t *testing.T) {
		rule.Checks(t, "ST-28")
		se := h.start(t)
		se.append(entries(1, 5, 2)...)
		for _, m := range []storage.SnapshotMetadata{meta(0, 0), meta(0, 1), meta(3, 0), meta(6, 2), meta(3, 1)} {
			if err := trySave(se.ctx(), se.s, m, false); !errors.Is(err, plugins.ErrInvalidArgument) {
				t.Errorf("CreateSnapshot of index %d, term %d = %v, want ErrInvalidArgument", m.Index, m.Term, err)
			}
		}
	})
	t.Run("SameIndexAgain", func(t *testing.T) {
		rule.Checks(t, "ST-30")
		se := h.start(t)
		se.append(entries(1, 5, 1)...)
		se.save(meta(5, 1), false, []byte("first"))
		se.save(meta(5, 1), false, []byte("second"))
		se.expectList(5)
		se.expectSnapshot(5, meta(5, 1), []byte("second"))
	})
}

func (h Harness) testSnapshotRoundTrip(t *testing.T) {
	rule.Checks(t, "ST-26", "ST-31", "ST-32", "ST-39")
	for _, c := range []struct {
		name string
		size int
	}{
		{"Empty", 0},
		{"OneByte", 1},
		{"OneChunk", int(plugins.DefaultLimits().MaxChunkBytes)},
		{"ManyChunks", 3<<20 + 17},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.restarts(t, func(t *testing.T, restart func(*session)) {
				se := h.start(t)
				se.append(entries(1, 9, 1)...)
				content := bytes.Repeat([]byte("0123456789abcdef!"), c.size/17+1)[:c.size]
				se.save(meta(7, 1), false, content)
				listed := se.expectList(7)
				se.expectInfo(listed[0], meta(7, 1), content)
				se.expectSnapshot(7, meta(7, 1), content)
				se.expectSnapshot(0, meta(7, 1), content)
				restart(se)
				expectIndexes(se, "Open", se.state.Snapshots, []uint64{7})
				se.expectInfo(se.state.Snapshots[0], meta(7, 1), content)
				se.expectSnapshot(0, meta(7, 1), content)
			})
		})
	}
}

func (h Harness) testSnapshotRetention(t *testing.T) {
	rule.Checks(t, "ST-30", "ST-31", "ST-34")
	se := h.start(t)
	se.expectList()
	se.expectNoSnapshot(0)
	se.append(entries(1, 50, 1)...)
	for index := uint64(10); index <= 50; index += 10 {
		se.save(meta(index, 1), false, []byte{byte(index)})
	}
	se.expectList(40, 50)
	se.expectNoSnapshot(30)
	se.expectSnapshot(0, meta(50, 1), []byte{50})
	se.expectSnapshot(40, meta(40, 1), []byte{40})
	se.reopen()
	expectIndexes(se, "Open", se.state.Snapshots, []uint64{40, 50})
}

func (h Harness) testSnapshotUncommitted(t *testing.T) {
	rule.Checks(t, "ST-26", "P-42")
	h.restarts(t, func(t *testing.T, restart func(*session)) {
		se := h.start(t)
		se.append(entries(1, 9, 1)...)
		aborted, err := se.s.CreateSnapshot(se.ctx(), meta(5, 1), false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := aborted.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		if err := aborted.Abort(); err != nil {
			t.Fatalf("Abort: %v", err)
		}
		left, err := se.s.CreateSnapshot(se.ctx(), meta(6, 1), false)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := left.Write(make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		se.expectList()
		se.expectNoSnapshot(5)
		se.expectNoSnapshot(6)
		restart(se)
		se.expectList()
		if _, err := left.Commit(); err == nil {
			t.Error("a snapshot was committed to a store that is gone")
		}
		se.expectNoSnapshot(6)
	})
}

func (h Harness) testSnapshotReceived(t *testing.T) {
	rule.Checks(t, "ST-29", "ST-36", "ST-39")
	h.restarts(t, func(t *testing.T, restart func(*session)) {
		se := h.start(t)
		se.append(entries(1, 9, 1)...)
		se.save(meta(100, 5), true, []byte("of a peer"))
		se.expectList()
		se.expectNoSnapshot(0)
		se.expectSnapshot(100, meta(100, 5), []byte("of a peer"))
		se.expectLog(entries(1, 9, 1)...)
		restart(se)
		se.expectList()
		se.expectNoSnapshot(100)
		if err := se.s.InstallSnapshot(se.ctx(), 100, storage.HardState{Term: 5, Commit: 100}); !errors.Is(err, storage.ErrNoSnapshot) {
			t.Errorf("InstallSnapshot after a restart = %v, want ErrNoSnapshot", err)
		}
		se.expectLog(entries(1, 9, 1)...)
	})
}

// testSnapshotStandsStill writes half of two snapshots, and the rest after all kinds of work.
func (h Harness) testSnapshotStandsStill(t *testing.T) {
	rule.Checks(t, "ST-40")
	se := h.start(t)
	se.append(entries(1, 9, 1)...)
	content := bytes.Repeat([]byte("0123456789"), 100_000)
	begin := func(index, term uint64, received bool) storage.SnapshotWriter {
		w, err := se.s.CreateSnapshot(se.ctx(), meta(index, term), received)
		if err == nil {
			_, err = w.Write(content[:600_000])
		}
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	received, own := begin(100, 5, true), begin(9, 1, false)
	se.append(entries(10, 5, 1)...)
	se.save(meta(8, 1), false, []byte("another one"))
	se.save(meta(90, 4), true, []byte("of a peer"))
	if _, err := se.s.Compact(se.ctx(), 5); err != nil {
		t.Fatal(err)
	}
	se.expectList(8)
	se.expectNoSnapshot(100)
	for _, w := range []storage.SnapshotWriter{received, own} {
		if _, err := w.Write(content[600_000:]); err != nil {
			t.Fatalf("write the rest: %v", err)
		}
		if _, err := w.Commit(); err != nil {
			t.Fatalf("commit: %v", err)
		}
	}
	se.expectList(8, 9)
	se.expectSnapshot(9, meta(9, 1), content)
	se.expectSnapshot(100, meta(100, 5), content)
}

// testSnapshotReader reads a snapshot that is given up meanwhile.
func (h Harness) testSnapshotReader(t *testing.T) {
	rule.Checks(t, "ST-33")
	se := h.start(t)
	se.append(entries(1, 9, 1)...)
	content := bytes.Repeat([]byte("x"), 700_000)
	se.save(meta(1, 1), false, content)
	r, err := se.s.OpenSnapshot(se.ctx(), 1)
	if err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 1000)
	n, err := r.Read(head)
	if err != nil {
		t.Fatal(err)
	}
	se.save(meta(2, 1), false, nil)
	se.save(meta(3, 1), false, nil)
	se.expectList(2, 3)
	var rest bytes.Buffer
	if _, err := rest.ReadFrom(r); err != nil {
		t.Fatalf("read the rest: %v", err)
	}
	if got := append(head[:n:n], rest.Bytes()...); !bytes.Equal(got, content) {
		t.Errorf("read %d bytes, want %d", len(got), len(content))
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
