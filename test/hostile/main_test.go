//go:build linux

package hostile

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/loopback"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

var full = flag.Bool("hostile.full", false, "give each attack its whole length and size")

var liesEvery = flag.Int("hostile.lies", 0, "of all lies of a peer, tell every so many; 0: all in the full form, every 53rd in the short one")

var other = flag.String("hostile.host", "", "attack this host program instead of the one of this tree")

// host is the program under attack, built when first needed.
var host live.Program

// ports are those of all members of this run.
var ports loopback.Ports

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "hostile-bin-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	live.PrepareRace()
	host = live.NewProgram(dir, "host", live.Build{Module: filepath.Join("..", ".."), Package: "./cmd/host"})
	if *other != "" {
		host = live.Built(*other)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}
