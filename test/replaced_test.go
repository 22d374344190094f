//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/kv"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// largeMachine is a kv whose Restore takes as long as a file is there. This test binary serves
// it, as a third party's plugin.
type largeMachine struct {
	statemachine.StateMachine
	hold string // the path of the file
}

const (
	largeName = "large"
	largeHold = "hold-restore" // the file, in the host's data directory
)

func largeBackend() backend.Backend {
	return backend.StateMachine(largeName, func(env backend.Env) statemachine.StateMachine {
		return &largeMachine{StateMachine: kv.New(env)}
	})
}

func (m *largeMachine) Describe() plugins.Info {
	info := m.StateMachine.Describe()
	info.Name = largeName
	return info
}

func (m *largeMachine) Open(ctx context.Context, opts plugins.Options) (uint64, error) {
	m.hold = filepath.Join(filepath.Dir(opts.DataDir), largeHold)
	return m.StateMachine.Open(ctx, opts)
}

// Restore waits until the file is not there.
func (m *largeMachine) Restore(ctx context.Context, index uint64, r io.Reader) error {
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for {
		if _, err := os.Stat(m.hold); errors.Is(err, os.ErrNotExist) {
			return m.StateMachine.Restore(ctx, index, r)
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// NextTimer, StateHash and QueryStream pass on the abilities of a kv, which embedding hides.
func (m *largeMachine) NextTimer() uint64 { return statemachine.NextTimer(m.StateMachine) }
func (m *largeMachine) StateHash() []byte { return statemachine.StateHash(m.StateMachine) }
func (m *largeMachine) QueryStream(ctx context.Context, query []byte, send func([]byte) error) error {
	return statemachine.QueryStream(ctx, m.StateMachine, query, send)
}

// large gives a node the machine whose Restore takes long.
func (n *node) large(settings ...string) {
	n.t.Helper()
	own, err := os.Executable()
	if err != nil {
		n.t.Fatal(err)
	}
	n.rewrite("    name: kv", fmt.Sprintf("    command: [%q, plugin-serve, statemachine, %s]\n    sha256: %s", own, largeName, sumOf(n.t, own)))
	n.settings = settings
}

// replacement is the end of a plugin restart.
type replacement struct {
	out  string
	code int
}

// replace begins to replace the state machine of a node, and returns when the next one waits
// in its Restore until free is called.
func (n *node) replace() (free func(), done <-chan replacement) {
	n.t.Helper()
	const waits = "restoring the next state machine beside"
	hold, before := filepath.Join(n.data, largeHold), strings.Count(n.host.Log(), waits)
	if err := os.WriteFile(hold, nil, 0o600); err != nil {
		n.t.Fatal(err)
	}
	ended := make(chan replacement, 1)
	go func() {
		cmd := hostCommand(n.t, "plugin", "restart", "statemachine", "-o", "json", "--endpoints", n.client)
		out, _ := cmd.CombinedOutput()
		ended <- replacement{string(out), cmd.ProcessState.ExitCode()}
	}()
	n.await("to restore the next state machine", func() bool { return strings.Count(n.host.Log(), waits) > before })
	return func() {
		if err := os.Remove(hold); err != nil {
			n.t.Error(err)
		}
	}, ended
}

// The state machine of each member in turn is replaced under load, and its restore takes as
// long as it takes the members to write a lot: nothing waits for it, nothing is lost or done
// twice, and no member votes.
func TestAStateMachineIsReplacedWhileItsRestoreTakesLong(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	for _, n := range c.nodes {
		n.large(snapshotting()...)
	}
	c.start()
	load := startWorkload(t, c.nodes...)
	for _, n := range c.nodes {
		n.awaitSnapshots(1)
	}
	term := c.term()
	for _, n := range c.nodes {
		before := n.plugin("statemachine")
		free, done := n.replace()
		load.pauses.take()
		load.progress(500)
		if pid := n.plugin("statemachine").GetPid(); pid != before.GetPid() {
			t.Errorf("%s: pid %d serves before the other one is restored, and not %d", n.name, pid, before.GetPid())
		}
		free()
		if got := <-done; got.code != 0 || strings.Contains(got.out, "paused") {
			t.Fatalf("%s: %+v", n.name, got)
		}
		load.progress(100)
		now := n.plugin("statemachine")
		if now.GetPid() == before.GetPid() || now.GetGeneration() != before.GetGeneration()+1 || now.GetState() != "ready" {
			t.Errorf("%s: %v, before %v", n.name, now, before)
		}
		t.Logf("%s: longest pause of all writes %v", n.name, load.pauses.take())
	}
	if now := c.term(); now != term {
		t.Errorf("the replacements led from term %d to %d", term, now)
	}
	load.stop()
	load.history.Check(t, c.agreed())
	c.stop()
}

// The next process is killed in its Restore: the old one goes on as if nothing had been. A host
// that is stopped meanwhile leaves no process of either.
func TestTheNextProcessEndsInItsRestore(t *testing.T) {
	t.Parallel()
	n := newSingle(t)
	n.large("raft.snapshot_entries=10")
	n.startReady()
	load := startWorkload(t, n)
	n.awaitSnapshots(1)
	before, known := n.plugin("statemachine"), live.ChildrenOf(n.host.PID())
	free, done := n.replace()
	for _, p := range live.ChildrenOf(n.host.PID()) {
		if !slices.ContainsFunc(known, func(o live.Process) bool { return o.PID == p.PID }) {
			if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}
	}
	if got := <-done; got.code != 5 || !strings.Contains(got.out, "has ended") || !strings.Contains(got.out, "goes on") {
		t.Errorf("got %+v", got)
	}
	load.progress(100)
	now := n.plugin("statemachine")
	if now.GetPid() != before.GetPid() || now.GetGeneration() != 1 || now.GetRestarts() != 0 || now.GetLastError() != "" || now.GetState() != "ready" {
		t.Errorf("the old one is %v, was %v", now, before)
	}
	free()
	load.stop()
	load.history.Check(t, (&cluster{t: t, nodes: []*node{n}}).agreed())

	_, done = n.replace()
	children := live.ChildrenOf(n.host.PID())
	n.stop()
	<-done
	for _, p := range children {
		if err := syscall.Kill(p.PID, 0); err == nil {
			t.Errorf("process %d is left", p.PID)
		}
	}
}

// A state machine that has a file in its directory is ended before the next one opens that, and
// the answer says why.
func TestAStateMachineWithFilesIsEndedBeforeTheNextOneOpens(t *testing.T) {
	t.Parallel()
	n := newSingle(t)
	n.startReady()
	if err := os.WriteFile(filepath.Join(n.data, "statemachine", "index.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before := n.plugin("statemachine")
	out, err := hostCommand(t, "plugin", "restart", "statemachine", "--endpoints", n.client).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "index.db") || !strings.Contains(string(out), "requests waited") {
		t.Errorf("%v\n%s", err, out)
	}
	if now := n.plugin("statemachine"); now.GetPid() == before.GetPid() || now.GetGeneration() != 2 {
		t.Errorf("%v, before %v", now, before)
	}
	n.awaitReady()
	n.stop()
}
