//go:build linux

package linearizability

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/pontoon-raft/pontoon/test/internal/live"
	"github.com/pontoon-raft/pontoon/test/linearizability/disk"
)

// A storage plugin is a program, and the digest that configurations want of it.
type storagePlugin struct {
	live.Program
	sum string
}

// digest is computed when it is first needed, by the goroutine of the test.
func (p *storagePlugin) digest(t testing.TB) string {
	t.Helper()
	if p.sum == "" {
		raw, err := os.ReadFile(p.Path(t))
		if err != nil {
			t.Fatal(err)
		}
		p.sum = fmt.Sprintf("%x", sha256.Sum256(raw))
	}
	return p.sum
}

// switches are those of the disk of a member.
type switches struct{ stalled, full *disk.Switch }

func openSwitches(t testing.TB, dir string) switches {
	t.Helper()
	open := func(name string) *disk.Switch {
		s, err := disk.OpenSwitch(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	return switches{stalled: open(disk.Stalled), full: open(disk.Full)}
}

// must ends the test if a switch does not work: the run would prove nothing.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
