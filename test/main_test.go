//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/kv"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
	httptransport "github.com/pontoon-raft/pontoon/plugins/transport/http"
	quictransport "github.com/pontoon-raft/pontoon/plugins/transport/quic"
	"github.com/pontoon-raft/pontoon/sdk"
)

// shipped are the backends that this test binary serves when it is started
// again as a plugin, as a host does with its own executable.
func shipped() []backend.Backend {
	return []backend.Backend{httptransport.Backend(), quictransport.Backend(), wal.Backend(), kv.Backend()}
}

// programs are built once for all tests of a run, when first needed.
var programs struct {
	dir           string
	host, counter func() (string, error)
}

func TestMain(m *testing.M) {
	sdk.ServeBuiltin(os.Args[1:], append(shipped(), webBackend(), memoryBackend(), frailBackend(), chattyBackend(), truncatingBackend(), sluggishBackend()))
	dir, err := os.MkdirTemp("", "e2e-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	programs.dir = dir
	if raceDetector { // which would make every process end a second late
		os.Setenv("GORACE", "atexit_sleep_ms=0")
	}
	programs.host = sync.OnceValues(func() (string, error) { return build("host", "..", "./cmd/host") })
	programs.counter = sync.OnceValues(func() (string, error) {
		return build("counter", filepath.Join("..", "examples", "counter"), ".")
	})
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// build compiles a program in the module at dir; with the race detector if the
// tests have it, so that a race in a host fails the test that meets it.
func build(name, dir, pkg string) (string, error) {
	path := filepath.Join(programs.dir, name)
	args := []string{"build", "-o", path}
	if raceDetector {
		args = append(args, "-race")
	}
	cmd := exec.Command("go", append(args, pkg)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, bytes.TrimSpace(out))
	}
	return path, nil
}

func hostProgram(t testing.TB) string {
	t.Helper()
	return program(t, programs.host)
}

func counterProgram(t testing.TB) string {
	t.Helper()
	return program(t, programs.counter)
}

func program(t testing.TB, built func() (string, error)) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// rounds is how often a test repeats what must hold every time.
func rounds(n int) int {
	if testing.Short() {
		return max(1, n/10)
	}
	return n
}
