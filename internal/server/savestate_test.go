package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// halfSave writes half of its state, and says that all is well: only another
// state machine can tell.
type halfSave struct{ statemachine.Snapshot }

func (s halfSave) Save(ctx context.Context, w io.Writer) error {
	var buf bytes.Buffer
	if err := s.Snapshot.Save(ctx, &buf); err != nil {
		return err
	}
	_, err := w.Write(buf.Bytes()[:buf.Len()/2])
	return err
}

// rehearse restores into a Register of its own.
func rehearse(ctx context.Context, index uint64, r io.Reader) error {
	m := statemachinetest.NewRegister()
	if _, err := m.Open(ctx, plugins.Options{}); err != nil {
		return err
	}
	return m.Restore(ctx, index, r)
}

// Bytes from which a second state machine cannot be restored are not a
// snapshot: they are not stored, and the log stays whole. A snapshot from which
// it can needs no older one to fall back on.
func TestASnapshotThatFailsItsRehearsalIsNotStored(t *testing.T) {
	for name, c := range map[string]struct {
		half      bool
		rehearse  func(context.Context, uint64, io.Reader) error
		snapshots string
		first     uint64
	}{
		"half a state":                    {true, rehearse, "[]", 1},
		"a rehearsal that does not start": {false, func(context.Context, uint64, io.Reader) error { return errors.New("no process") }, "[]", 1},
		"a whole state":                   {false, rehearse, "[3 6]", 6},
		"one that reads nothing":          {false, func(context.Context, uint64, io.Reader) error { return nil }, "[3 6]", 6},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(cfg *Config) {
					cfg.SnapshotEntries, cfg.CatchUpEntries, cfg.Rehearse, cfg.RehearseAll = 3, 1, c.rehearse, true
				})
				if c.half {
					w.source.current().snapshot = func(s statemachine.Snapshot) statemachine.Snapshot { return halfSave{s} }
				}
				w.one("a", "b", "c", "d", "e", "f")
				if got := fmt.Sprint(w.snapshots()); got != c.snapshots {
					t.Errorf("snapshots %s, want %s", got, c.snapshots)
				}
				if got := w.firstIndex(); got != c.first {
					t.Errorf("the log begins at %d, want %d", got, c.first)
				}
				w.wantState("a", "b", "c", "d", "e", "f")
			})
		})
	}
}

// Each attempt writes the whole state, so a snapshot that fails its rehearsal
// again and again is tried ever more rarely.
func TestRehearsalsThatFailBecomeRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		w := newWorld(t, func(cfg *Config) {
			cfg.SnapshotEntries, cfg.RehearseAll = 1, true
			cfg.Rehearse = func(context.Context, uint64, io.Reader) error { tries++; return errors.New("out of memory") }
		})
		for range 60 {
			w.one("a")
			time.Sleep(election)
		}
		if tries != 6 { // after 1, 2, 4, 8, 16 and 32 s
			t.Errorf("%d were tried in a minute, want 6", tries)
		}
	})
}
