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
	duration = flag.Duration("linearizability.duration", 5*time.Second, "for how long the cluster is disturbed")
	nodes    = flag.Int("linearizability.nodes", 3, "members of the cluster")
	seed     = flag.Uint64("linearizability.seed", 0, "where the choice of faults and operations begins; 0 draws one")
	keep     = flag.String("linearizability.keep", "", "keep the history in this file, also of a run without violations")
)

// ports are those of all members of this run.
var ports loopback.Ports

// host is built once, when it is first needed.
var host live.Program

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "linearizability-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	live.PrepareRace()
	host = live.NewProgram(dir, "host", live.Build{Module: filepath.Join("..", ".."), Package: "./cmd/host"})
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}
