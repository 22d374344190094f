//go:build linux

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/interpreter"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// namedMachine is a register under a name of its own.
type namedMachine struct {
	*statemachinetest.Register
	name string
}

func named(name string) namedMachine { return namedMachine{statemachinetest.NewRegister(), name} }

func (m namedMachine) Describe() plugins.Info {
	info := m.Register.Describe()
	info.Name = m.name
	return info
}

// chattyMachine is a state machine whose results have 4 KiB, wanted or not. This
// test binary serves it, as a third party's plugin.
type chattyMachine struct{ namedMachine }

const (
	chattyName  = "chatty"
	chattyBytes = 4 << 10
)

func chattyBackend() backend.Backend {
	return backend.StateMachine(chattyName, func(backend.Env) statemachine.StateMachine {
		return chattyMachine{named(chattyName)}
	})
}

func (m chattyMachine) Apply(ctx context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	results, err := m.Register.Apply(ctx, b)
	for i := range results {
		if !results[i].Skipped {
			results[i].Data = fmt.Appendf(nil, "%*s", chattyBytes, results[i].Data)
		}
	}
	return results, err
}

// truncatingMachine is a state machine whose snapshots have half of its state, with
// an end mark of just that.
type truncatingMachine struct{ namedMachine }

const truncatingName = "truncating"

func truncatingBackend() backend.Backend {
	return backend.StateMachine(truncatingName, func(backend.Env) statemachine.StateMachine {
		return truncatingMachine{named(truncatingName)}
	})
}

func (m truncatingMachine) PrepareSnapshot(ctx context.Context) (statemachine.Snapshot, error) {
	s, err := m.Register.PrepareSnapshot(ctx)
	return truncatedSnapshot{s}, err
}

type truncatedSnapshot struct{ statemachine.Snapshot }

func (s truncatedSnapshot) Save(ctx context.Context, w io.Writer) error {
	var buf bytes.Buffer
	if err := s.Snapshot.Save(ctx, &buf); err != nil {
		return err
	}
	_, err := w.Write(buf.Bytes()[:buf.Len()/2])
	return err
}

// A machineLane is a state machine plugin of a language.
type machineLane struct {
	name    string
	command func(t *testing.T) []string // skips the test if it cannot run here
}

// ownMachine is this test binary as a third party's plugin.
func ownMachine(name string) machineLane {
	return machineLane{"go", func(t *testing.T) []string {
		own, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		return []string{own, "plugin-serve", "statemachine", name}
	}}
}

// pythonMachine is testdata/statemachine.py with arguments.
func pythonMachine(args ...string) machineLane {
	return machineLane{"python", func(t *testing.T) []string {
		script, err := filepath.Abs(filepath.Join("testdata", "statemachine.py"))
		if err != nil {
			t.Fatal(err)
		}
		return append([]string{interpreter.Python(t), script}, args...)
	}}
}

// startMachine starts a single node with the state machine of a lane.
func startMachine(t *testing.T, lane machineLane, settings ...string) *node {
	t.Helper()
	command := lane.command(t)
	n := newSingle(t)
	quoted := make([]string, len(command))
	for i, word := range command {
		quoted[i] = fmt.Sprintf("%q", word)
	}
	n.rewrite("    name: kv", fmt.Sprintf("    command: [%s]\n    sha256: %s", strings.Join(quoted, ", "), sumOf(t, command[0])))
	n.settings = settings
	n.startReady()
	return n
}

// proposeMany has so many commands applied, and hands each result to check.
func (n *node) proposeMany(commands int, check func(client.Result) error) {
	n.t.Helper()
	c := n.dial()
	var next atomic.Int64
	var wg sync.WaitGroup
	var once sync.Once
	for range 128 {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(commands); i = next.Add(1) {
				r, err := c.Propose(context.Background(), fmt.Appendf(nil, "command %d", i))
				if err == nil {
					err = check(r)
				}
				if err != nil {
					once.Do(func() { n.t.Errorf("command %d: %v", i, err) })
					return
				}
			}
		})
	}
	wg.Wait()
	if n.t.Failed() {
		n.t.FailNow()
	}
}

// ask is a linearizable query, asked again while the machine is not up.
func (n *node) ask(query string) string {
	n.t.Helper()
	var answer string
	n.await("to answer a query", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		a, err := n.dial().Query(ctx, []byte(query), client.Linearizable)
		answer = string(a.Data)
		return err == nil
	})
	return answer
}
