package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/maintenance"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
)

// exported is a snapshot of stoppedNode in a file of its own.
func exported(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "backup")
	if o := host(t, "snapshot", "export", "--data-dir", stoppedNode(t), "--to", file); o.code != exitOK {
		t.Fatalf("export: %s", o.stderr)
	}
	return file
}

// local3Config is the path of a file for one of three members, with what oldnew
// says replaced.
func local3Config(t *testing.T, id int, oldnew ...string) string {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("../../configs/local3/n%d.yaml", id))
	if err != nil {
		t.Fatal(err)
	}
	oldnew = append(oldnew, "id: a3", fmt.Sprintf("id: %x", singleCluster), "name: wal", "name: wal\n    isolation: inproc")
	path := filepath.Join(t.TempDir(), "node.yaml")
	if err := os.WriteFile(path, []byte(strings.NewReplacer(oldnew...).Replace(string(b))), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

type restored struct {
	ClusterID string `json:"cluster_id"`
	StoreID   string `json:"store_id"`
	Founding  string
}

// restoreAs restores a file with a configuration and returns what was made, and where.
func restoreAs(t *testing.T, file, config string, more ...string) (restored, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	o := host(t, append([]string{"snapshot", "restore", file, "--config", config, "--data-dir", dir, "-o", "json"}, more...)...)
	if o.code != exitOK {
		t.Fatalf("restore %v: code %d %s", more, o.code, o.stderr)
	}
	return decode[restored](t, o), dir
}

// headerOf is the header of the restored snapshot.
func headerOf(t *testing.T, dataDir string, cluster, id uint64) *server.SnapshotHeader {
	t.Helper()
	s := wal.New(backend.Env{})
	_, err := s.Open(t.Context(), plugins.Options{
		ClusterID: cluster, NodeID: id, Group: 1, DataDir: filepath.Join(dataDir, "storage"), Limits: plugins.DefaultLimits(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(context.Background()) }()
	r, err := s.OpenSnapshot(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	h, err := server.ReadSnapshotHeader(r)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// The members of a restored cluster are those of the configuration, with its
// addresses, and not those of the snapshot: node 3 was not among the two.
func TestRestoredClusterHasTheMembersOfTheConfiguration(t *testing.T) {
	_, dir := restoreAs(t, exported(t), local3Config(t, 3, "127.0.0.1:7502", "127.0.0.1:17502"))
	h := headerOf(t, dir, singleCluster, 3)
	var urls []string
	for _, m := range h.Registry.Members() {
		urls = append(urls, m.PeerURLs...)
		if m.Store != 0 || m.Learner {
			t.Errorf("%+v is no voter without a store", m)
		}
	}
	if got := strings.Join(urls, " "); got != "http://127.0.0.1:7501 http://127.0.0.1:17502 http://127.0.0.1:7503" {
		t.Errorf("the members have the addresses %s", got)
	}
	if h.Registry.Number() != 0 || h.Registry.Founding() == 0 || !h.Registry.Begun() {
		t.Errorf("number %x, founding %x: it does not begin a cluster of its own", h.Registry.Number(), h.Registry.Founding())
	}
}

// The commands of a restored cluster have the version that the state in the snapshot has reached: by a
// lower one its state machines would have another state than before, or refuse to start.
func TestARestoredClusterKeepsItsCommandVersion(t *testing.T) {
	dir := stoppedNode(t)
	s, _ := openStore(t, dir)
	header := &server.SnapshotHeader{
		ClusterID: singleCluster, Index: 10, Term: 2, StateMachine: "kv", Time: 77, Format: 4,
		Registry: (&member.Registry{}).Raise(member.CommandVersionLevel).Switch(member.Switch{CommandVersion: 5}),
	}
	w, err := s.CreateSnapshot(t.Context(), storage.SnapshotMetadata{Index: 10, Term: 2}, false)
	if err == nil {
		err = header.Encode(w)
	}
	if err == nil {
		_, err = w.Commit()
	}
	if err = errors.Join(err, s.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "backup")
	if o := host(t, "snapshot", "export", "--data-dir", dir, "--to", file); o.code != exitOK {
		t.Fatal(o.stderr)
	}
	_, dir = restoreAs(t, file, local3Config(t, 1))
	h := headerOf(t, dir, singleCluster, 1)
	if v, level := h.Registry.CommandVersion(), h.Registry.Level(); v != 5 || level != member.CommandVersionLevel || h.Time != 77 || h.Format != 4 {
		t.Errorf("it has command version %d, level %d, time %d and format %d", v, level, h.Time, h.Format)
	}
}

// A directory that is a link to another disk is not replaced by one on this disk, and what is not a
// file is not read as a backup.
func TestOfflineCommandsAndWhatIsNoDirectory(t *testing.T) {
	file, dir, elsewhere := exported(t), t.TempDir(), t.TempDir()
	link := filepath.Join(dir, "storage")
	if err := os.Symlink(elsewhere, link); err != nil {
		t.Fatal(err)
	}
	refused := func(what string, o outcome) {
		t.Helper()
		if o.code != exitNotFound || !strings.Contains(o.stderr, "is a symbolic link") {
			t.Errorf("%s: code %d %s", what, o.code, o.stderr)
		}
		if to, err := os.Readlink(link); err != nil || to != elsewhere {
			t.Errorf("%s: the link goes to %q, %v", what, to, err)
		}
	}
	refused("restore", host(t, "snapshot", "restore", file, "--config", local3Config(t, 1), "--data-dir", dir))
	if err := os.Rename(filepath.Join(stoppedNode(t), "storage"), filepath.Join(elsewhere, "storage")); err != nil {
		t.Fatal(err)
	}
	elsewhere = filepath.Join(elsewhere, "storage")
	if err := errors.Join(os.Remove(link), os.Symlink(elsewhere, link)); err != nil {
		t.Fatal(err)
	}
	refused("migrate", host(t, "storage", "migrate", "--config", singleConfig, "--data-dir", dir, "--to", "pebble",
		"--command", "/no/such", "--sha256", strings.Repeat("0", 64)))
	o := host(t, "snapshot", "restore", t.TempDir(), "--config", local3Config(t, 1), "--data-dir", filepath.Join(t.TempDir(), "new"))
	if o.code != exitFailed || !strings.Contains(o.stderr, "is not a file") {
		t.Errorf("restore of a directory: code %d %s", o.code, o.stderr)
	}
}

// A recovery is done to the log that was confirmed, and not to one of the same length that a leader has
// changed since, whose members are others.
func TestARecoveryIsOfTheLogThatWasPlannedFor(t *testing.T) {
	dir := stoppedNode(t)
	change := func(batch storage.Batch) {
		t.Helper()
		s, _ := openStore(t, dir)
		batch.MustSync = true
		if err := errors.Join(s.Append(t.Context(), []storage.Batch{batch}), s.Close(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	change(storage.Batch{HardState: storage.HardState{Term: 3, Vote: 2, Commit: 11}})
	place, err := maintenance.Locate(dir)
	if err != nil {
		t.Fatal(err)
	}
	n := maintenance.Node{
		ClusterID: singleCluster, NodeID: singleNode, Name: "n1", Spec: catalog.Spec{Name: wal.Name, Isolation: catalog.Inproc},
		Backends: []backend.Backend{backend.Storage(wal.Name, wal.New)},
	}
	old, err := maintenance.PlanRecovery(t.Context(), place, n)
	if err != nil {
		t.Fatal(err)
	}
	third := member.Member{ID: 3, Name: "n3", PeerURLs: []string{"http://127.0.0.1:7503"}}
	e, err := node.ChangeEntry(12, 3, member.Change{Op: member.Add, Member: third})
	if err != nil {
		t.Fatal(err)
	}
	change(storage.Batch{Entries: []storage.Entry{e}})
	if err := maintenance.ForceNewCluster(t.Context(), place, n, old); !errors.Is(err, maintenance.ErrRefused) {
		t.Errorf("the old plan for the new log: %v", err)
	}
	fresh, err := maintenance.PlanRecovery(t.Context(), place, n)
	if err != nil || len(fresh.Removed) != 2 {
		t.Fatalf("it removes %v, %v", fresh.Removed, err)
	}
	if err := maintenance.ForceNewCluster(t.Context(), place, n, fresh); err != nil {
		t.Error(err)
	}
}

// Members restored from one file with one configuration belong together; another
// file, another address or another id of the cluster makes another cluster.
func TestRestoredMembersAgree(t *testing.T) {
	file := exported(t)
	first, _ := restoreAs(t, file, local3Config(t, 1))
	second, _ := restoreAs(t, file, local3Config(t, 2))
	if first.Founding != second.Founding || first.StoreID == second.StoreID {
		t.Errorf("two members restored from one file have %+v and %+v", first, second)
	}
	address, _ := restoreAs(t, file, local3Config(t, 1, "127.0.0.1:7502", "127.0.0.1:17502"))
	cluster, _ := restoreAs(t, file, local3Config(t, 1), "--new-cluster-id", "d811")
	again := stoppedNode(t)
	other := filepath.Join(t.TempDir(), "older")
	if o := host(t, "snapshot", "export", "--data-dir", again, "--to", other, "5"); o.code != exitOK {
		t.Fatal(o.stderr)
	}
	older, _ := restoreAs(t, other, local3Config(t, 1))
	for what, r := range map[string]restored{"another address": address, "another cluster id": cluster, "another file": older} {
		if r.Founding == first.Founding {
			t.Errorf("with %s the founding is the same", what)
		}
	}
}

func TestRestoreWithANewClusterID(t *testing.T) {
	file := exported(t)
	r, dir := restoreAs(t, file, local3Config(t, 1), "--new-cluster-id", "d811")
	if h := headerOf(t, dir, 0xd811, 1); r.ClusterID != "d811" || h.ClusterID != 0xd811 {
		t.Errorf("restored as cluster %s, with a header of %x", r.ClusterID, h.ClusterID)
	}
	dir = filepath.Join(t.TempDir(), "random")
	o := host(t, "snapshot", "restore", file, "--config", local3Config(t, 1), "--data-dir", dir, "--new-cluster-id", "random")
	if o.code != exitOK || !strings.Contains(o.stdout, "set cluster.id: ") || !strings.Contains(o.stdout, "--new-cluster-id") {
		t.Errorf("it does not say what to set: code %d %s%s", o.code, o.stdout, o.stderr)
	}
	for _, c := range []struct {
		code  int
		says  string
		given []string
	}{
		{exitNotFound, "that is no new id", []string{"--new-cluster-id", "51"}},
		{exitNotFound, "--new-cluster-id d811", []string{"--set", "cluster.id=d811"}},
		{exitUsage, "is not an id in hex", []string{"--new-cluster-id", "new"}},
		{exitUsage, "is not an id in hex", []string{"--new-cluster-id", "0"}},
	} {
		dir := filepath.Join(t.TempDir(), "refused")
		o := host(t, append([]string{"snapshot", "restore", file, "--config", local3Config(t, 1), "--data-dir", dir}, c.given...)...)
		if o.code != c.code || !strings.Contains(o.stderr, c.says) {
			t.Errorf("%v: code %d, does not say %q: %s", c.given, o.code, c.says, o.stderr)
		}
		if _, err := os.Stat(dir); err == nil {
			t.Errorf("%v: a refused restore left a directory", c.given)
		}
	}
}

// A directory in which a host remembers another store does not count as new:
// the host would refuse the restored store.
func TestRestoreRefusesADirectoryThatANodeHasUsed(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pins.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := host(t, "snapshot", "restore", exported(t), "--config", local3Config(t, 1), "--data-dir", dir)
	if o.code != exitNotFound || !strings.Contains(o.stderr, "pins.json") || !strings.Contains(o.stderr, "move all of it away") {
		t.Errorf("code %d %s", o.code, o.stderr)
	}
}

// The rest of a cluster is another cluster: no number, so that its first leader
// draws one, and a founding that no other recovery has.
func TestRecoveredClusterIsAnother(t *testing.T) {
	foundings := map[uint64]bool{}
	for range 2 {
		dir := stoppedNode(t)
		o := hostWith(t, "force new cluster 51\n", "recover", "--config", singleConfig, "--data-dir", dir, "--force-new-cluster",
			"--set", fmt.Sprintf("cluster.id=%x", singleCluster), "--set", "plugins.storage.isolation=inproc")
		if o.code != exitOK {
			t.Fatalf("recover: %s", o.stderr)
		}
		s, state := openStore(t, dir)
		entries, err := s.Read(t.Context(), 13, state.LastIndex+1, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		before := (&member.Registry{}).Register(member.Registration{Number: 7})
		for i := range uint64(2) {
			m := member.Member{ID: member.ID(i + 1), Name: fmt.Sprintf("n%d", i+1), PeerURLs: []string{fmt.Sprintf("http://127.0.0.1:750%d", i+1)}}
			if before, err = before.Apply(member.Change{Op: member.Add, Member: m}, i+1, 1); err != nil {
				t.Fatal(err)
			}
		}
		after, err := node.ReplayMembership(before, entries)
		if err != nil {
			t.Fatal(err)
		}
		if len(after.Members()) != 1 || after.Number() != 0 || after.Founding() == 0 || after.Founding() == before.Founding() {
			t.Errorf("it has %v, number %x, founding %x; before %x", after.Members(), after.Number(), after.Founding(), before.Founding())
		}
		foundings[after.Founding()] = true
	}
	if len(foundings) != 2 {
		t.Error("two recoveries have the same founding")
	}
}

// halfway is a store to which a snapshot can be written, and not installed.
type halfway struct{ storage.Storage }

func (halfway) InstallSnapshot(context.Context, uint64, storage.HardState) error {
	return errors.New("input/output error")
}

// A restore that ends half-way leaves nothing that a host would take for its store
// and found a new cluster with, and can be done again.
func TestAnInterruptedRestoreLeavesNoStore(t *testing.T) {
	file, dir := exported(t), t.TempDir()
	node := maintenance.Node{
		ClusterID: singleCluster, NodeID: 1, Name: "n1", Limits: plugins.DefaultLimits(), Tick: time.Second, Election: time.Minute,
		Spec:     catalog.Spec{Name: wal.Name, Isolation: catalog.Inproc},
		Backends: []backend.Backend{backend.Storage(wal.Name, func(e backend.Env) storage.Storage { return halfway{wal.New(e)} })},
	}
	members := []member.Member{{ID: 1, Name: "n1", PeerURLs: []string{"http://127.0.0.1:7501"}}}
	if _, err := maintenance.RestoreSnapshot(t.Context(), maintenance.Restore{File: file, DataDir: dir, Node: node, Members: members}); err == nil {
		t.Fatal("it is not interrupted")
	}
	if _, err := os.Stat(filepath.Join(dir, "storage")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a host would find a store there: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "storage.restoring", "left"), 0o700); err != nil { // as by a kill
		t.Fatal(err)
	}
	if o := host(t, "snapshot", "restore", file, "--config", local3Config(t, 1), "--data-dir", dir); o.code != exitOK {
		t.Errorf("once more: code %d %s", o.code, o.stderr)
	}
	if _, err := os.Stat(filepath.Join(dir, "storage.restoring")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was left is still there: %v", err)
	}
}
