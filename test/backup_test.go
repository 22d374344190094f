//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/maintenance"
)

// saved is the JSON of snapshot save.
type saved struct {
	Member string `json:"member"`
	Index  uint64 `json:"index"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// save saves a snapshot of the running cluster, and returns its file.
func (c *cluster) save(t *testing.T, more ...string) (file string, s saved) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "backup")
	out := c.command(append([]string{"snapshot", "save", file, "-o", "json"}, more...)...)
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return file, s
}

// The disaster drill: a backup is taken of a cluster that serves, under load; all three
// members are destroyed; the cluster is made again from the backup, by the commands of the runbook.
// Each write that was acknowledged before the backup began is there.
func TestAClusterIsRestoredFromABackupThatWasTakenWhileItServed(t *testing.T) {
	t.Parallel()
	c := startCluster(t, snapshotting()...)
	load := startWorkload(t, c.nodes...)
	c.nodes[2].awaitSnapshots(1)
	put(t, c.nodes[0], "before")
	file, s := c.save(t)
	load.stop()
	if leader := c.leader(); s.Member == leader.id() {
		t.Errorf("the snapshot is of the leader, and two followers serve")
	}
	if info, err := os.Stat(file); err != nil || info.Size() != s.Bytes {
		t.Fatalf("the file has %v bytes, error %v, and the command says %d", info.Size(), err, s.Bytes)
	}
	if out, err := exec.Command("sha256sum", file).Output(); err != nil || !strings.HasPrefix(string(out), s.SHA256+" ") {
		t.Errorf("sha256sum says %s, error %v, and the command %s", out, err, s.SHA256)
	}
	if out := c.nodes[0].run(t, "snapshot", "inspect", file); !strings.Contains(out, s.SHA256) {
		t.Errorf("inspect does not say the same sum: %s", out)
	}
	drilled := c.nodes[0].drill(t, file)
	for _, n := range c.nodes {
		n.kill()
		if err := os.RemoveAll(n.data); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range c.nodes {
		n.restore(t, file)
	}
	c.start()
	if _, ok := c.get(t, "before"); !ok {
		t.Fatal("the restored cluster lacks what was acknowledged before the backup")
	}
	again, _ := c.save(t)
	if other := c.nodes[2].drill(t, again); other.Hash == "" || other.Hash != drilled.Hash {
		t.Errorf("the restored state has the hash %q, and that of the backup %q", other.Hash, drilled.Hash)
	}
	put(t, c.nodes[1], "after")
	c.checked(t)
	c.stop()
}

// A drilled is the JSON of snapshot restore --drill.
type drilled struct {
	Hash string `json:"hash"`
}

// drill restores the node's state machine from a file, for trial.
func (n *node) drill(t *testing.T, file string) (d drilled) {
	t.Helper()
	out := n.run(t, "snapshot", "restore", file, "--config", n.config, "--drill", "-o", "json")
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return d
}

// A backup that no state machine of the configuration can be restored from is found by the drill, and
// so is a damaged one. Nothing is left of either.
func TestADrillFindsABackupThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	put(t, c.nodes[0], "only")
	file, _ := c.save(t)
	c.stop()
	temporary := t.TempDir()
	drill := func(file, config string) (string, int) {
		cmd := hostCommand(t, "snapshot", "restore", file, "--config", config, "--drill")
		cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
		out, _ := cmd.CombinedOutput()
		return string(out), cmd.ProcessState.ExitCode()
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	damaged := filepath.Join(t.TempDir(), "damaged")
	if err := os.WriteFile(damaged, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := drill(damaged, c.nodes[0].config); code != 4 || !strings.Contains(out, "checksum is wrong") {
		t.Errorf("a damaged one: code %d, %s", code, out)
	}
	counter := counterProgram(t)
	c.nodes[0].external(counter, sumOf(t, counter))
	if out, code := drill(file, c.nodes[0].config); code == 0 || !strings.Contains(out, "the snapshot is of the state machine") {
		t.Errorf("one of another state machine: code %d, %s", code, out)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("of the drills there are left %v, %v", left, err)
	}
}

// A cluster at rest, without any snapshot, makes one for a backup; the leader and a member by
// its id give one too, and standard output gets the same form.
func TestASnapshotIsMadeForABackup(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	put(t, c.nodes[0], "only")
	if out, err := hostCommand(t, "snapshot", "save", filepath.Join(t.TempDir(), "b"), "--newest", "--endpoints", c.endpoints()).CombinedOutput(); err == nil ||
		!strings.Contains(string(out), "no snapshot: this member has none yet") {
		t.Errorf("--newest of a cluster without a snapshot: %v, %s", err, out)
	}
	for _, from := range []string{"leader", c.follower().id()} {
		// A young cluster writes into its log by itself, as of its level.
		eventually(t, "a second one of the same place, as nothing was written", func() bool {
			file, s := c.save(t, "--from", from)
			if want := strings.ReplaceAll(from, "leader", c.leader().id()); s.Member != want {
				t.Errorf("the snapshot of %s is of member %s", from, s.Member)
			}
			again, of := c.save(t, "--from", from)
			for _, f := range []string{file, again} {
				c.nodes[0].run(t, "snapshot", "inspect", f)
			}
			return of.Index == s.Index
		})
	}
	raw, err := hostCommand(t, "snapshot", "save", "-", "--endpoints", c.endpoints()).Output()
	piped := filepath.Join(t.TempDir(), "piped")
	if err == nil {
		err = os.WriteFile(piped, raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.nodes[0].run(t, "snapshot", "inspect", piped)
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(piped, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := hostCommand(t, "snapshot", "inspect", piped).CombinedOutput(); err == nil || !strings.Contains(string(out), "checksum is wrong") {
		t.Errorf("a flipped bit: %v, %s", err, out)
	}
	c.stop()
}

// While a client takes nothing of a snapshot, another one is told so, and the cluster serves, takes
// snapshots and compacts its log. A client that goes away is forgotten at once.
func TestASlowBackupHoldsUpNothing(t *testing.T) {
	t.Parallel()
	c := startCluster(t, "raft.snapshot_log_bytes=4MiB", "raft.catch_up_entries=1")
	from := c.follower()
	for i := range 32 {
		putValue(t, from, fmt.Sprint("large", i), make([]byte, 1<<20))
	}
	slow := from.dial()
	defer slow.Close()
	taken, err := slow.ReadSnapshot(t.Context(), from.client, false)
	if err != nil || taken.Bytes() < 32<<20 {
		t.Fatalf("a snapshot of %d bytes, error %v", taken.Bytes(), err)
	}
	out, err := hostCommand(t, "snapshot", "save", filepath.Join(t.TempDir(), "b"), "--from", from.id(), "--endpoints", c.endpoints()).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "this member sends a snapshot to another client") {
		t.Errorf("the second client: %v, %s", err, out)
	}
	first := func() uint64 { st, _ := from.status(); return st.GetFirstIndex() }
	for before, i := first(), 0; first() == before; i++ { // the member takes snapshots and compacts its log
		putValue(t, from, fmt.Sprint("large", i%32), make([]byte, 1<<20))
	}
	taken.Close()
	eventually(t, "the next client gets one", func() bool {
		next, err := slow.ReadSnapshot(t.Context(), from.client, false)
		if err != nil {
			return false
		}
		defer next.Close()
		n, err := io.Copy(io.Discard, next)
		return err == nil && uint64(n) == next.Bytes()
	})
	c.stop()
}

// A storage or a member that ends while a snapshot is read ends the command with the reason, and
// no file is left of it.
func TestABackupThatBreaksOffLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*node){
		"the storage": func(n *node) { n.killPlugin("storage") },
		"the member":  func(n *node) { n.kill() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startCluster(t)
			from, dir := c.follower(), t.TempDir()
			for i := range 32 {
				putValue(t, from, fmt.Sprint("large", i), make([]byte, 1<<20))
			}
			cl := from.dial()
			defer cl.Close()
			s, err := cl.ReadSnapshot(t.Context(), from.client, false)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			_, err = maintenance.WriteExport(filepath.Join(dir, "backup"), func(w io.Writer) error {
				if _, err := io.CopyN(w, s, 1<<20); err != nil {
					return err
				}
				end(from)
				_, err := io.Copy(w, s)
				return err
			})
			if err == nil {
				t.Fatal("a snapshot that broke off was taken for a whole one")
			}
			t.Log(err)
			if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
				t.Errorf("the directory has %v, error %v", left, err)
			}
		})
	}
}
