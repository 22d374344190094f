//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/kv"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
	httptransport "github.com/pontoon-raft/pontoon/plugins/transport/http"
	quictransport "github.com/pontoon-raft/pontoon/plugins/transport/quic"
	"github.com/pontoon-raft/pontoon/sdk"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// shipped are the backends that this test binary serves when it is started
// again as a plugin, as a host does with its own executable.
func shipped() []backend.Backend {
	return []backend.Backend{httptransport.Backend(), quictransport.Backend(), wal.Backend(), kv.Backend()}
}

// programs are built once for all tests of a run, when first needed. Ahead is a host
// whose build understands one feature level more, and narrow one of 32 bits. The next
// counter is a release of it in which a command means something else.
var programs struct{ host, ahead, narrow, counter, counterNext, outbox, embedded live.Program }

func TestMain(m *testing.M) {
	serveChaos(os.Args[1:])
	serveRelease(os.Args[1:])
	sdk.ServeBuiltin(os.Args[1:], append(shipped(), webBackend(), memoryBackend(), frailBackend(), chattyBackend(), otherwiseBackend(), truncatingBackend(), sluggishBackend(), largeBackend(), secondBackend()))
	dir, err := os.MkdirTemp("", "e2e-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	live.PrepareRace()
	programs.host = live.NewProgram(dir, "host", live.Build{Module: "..", Package: "./cmd/host"})
	programs.ahead = live.NewProgram(dir, "host-ahead", live.Build{Module: "..", Package: "./cmd/host", Tags: "levelahead"})
	programs.narrow = live.NewProgram(dir, "host-386", live.Build{Module: "..", Package: "./cmd/host", Arch: "386"})
	programs.counter = live.NewProgram(dir, "counter", live.Build{Module: filepath.Join("..", "examples", "counter"), Package: "."})
	programs.counterNext = live.NewProgram(dir, "counter-next", live.Build{Module: filepath.Join("..", "examples", "counter"), Package: ".", Tags: "next"})
	programs.outbox = live.NewProgram(dir, "outbox", live.Build{Module: filepath.Join("..", "examples", "outbox"), Package: "."})
	programs.embedded = live.NewProgram(dir, "embedded", live.Build{Module: filepath.Join("..", "examples", "embedded"), Package: "."})
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func hostProgram(t testing.TB) string {
	t.Helper()
	return programs.host.Path(t)
}

func counterProgram(t testing.TB) string {
	t.Helper()
	return programs.counter.Path(t)
}

// rounds is how often a test repeats what must hold every time.
func rounds(n int) int {
	if testing.Short() {
		return max(1, n/10)
	}
	return n
}
