//go:build linux

package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
)

// A state machine that ends its snapshots half-way, and calls that OK, never
// costs a byte: none of them is stored, the log is not compacted, and the state
// is whole after every kind of death.
func TestATruncatedSnapshotIsNotStored(t *testing.T) {
	for name, fault := range map[string]struct {
		lane     machineLane
		says     string
		settings []string
	}{
		"python, without an end mark":            {pythonMachine("--truncate"), "without an end mark", nil},
		"python, with the end mark of the whole": {pythonMachine("--miscount"), "bytes came, the end mark says", nil},
		"go, with the end mark of what it wrote": {
			ownMachine(truncatingName), "a second state machine cannot be restored from it", []string{"raft.check_snapshots=restore"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := startMachine(t, fault.lane, append(snapshotting(), fault.settings...)...)
			applied := func(client.Result) error { return nil }
			n.proposeMany(500, applied)
			n.await("to try a snapshot", func() bool { return strings.Contains(n.host.Log(), fault.says) })
			n.proposeMany(500, applied)
			want := n.ask("digest")
			if st, _ := n.status(); st.GetSnapshotIndex() != 0 {
				t.Errorf("a snapshot at %d is stored", st.GetSnapshotIndex())
			}
			before := n.plugin("statemachine")
			n.signalPlugin("statemachine", 9)
			n.awaitReplaced(before)
			if got := n.ask("digest"); got != want {
				t.Errorf("after the plugin was killed the state is %s, want %s", got, want)
			}
			n.kill()
			n.startReady()
			if got := n.ask("digest"); got != want {
				t.Errorf("after the host was killed the state is %s, want %s", got, want)
			}
			if got := n.ask("count"); got != "1000" {
				t.Errorf("%s entries are applied, want 1000", got)
			}
			n.stop()
		})
	}
}

// The same plugin without the fault has its snapshots stored, and restored: in a
// second process first.
func TestASnapshotWithItsEndMarkIsStored(t *testing.T) {
	t.Parallel()
	n := startMachine(t, pythonMachine(), append(snapshotting(), "raft.check_snapshots=restore")...)
	for _, above := range []uint64{0, 500} {
		n.proposeMany(500, func(client.Result) error { return nil })
		n.await("to take a snapshot", func() bool { st, ok := n.status(); return ok && st.GetSnapshotIndex() > above })
	}
	n.await("to have removed what its rehearsals left", func() bool {
		_, err := os.Stat(filepath.Join(n.data, "rehearsal"))
		return errors.Is(err, os.ErrNotExist)
	})
	want := n.ask("digest")
	n.kill()
	n.startReady()
	if got := n.ask("digest"); got != want {
		t.Errorf("after a restore the state is %s, want %s", got, want)
	}
	if !strings.Contains(n.host.Log(), "restoring the state machine from a snapshot") {
		t.Error("nothing was restored")
	}
	n.stop()
}
