//go:build linux

package e2e

import (
	"debug/elf"
	"errors"
	"runtime"
	"syscall"
	"testing"

	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// narrowProgram is a host of 32 bits that this machine runs.
func narrowProgram(t *testing.T) live.Program {
	t.Helper()
	if runtime.GOARCH != "amd64" && runtime.GOARCH != "386" {
		t.Skipf("a processor of %s runs no program for 386", runtime.GOARCH)
	}
	path := programs.narrow.Path(t)
	err := live.Command(path, "version").Run()
	if errors.Is(err, syscall.ENOEXEC) {
		t.Skipf("the kernel runs no program of 32 bits: %v", err)
	}
	if err != nil {
		t.Fatalf("host version of 32 bits: %v", err)
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if file.Class != elf.ELFCLASS32 {
		t.Fatalf("%s is a program of %v", path, file.Class)
	}
	return programs.narrow
}

// A3: three members of a build for 32 bits, each with three processes of plugins,
// elect a leader and take writes while each member in turn is killed and started
// again, the leader last. Nothing acknowledged is lost, and the states are equal.
func TestA3AClusterOf32Bits(t *testing.T) {
	t.Parallel()
	program := narrowProgram(t)
	c := newCluster(t)
	for _, n := range c.nodes {
		n.program, n.settings = program, snapshotting()
	}
	c.start()
	load := startWorkload(t, c.nodes...)
	load.progress(100)
	leader := c.leader()
	for _, n := range append(c.others(leader), leader) {
		n.kill()
		load.progress(50)
		n.startReady()
		load.progress(50)
	}
	before := leader.signalPlugin("storage", syscall.SIGKILL)
	leader.awaitReplaced(before)
	load.progress(50)
	load.stop()
	load.history.Check(t, c.agreed())
	c.stop()
}
