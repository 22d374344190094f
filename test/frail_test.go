//go:build linux

package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// frailMachine is a state machine that cannot bear certain commands. This test
// binary serves it, as a third party's plugin.
type frailMachine struct{ namedMachine }

const (
	frailName = "frail"
	// frailRepaired is a variable with which the plugin bears all commands, if it is true.
	frailRepaired = "FRAIL_REPAIRED"
	lastWords     = "this command is more than I can bear"
)

func frailBackend() backend.Backend {
	return backend.StateMachine(frailName, func(backend.Env) statemachine.StateMachine {
		return frailMachine{named(frailName)}
	})
}

// Apply exits at "exit", panics at "panic", hangs at "hang", and ends at "memory" as the
// kernel ends a process for which there is not the memory.
func (m frailMachine) Apply(ctx context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	for i := range b.Entries {
		if os.Getenv(frailRepaired) == "true" {
			break
		}
		switch string(b.Entries[i].Data) {
		case "exit":
			_, _ = syscall.Write(2, []byte(lastWords+"\n"))
			os.Exit(3)
		case "panic":
			panic(lastWords)
		case "hang":
			<-make(chan struct{})
		case "memory":
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			<-make(chan struct{})
		}
	}
	return m.Register.Apply(ctx, b)
}

// Query exits at "exit".
func (m frailMachine) Query(ctx context.Context, data []byte) ([]byte, error) {
	if string(data) == "exit" {
		os.Exit(3)
	}
	return m.Register.Query(ctx, data)
}

// startFrail starts a single node with the frail machine, and has it apply
// something.
func startFrail(t *testing.T, settings ...string) *node {
	t.Helper()
	n := newSingle(t)
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	n.rewrite("    name: kv", fmt.Sprintf("    command: [%q, plugin-serve, statemachine, %s]\n    sha256: %s", own, frailName, sumOf(t, own)))
	n.settings = settings
	n.startReady()
	if _, err := n.dial().Propose(context.Background(), []byte("bearable")); err != nil {
		t.Fatal(err)
	}
	return n
}

// leaveBehind proposes what has no answer.
func (n *node) leaveBehind(command string) {
	ctx, cancel := context.WithCancel(context.Background())
	n.t.Cleanup(cancel)
	go func() { _, _ = n.dial().Propose(ctx, []byte(command)) }()
}

// The watchdog of Apply shows where a state machine hangs before it kills it.
func TestAHangingApplyShowsItsStacks(t *testing.T) {
	t.Parallel()
	n := startFrail(t, "raft.tick=10ms", "raft.election=100ms")
	before := n.plugin("statemachine")
	n.leaveBehind("hang")
	n.await("the stacks in the log", func() bool { return strings.Contains(n.host.Log(), "frailMachine.Apply") })
	n.awaitReplaced(before)
	if log := n.host.Log(); !strings.Contains(log, "has not answered an apply for") || strings.Contains(log, "killed by the host") {
		t.Errorf("the log tells another story:\n%s", n.host.LastLines(60))
	}
	n.kill()
}

// An entry over which the kernel kills the state machine each time ends no host: where the
// crash-loop limit is reached the member is quarantined, and says how its state machine ended.
func TestAnEntryWithoutTheMemoryForItEndsNoHost(t *testing.T) {
	t.Parallel()
	n := startFrail(t)
	n.leaveBehind("memory")
	for _, restarts := range []uint32{7, 9} { // the pauses between them grow to ten seconds
		n.await("to try again", func() bool { return n.plugin("statemachine").GetRestarts() >= restarts })
	}
	n.await("to be quarantined", func() bool {
		st, ok := n.status()
		return ok && st.GetQuarantine().GetIndex() > 0
	})
	st, _ := n.status()
	q := st.GetQuarantine()
	if q.GetTries() < 3 || q.GetBytes() != 6 || !strings.Contains(q.GetLastWords(), "killed by signal 9, not by this host") {
		t.Errorf("the status says %v", q)
	}
	if reason, err := n.proposeOnce([]byte("refused")); reason != "quarantined" {
		t.Errorf("a proposal ended with %q, %v", reason, err)
	}
	n.stop()
}

// A client repeats a query that ends the state machine every time. It soon gets
// a failure instead, and the state machine stays up for all others.
func TestADeadlyQueryEndsTheStateMachineTwice(t *testing.T) {
	t.Parallel()
	n := startFrail(t)
	c := n.dial()
	n.await("a deadly query to be refused", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_, err := c.Query(ctx, []byte("exit"), client.Stale)
		return err != nil && strings.Contains(err.Error(), "is kept from the state machine")
	})
	if got := n.ask("count"); got != "1" {
		t.Errorf("another query says %s, want 1", got)
	}
	n.await("the plugin to be ready", func() bool { p := n.plugin("statemachine"); return p != nil && p.GetState() == "ready" })
	if p := n.plugin("statemachine"); p.GetRestarts() != 2 {
		t.Errorf("it was started again %d times, want 2", p.GetRestarts())
	}
	n.stop()
}
