//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/interpreter"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
	"github.com/pontoon-raft/pontoon/sdk/python"
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
	python, program := interpreter.Python(t), pythonProgram(t, filepath.Join("..", "sdk", "python", "testdata", "register.py"))
	return registerOf(t, append([]string{python, program}, arguments...))
}

// registerOf is the harness of a register that is an executable.
func registerOf(t testing.TB, command []string) statemachinetest.Harness {
	l := newLane(t)
	h := statemachinetest.RegisterHarness(l.StateMachine(catalog.Spec{
		Kind: plugins.StateMachine, Command: command, SHA256: sumOf(t, command[0]),
	}))
	h.Kill = func(t testing.TB, sm statemachine.StateMachine) { l.Kill(t, sm) }
	return h
}

// pythonProgram is a folder with a program and the runtime, as an author has them.
func pythonProgram(t testing.TB, script string) string {
	t.Helper()
	dir := t.TempDir()
	files, err := python.Files()
	if err != nil {
		t.Fatal(err)
	}
	if files["__main__.py"], err = os.ReadFile(script); err != nil {
		t.Fatal(err)
	}
	writeAll(t, dir, files)
	return dir
}

// writeAll writes files into a folder.
func writeAll(t testing.TB, dir string, files map[string][]byte) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(path), 0o700)
		if err == nil {
			err = os.WriteFile(path, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
