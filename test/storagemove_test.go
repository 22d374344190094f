//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
)

// secondName is that of another storage than wal, to which a store is moved. It is wal under
// another name, and has the faults of a directory.
const secondName = "second"

// secondFaults names the directory in the environment of the plugin. The file fault there
// says what fails: "open N hang" or "open N refuse" for the Nth Open, "append hang".
const secondFaults = "SECOND_FAULTS"

type secondStorage struct{ storage.Storage }

func secondBackend() backend.Backend {
	return backend.Backend{Kind: plugins.Storage, Name: secondName, NewStorage: func(e backend.Env) storage.Storage {
		return secondStorage{wal.Backend().NewStorage(e)}
	}}
}

func (s secondStorage) Describe() plugins.Info {
	info := s.Storage.Describe()
	info.Name, info.Capabilities = secondName, nil
	return info
}

func (s secondStorage) Open(ctx context.Context, o plugins.Options) (storage.State, error) {
	opens, err := os.OpenFile(filepath.Join(os.Getenv(secondFaults), "opens"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return storage.State{}, err
	}
	defer opens.Close()
	if _, err := opens.WriteString("x"); err != nil {
		return storage.State{}, err
	}
	info, err := opens.Stat()
	if err != nil {
		return storage.State{}, err
	}
	switch fault() {
	case fmt.Sprintf("open %d hang", info.Size()):
		<-ctx.Done()
	case fmt.Sprintf("open %d refuse", info.Size()):
		return storage.State{}, fmt.Errorf("%w: it takes none today", plugins.ErrInvalidConfig)
	}
	return s.Storage.Open(ctx, o)
}

func (s secondStorage) Append(ctx context.Context, batches []storage.Batch) error {
	if fault() == "append hang" {
		<-ctx.Done()
	}
	return s.Storage.Append(ctx, batches)
}

func fault() string {
	text, _ := os.ReadFile(filepath.Join(os.Getenv(secondFaults), "fault"))
	return string(text)
}

// second is the section of that storage, with a directory for its faults.
func second(t testing.TB, indent, faults string) string {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{
		"name: " + secondName, fmt.Sprintf("command: [%q, plugin-serve, storage, %s]", own, secondName), "sha256: " + sumOf(t, own),
		fmt.Sprintf("env: [%q]", secondFaults+"="+faults),
	}
	return indent + strings.Join(lines, "\n"+indent)
}

// toMove gives a node the other storage as the next one. Faults begin with the given one.
func (n *node) toMove(what string) (faults string) {
	n.t.Helper()
	faults = n.t.TempDir()
	n.write(filepath.Join(faults, "fault"), what)
	n.rewrite("    name: wal\n", "    name: wal\n    next:\n"+second(n.t, "      ", faults)+"\n")
	return faults
}

// moveBack swaps the two sections in the file of a node.
func (n *node) moveBack(faults string) {
	n.t.Helper()
	n.rewrite("    name: wal\n    next:\n"+second(n.t, "      ", faults)+"\n", second(n.t, "    ", faults)+"\n    next:\n      name: wal\n")
}

// migrate is storage migrate --rolling.
func migrate(t testing.TB, endpoints, to string, args ...string) *exec.Cmd {
	t.Helper()
	return hostCommand(t, append([]string{"storage", "migrate", "--rolling", "--to", to, "--endpoints", endpoints}, args...)...)
}

// onlyStore checks that the store is of the backend and serves, and that no copy lies about.
func (n *node) onlyStore(backend string) {
	n.t.Helper()
	if p := n.plugin("storage"); p.GetName() != backend || p.GetState() != "ready" {
		n.t.Errorf("the storage is %v, want %s", p, backend)
	}
	if left, _ := filepath.Glob(filepath.Join(n.data, "storage.*.new")); len(left) > 0 {
		n.t.Errorf("copies are left: %v", left)
	}
}

// A cluster that serves moves its stores to another backend and back by one command each: no
// write is lost or done twice. Between the two each host is started again, with a file that
// names the backend before as its storage and the other as the next one.
func TestStoresAreMovedUnderLoad(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	load := startWorkload(t, c.nodes...)
	load.progress(200)
	faults := map[*node]string{}
	for _, n := range c.nodes {
		faults[n] = n.toMove("")
	}
	load.pauses.take()
	if out, err := migrate(t, c.endpoints(), secondName).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("to %s: longest pause of all writes %v", secondName, load.pauses.take())
	for _, n := range c.nodes {
		n.onlyStore(secondName)
		n.stop()
		n.startReady()
		n.onlyStore(secondName)
		load.progress(50)
	}
	if out, err := migrate(t, c.endpoints(), secondName).CombinedOutput(); err != nil || strings.Count(string(out), "already") != 3 {
		t.Errorf("once more: %v\n%s", err, out)
	}
	for _, n := range c.nodes {
		n.moveBack(faults[n])
	}
	if out, err := migrate(t, c.endpoints(), "wal", "-o", "json").Output(); err != nil || bytes.Count(out, []byte(`"from": "second"`)) != 3 {
		t.Fatalf("back: %v\n%s", err, out)
	}
	load.progress(100)
	load.stop()
	load.history.Check(t, c.agreed())
	for _, n := range c.nodes {
		n.onlyStore("wal")
	}
	c.stop()
}

// keep writes something that is looked for after a move that ends badly.
func (n *node) keep() (check func()) {
	n.t.Helper()
	if out, err := hostCommand(n.t, "kv", "put", "kept", "value", "--endpoints", n.client).CombinedOutput(); err != nil {
		n.t.Fatalf("%v\n%s", err, out)
	}
	return func() {
		n.t.Helper()
		if e, err := get(n.dial(), "kept", client.Linearizable); err != nil || e == nil || string(e.Value) != "value" {
			n.t.Errorf("what was written before is %v, %v", e, err)
		}
	}
}

// A host that is killed while it moves its store has one of the two stores at the next start:
// the old one until the copy was put in its place, and then the copy. The command goes on
// after that.
func TestAHostIsKilledWhileItMovesItsStore(t *testing.T) {
	t.Parallel()
	for what, x := range map[string]struct {
		fault, phase, has string
		opens             int
	}{
		"copies":           {"append hang", "copying", "wal", 1},
		"opens the copy":   {"open 2 hang", "copying", "wal", 2},
		"has put in place": {"open 3 hang", "opening", secondName, 3},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			n := newSingle(t)
			n.startReady()
			kept := n.keep()
			faults := n.toMove(x.fault)
			cmd := migrate(t, n.client, secondName, "--force")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
			n.await("the move", func() bool {
				st, _ := n.status()
				opens, _ := os.ReadFile(filepath.Join(faults, "opens"))
				return st.GetStorageMove().GetPhase() == x.phase && len(opens) == x.opens
			})
			n.kill()
			n.write(filepath.Join(faults, "fault"), "")
			n.startReady()
			n.onlyStore(x.has)
			kept()
			if out, err := migrate(t, n.client, secondName, "--force").CombinedOutput(); err != nil {
				t.Errorf("the command again: %v\n%s", err, out)
			}
			n.onlyStore(secondName)
			kept()
			n.stop()
		})
	}
}

// A next storage that cannot be started, opened, read again or used leaves the store where it
// is: the member goes on with the old one. Where that shows before the copy, not even its
// process is ended.
func TestATargetThatIsRefusedLeavesTheStore(t *testing.T) {
	t.Parallel()
	for what, x := range map[string]struct {
		fault   string
		touched bool
	}{
		"sha256": {"", false}, "the first Open": {"open 1 refuse", false},
		"the Open of the copy": {"open 2 refuse", true}, "the Open in its place": {"open 3 refuse", true},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			n := newSingle(t)
			n.startReady()
			kept := n.keep()
			n.toMove(x.fault)
			if x.fault == "" {
				own, _ := os.Executable()
				n.rewrite(sumOf(t, own), strings.Repeat("0", 64))
			}
			before := n.plugin("storage").GetPid()
			out, err := migrate(t, n.client, secondName, "--force").CombinedOutput()
			if err == nil {
				t.Errorf("it was moved:\n%s", out)
			}
			t.Logf("%s", out)
			n.awaitReady()
			if now := n.plugin("storage").GetPid(); (now != before) != x.touched {
				t.Errorf("the storage had pid %d and has %d", before, now)
			}
			n.onlyStore("wal")
			kept()
			n.stop()
			n.startReady()
			kept()
			n.stop()
		})
	}
}

// The only voter is not moved unless that is forced, and a member without a next storage says
// what is missing.
func TestAMoveIsNotBegunWithoutNeed(t *testing.T) {
	t.Parallel()
	n := newSingle(t)
	n.startReady()
	for want, args := range map[string][]string{
		"plugins.storage.next": {"--force"},
		"a quorum has 1":       nil,
	} {
		out, err := migrate(t, n.client, secondName, args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%v: %v, want %q\n%s", args, err, want, out)
		}
	}
	n.stop()
}

// A host that is stopped while it copies its store stops in time, and no host starts with a
// store that was left for its copy.
func TestAStopEndsACopyAndALeftStoreIsNotStarted(t *testing.T) {
	t.Parallel()
	n := newSingle(t)
	n.startReady()
	kept := n.keep()
	faults := n.toMove("append hang")
	cmd := migrate(t, n.client, secondName, "--force")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	n.await("the copy", func() bool {
		st, _ := n.status()
		return st.GetStorageMove().GetPhase() == "copying"
	})
	n.stop()
	n.write(filepath.Join(faults, "fault"), "")
	n.startReady()
	n.onlyStore("wal")
	kept()
	if out, err := migrate(t, n.client, secondName, "--force").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	n.stop()
	left, err := filepath.Glob(filepath.Join(n.data, "storage.wal.*"))
	if err != nil || len(left) != 1 {
		t.Fatalf("left is %v, %v", left, err)
	}
	place := filepath.Join(n.data, "storage")
	if err := errors.Join(os.Rename(place, place+".moved"), os.Rename(left[0], place)); err != nil {
		t.Fatal(err)
	}
	refusedWithin(t, 10*time.Second, "", append([]string{"serve"}, n.args()...)...).says(t, exitNotMember, "was left for a copy")
	if err := errors.Join(os.Rename(place, left[0]), os.Rename(place+".moved", place)); err != nil {
		t.Fatal(err)
	}
	n.startReady()
	kept()
	n.stop()
}
