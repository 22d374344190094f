//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/interpreter"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
	noderuntime "github.com/pontoon-raft/pontoon/sdk/node"
)

// The runtime for plugins in Node keeps the contract: the kit runs on a register that is
// written with it, and keeps its state on disk.
func TestTheNodeRuntimeConforms(t *testing.T) {
	t.Parallel()
	h := nodeRegister(t, "--durable", "--hash")
	h.Checksummed, h.Durable = true, true
	statemachinetest.Run(t, h)
}

// The speed of a state machine in Node, with its state in memory. The batches are those of a
// host under load and of a replay.
func BenchmarkTheNodeRuntime(b *testing.B) {
	statemachinetest.RunBenchmarks(b, nodeRegister(b))
}

// nodeRegister is the harness of a register on the runtime.
func nodeRegister(t testing.TB, arguments ...string) statemachinetest.Harness {
	program := nodeProgram(t, filepath.Join("..", "sdk", "node", "testdata", "register.js"))
	return registerOf(t, append([]string{program}, arguments...))
}

// nodeProgram is a program and the runtime in one file, as an author makes it.
func nodeProgram(t testing.TB, script string) string {
	t.Helper()
	node, dir := interpreter.Node(t), t.TempDir()
	runtime, err := noderuntime.Files("statemachine")
	if err != nil {
		t.Fatal(err)
	}
	if runtime["main.js"], err = os.ReadFile(script); err != nil {
		t.Fatal(err)
	}
	writeAll(t, dir, runtime)
	program := filepath.Join(dir, "plugin.cjs")
	cmd := exec.CommandContext(t.Context(), node, filepath.Join(dir, "pontoon", "bundle.js"), filepath.Join(dir, "main.js"), program)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}
