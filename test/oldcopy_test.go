//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A member's storage is replaced by an older copy of it. The member ends by itself when
// the leader speaks to it, and at the next start at once: no leader
// is there to say it again, and the data directory remembers.
func TestAnOlderCopyOfTheStorageIsRefusedAtEveryStart(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	n := c.follower()
	c.command("kv", "put", "k", "1")
	n.stop()
	storage, old := filepath.Join(n.data, "storage"), filepath.Join(t.TempDir(), "old")
	if err := os.CopyFS(old, os.DirFS(storage)); err != nil {
		t.Fatal(err)
	}
	n.startReady()
	c.command("kv", "put", "k", "2")
	c.agreed()
	n.stop()
	if err := os.RemoveAll(storage); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(storage, os.DirFS(old)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(storage, 0o700); err != nil {
		t.Fatal(err)
	}
	n.start()
	n.endsWithLostData()
	c.command("kv", "put", "k", "3")
	for _, other := range c.others(n) {
		other.stop()
	}
	n.start()
	n.endsWithLostData()
}

// endsWithLostData waits until the host ends because its member lost data.
func (n *node) endsWithLostData() {
	n.t.Helper()
	code := n.host.ExitsWithin(n.t, patience)
	if last := n.host.LastLines(5); code != exitNotMember || !strings.Contains(last, "this member lost data") {
		n.t.Fatalf("%s ended with code %d:\n%s", n.name, code, last)
	}
}
