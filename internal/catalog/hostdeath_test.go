//go:build linux

package catalog_test

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/shortdir"
)

// startFakeHost starts a host in a process of its own and returns the pids of
// its plugins.
func startFakeHost(t *testing.T, dir string) (*exec.Cmd, []int) {
	t.Helper()
	host := exec.Command(ownPath(t), "fake-host", dir)
	host.Stderr = os.Stderr
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = host.Process.Kill()
		_ = host.Wait()
	})
	var pids []int
	lines := bufio.NewScanner(out)
	for len(pids) < 3 && lines.Scan() {
		pid, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	if len(pids) < 3 {
		t.Fatal("the host did not start its plugins")
	}
	return host, pids
}

func TestAKilledHostTakesItsPluginsWithItAndTheNextOneSweepsUp(t *testing.T) {
	dir, err := os.MkdirTemp(shortdir.Parent(), "ct")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	host, pids := startFakeHost(t, dir)
	_, otherPids := startFakeHost(t, dir)
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = host.Wait()
	for _, pid := range pids {
		eventually(t, "plugin "+strconv.Itoa(pid)+" is gone", func() bool { return !alive(pid) })
	}
	if got := len(entries(t, dir)); got != 2 {
		t.Fatalf("%d runtime directories of one dead and one living host", got)
	}
	c, err := catalog.New(catalog.Options{RuntimeDir: dir, Backends: fakeBackends()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Slot(shipped()); err != nil {
		t.Fatal(err)
	}
	if got := len(entries(t, dir)); got != 2 {
		t.Errorf("%d runtime directories of two living hosts", got)
	}
	for _, pid := range otherPids {
		if !alive(pid) {
			t.Errorf("plugin %d of the other host died", pid)
		}
	}
}

func entries(t *testing.T, dir string) []os.DirEntry {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A plugin notices the end of its host without any signal: by the end of file
// on its standard input, which no other process may hold open.
// Rule P-6.
func TestTheLifelineIsHeldByTheHostAlone(t *testing.T) {
	c := newCatalog(t, nil)
	first := mustStart(t, mustSlot(t, c, shipped()))
	mustStart(t, mustSlot(t, c, shipped()))
	for _, pid := range children(t) {
		if pid == first.PID() {
			continue
		}
		fds, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/fd")
		if err != nil {
			t.Fatal(err)
		}
		lifeline, err := os.Readlink("/proc/" + strconv.Itoa(first.PID()) + "/fd/0")
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range fds {
			if link, _ := os.Readlink("/proc/" + strconv.Itoa(pid) + "/fd/" + fd.Name()); link == lifeline {
				t.Errorf("plugin %d holds the lifeline of plugin %d", pid, first.PID())
			}
		}
	}
}
