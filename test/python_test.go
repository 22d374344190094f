//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// The runtime for plugins in Python keeps the contract: the kit runs on a register that is
// written with it, and keeps its state on disk.
func TestThePythonRuntimeConforms(t *testing.T) {
	t.Parallel()
	h := pythonRegister(t, "--durable", "--hash")
	h.Checksummed, h.Durable = true, true
	statemachinetest.Run(t, h)
}

// The speed of a state machine in Python, with its state in memory. The batches are those
// of a host under load and of a replay.
func BenchmarkThePythonRuntime(b *testing.B) {
	statemachinetest.RunBenchmarks(b, pythonRegister(b))
}

// pythonRegister is the harness of a register on the runtime.
func pythonRegister(t testing.TB, arguments ...string) statemachinetest.Harness {
	l := newLane(t)
	python, program := pythonWithGRPC(t), pythonProgram(t, filepath.Join("..", "sdk", "python", "testdata", "register.py"))
	h := statemachinetest.RegisterHarness(l.StateMachine(catalog.Spec{
		Kind: plugins.StateMachine, Command: append([]string{python, program}, arguments...), SHA256: sumOf(t, python),
	}))
	h.Kill = func(t testing.TB, sm statemachine.StateMachine) { l.Kill(t, sm) }
	return h
}

// pythonProgram is a folder with a program and the runtime, as an author has them.
func pythonProgram(t testing.TB, script string) string {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(script)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "__main__.py"), text, 0o600)
	}
	if err == nil {
		err = os.CopyFS(filepath.Join(dir, "pontoon"), os.DirFS(filepath.Join("..", "sdk", "python", "pontoon")))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
