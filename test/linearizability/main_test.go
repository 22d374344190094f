//go:build linux

package linearizability

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/loopback"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

var (
	duration   = flag.Duration("linearizability.duration", 5*time.Second, "for how long the cluster is disturbed")
	nodes      = flag.Int("linearizability.nodes", 3, "members of the cluster")
	seed       = flag.Uint64("linearizability.seed", 0, "where the choice of faults and operations begins; 0 draws one")
	recoveries = flag.Int("linearizability.recoveries", shortRecoveries, "how often a leader is killed, and its disk stalls, to see how soon writes go on")
	keep       = flag.String("linearizability.keep", "", "keep the history in this file, also of a run without violations")
)

// shortRecoveries is how many recoveries a normal run has time for.
const shortRecoveries = 2

// ports are those of all members of this run.
var ports loopback.Ports

// The host and its storage plugin are built once, when they are first needed.
var (
	host   live.Program
	plugin storagePlugin
)

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "linearizability-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	live.PrepareRace()
	host = live.NewProgram(dir, "host", live.Build{Module: filepath.Join("..", ".."), Package: "./cmd/host"})
	plugin.Program = live.NewProgram(dir, "wal", live.Build{Module: ".", Package: "./disk/plugin"})
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}
