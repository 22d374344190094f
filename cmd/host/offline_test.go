package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/datadir"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
)

// The node of configs/single.yaml.
const (
	singleConfig  = "../../configs/single.yaml"
	singleCluster = 0x51
	singleNode    = 1
)

// openStore opens the storage directory of a node as its host would.
func openStore(t *testing.T, dataDir string) (storage.Storage, storage.State) {
	t.Helper()
	dir := filepath.Join(dataDir, "storage")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s := wal.New(backend.Env{})
	state, err := s.Open(t.Context(), plugins.Options{
		ClusterID: singleCluster, NodeID: singleNode, NodeName: "n1", Group: 1, DataDir: dir, Limits: plugins.DefaultLimits(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s, state
}

// snapshotStream is what a host writes into a snapshot.
func snapshotStream(index, term uint64, content string) []byte {
	header := fmt.Sprintf(`{"version":1,"cluster_id":%d,"index":%d,"term":%d,"state_machine":"kv","registry":{"members":[`+
		`{"id":1,"name":"n1","peer_urls":["http://127.0.0.1:7501"],"client_address":"127.0.0.1:7401"},`+
		`{"id":2,"name":"n2","peer_urls":["http://127.0.0.1:7502"],"client_address":"127.0.0.1:7402"}]}}`, singleCluster, index, term)
	b := binary.BigEndian.AppendUint32(nil, uint32(len(header)))
	return append(append(b, header...), content...)
}

func saveSnapshot(t *testing.T, s storage.Storage, index, term uint64, content string) {
	t.Helper()
	w, err := s.CreateSnapshot(t.Context(), storage.SnapshotMetadata{
		Index: index, Term: term, ConfState: storage.ConfState{Voters: []uint64{1, 2}},
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(snapshotStream(index, term, content)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

// stoppedNode makes a data directory with twelve entries and two snapshots,
// compacted to 3.
func stoppedNode(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "n1")
	s, _ := openStore(t, dir)
	var entries []storage.Entry
	for i := range uint64(12) {
		entries = append(entries, storage.Entry{Index: i + 1, Term: 1 + i/6, Data: fmt.Appendf(nil, "entry %d", i+1)})
	}
	batches := []storage.Batch{
		{Entries: entries[:8], MustSync: true},
		{Entries: entries[8:], HardState: storage.HardState{Term: 2, Vote: 2, Commit: 11}, MustSync: true},
	}
	if err := s.Append(t.Context(), batches); err != nil {
		t.Fatal(err)
	}
	saveSnapshot(t, s, 5, 1, "five")
	saveSnapshot(t, s, 9, 2, strings.Repeat("nine", 1000))
	if _, err := s.Compact(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dir
}

// flip changes one bit of a file of the store whose name ends with suffix.
func flip(t *testing.T, dataDir, suffix string, at int64) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dataDir, "storage", "*"+suffix))
	if err != nil || len(names) == 0 {
		t.Fatalf("files *%s: %v, %v", suffix, names, err)
	}
	b, err := os.ReadFile(names[len(names)-1])
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 1
	if err := os.WriteFile(names[len(names)-1], b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func decode[T any](t *testing.T, o outcome) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(o.stdout), &v); err != nil {
		t.Fatalf("%v in %s%s", err, o.stdout, o.stderr)
	}
	return v
}

type dump struct {
	Records []struct {
		Kind    string
		Offset  int64
		Index   uint64
		Problem string
		Entries []struct {
			Index uint64
			Data  []byte `json:"data_base64"`
		}
	}
}

func TestLogCommands(t *testing.T) {
	dir := stoppedNode(t)
	o := host(t, "log", "verify", "--data-dir", dir, "-o", "json")
	v := decode[struct {
		Sound      bool
		FirstIndex uint64 `json:"first_index"`
		LastIndex  uint64 `json:"last_index"`
		Entries    uint64
		Commit     uint64
	}](t, o)
	if o.code != exitOK || !v.Sound || v.FirstIndex != 4 || v.LastIndex != 12 || v.Entries != 9 || v.Commit != 11 {
		t.Errorf("verify: code %d, %+v", o.code, v)
	}
	o = host(t, "log", "dump", "--data-dir", dir, "--from", "9", "--to", "10", "--entries", "-o", "json")
	d := decode[dump](t, o)
	if len(d.Records) != 1 || len(d.Records[0].Entries) != 2 || string(d.Records[0].Entries[0].Data) != "entry 9" {
		t.Errorf("dump of [9,10]: %+v", d)
	}
	id, err := wal.ReadIdentity(filepath.Join(dir, "storage"))
	if err != nil {
		t.Fatal(err)
	}
	if o = host(t, "log", "inspect", "--data-dir", dir); o.code != exitOK || !strings.Contains(o.stdout, "0000000000000001.log") ||
		!strings.Contains(o.stdout, fmt.Sprintf("store %x\n", id.StoreID)) {
		t.Errorf("inspect: code %d\n%s%s", o.code, o.stdout, o.stderr)
	}
	if o = host(t, "log", "dump", "--data-dir", filepath.Join(dir, "storage")); !strings.Contains(o.stdout, "compact") || !strings.Contains(o.stdout, "vote 2") {
		t.Errorf("dump:\n%s%s", o.stdout, o.stderr)
	}
}

// Of two survivors the one with the later last entry has what was acknowledged last,
// though the log of the other one is longer and its node has voted in later terms. The
// verdicts on both show that, and recover says by what to choose.
func TestTheVerdictTellsWhichLogGoesFurthest(t *testing.T) {
	longer, later := filepath.Join(t.TempDir(), "n1"), stoppedNode(t)
	s, _ := openStore(t, longer)
	var entries []storage.Entry
	for i := range uint64(20) {
		entries = append(entries, storage.Entry{Index: i + 1, Term: 1, Data: fmt.Appendf(nil, "entry %d", i+1)})
	}
	batch := storage.Batch{Entries: entries, HardState: storage.HardState{Term: 9, Vote: 1, Commit: 6}, MustSync: true}
	if err := errors.Join(s.Append(t.Context(), []storage.Batch{batch}), s.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string][3]uint64{longer: {1, 20, 9}, later: {2, 12, 2}} {
		v := decode[struct {
			LastTerm  uint64 `json:"last_term"`
			LastIndex uint64 `json:"last_index"`
			Term      uint64
		}](t, host(t, "log", "verify", "--data-dir", dir, "-o", "json"))
		if got := [3]uint64{v.LastTerm, v.LastIndex, v.Term}; got != want {
			t.Errorf("the log ends in term %d at %d, and its node is in term %d; want %v", v.LastTerm, v.LastIndex, v.Term, want)
		}
		if o := host(t, "log", "verify", "--data-dir", dir); !strings.Contains(o.stdout, "LAST TERM") {
			t.Errorf("for people it does not say so: %s", o.stdout)
		}
	}
	if o := host(t, "recover", "--help"); !strings.Contains(o.stdout, "the one whose last entry has the largest\nterm") {
		t.Errorf("recover does not say by what to choose: %s", o.stdout)
	}
}

func TestLogCommandsOnADamagedLog(t *testing.T) {
	dir := stoppedNode(t)
	flip(t, dir, ".log", 600)
	before := decode[dump](t, host(t, "log", "dump", "--data-dir", dir, "-o", "json"))
	kinds := map[string]int{}
	for _, r := range before.Records {
		kinds[r.Kind]++
	}
	if kinds["unreadable"] != 1 || kinds["batch"] != 1 || kinds["compact"] != 1 {
		t.Errorf("a dump of %v, want one unreadable stretch and what follows it", kinds)
	}
	o := host(t, "log", "verify", "--data-dir", dir)
	for _, part := range []string{"DAMAGED", "0000000000000001.log at offset", "way out"} {
		if o.code != exitUnhealthy || !strings.Contains(o.stdout, part) {
			t.Errorf("verify: code %d, does not say %q:\n%s%s", o.code, part, o.stdout, o.stderr)
		}
	}
	if after := decode[dump](t, host(t, "log", "dump", "--data-dir", dir, "-o", "json")); len(after.Records) != len(before.Records) {
		t.Error("verify changed the log")
	}
	if err := os.Remove(filepath.Join(dir, "storage", "identity")); err != nil {
		t.Fatal(err)
	}
	if again := decode[dump](t, host(t, "log", "dump", "--data-dir", dir, "-o", "json")); len(again.Records) != len(before.Records) {
		t.Errorf("without its identity the log has %d records, not %d", len(again.Records), len(before.Records))
	}
}

// A log that was cut is damaged, also when the next segment is prepared
// already: records after the cut may have been acknowledged.
func TestLogVerifyOfACutLog(t *testing.T) {
	for _, prepared := range []bool{false, true} {
		dir := stoppedNode(t)
		segment := filepath.Join(dir, "storage", "0000000000000001.log")
		info, err := os.Stat(segment)
		if err == nil && prepared {
			err = os.WriteFile(filepath.Join(dir, "storage", "0000000000000002.log"), make([]byte, info.Size()), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		if o := host(t, "log", "verify", "--data-dir", dir); o.code != exitOK {
			t.Errorf("prepared %v: the whole log: code %d\n%s%s", prepared, o.code, o.stdout, o.stderr)
		}
		if err := os.Truncate(segment, info.Size()/3); err != nil {
			t.Fatal(err)
		}
		o := host(t, "log", "verify", "--data-dir", dir)
		for _, part := range []string{"DAMAGED", "0000000000000001.log", "was cut", "way out"} {
			if o.code != exitUnhealthy || !strings.Contains(o.stdout, part) {
				t.Errorf("prepared %v: code %d, does not say %q:\n%s%s", prepared, o.code, part, o.stdout, o.stderr)
			}
		}
	}
}

// A store that a process holds is refused by every command, with the holder.
func TestOfflineCommandsRefuseAStoreInUse(t *testing.T) {
	dir := stoppedNode(t)
	openStore(t, dir)
	export := filepath.Join(t.TempDir(), "export")
	for _, given := range []string{"log inspect", "log dump", "log verify", "snapshot list", "snapshot verify", "snapshot export --to " + export} {
		o := host(t, append(strings.Fields(given), "--data-dir", dir)...)
		if o.code != exitInUse || !strings.Contains(o.stderr, fmt.Sprintf("pid %d", os.Getpid())) {
			t.Errorf("%s: code %d, %s", given, o.code, o.stderr)
		}
	}
	if _, err := os.Stat(export); err == nil {
		t.Error("a refused export left a file")
	}
}

func TestOfflineCommandsSayWhatIsMissing(t *testing.T) {
	empty := t.TempDir()
	for given, code := range map[string]int{
		"log verify":                             exitUsage,
		"log verify --data-dir " + empty:         exitNotFound,
		"log verify --data-dir /no/such/place":   exitNotFound,
		"snapshot export --data-dir " + empty:    exitUsage,
		"snapshot verify x --data-dir " + empty:  exitUsage,
		"snapshot restore nothing":               exitUsage,
		"snapshot list --config /no/such/config": exitUsage,
	} {
		if o := host(t, strings.Fields(given)...); o.code != code {
			t.Errorf("%s: code %d, want %d: %s", given, o.code, code, o.stderr)
		}
	}
	if left, _ := os.ReadDir(empty); len(left) > 0 {
		t.Errorf("%s was left behind", left[0].Name())
	}
}

func TestSnapshotCommands(t *testing.T) {
	dir := stoppedNode(t)
	type listing struct {
		Snapshots []struct{ Index, Bytes uint64 }
	}
	l := decode[listing](t, host(t, "snapshot", "list", "--data-dir", dir, "-o", "json"))
	if len(l.Snapshots) != 2 || l.Snapshots[0].Index != 5 || l.Snapshots[1].Index != 9 {
		t.Fatalf("list: %+v", l)
	}
	if o := host(t, "snapshot", "verify", "--data-dir", dir); o.code != exitOK || strings.Count(o.stdout, "sound") != 2 {
		t.Errorf("verify: code %d\n%s%s", o.code, o.stdout, o.stderr)
	}
	if o := host(t, "snapshot", "verify", "--data-dir", dir, "7"); o.code != exitNotFound {
		t.Errorf("verify 7: code %d", o.code)
	}
	flip(t, dir, ".snap", 1000) // in the content of the newest
	if o := host(t, "snapshot", "verify", "--data-dir", dir); o.code != exitUnhealthy || !strings.Contains(o.stdout, "corrupt data") {
		t.Errorf("verify of a damaged one: code %d\n%s%s", o.code, o.stdout, o.stderr)
	}
	file := filepath.Join(t.TempDir(), "file")
	if o := host(t, "snapshot", "export", "--data-dir", dir, "--to", file); o.code != exitUnhealthy {
		t.Errorf("export of a damaged one: code %d %s", o.code, o.stderr)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a failed export left a file")
	}
}

func TestSnapshotExportAndRestore(t *testing.T) {
	from, file := stoppedNode(t), filepath.Join(t.TempDir(), "backup")
	if o := host(t, "snapshot", "export", "--data-dir", from, "--to", file); o.code != exitOK {
		t.Fatalf("export: %s", o.stderr)
	}
	if o := host(t, "snapshot", "export", "--data-dir", from, "--to", file); o.code != exitFailed {
		t.Errorf("export over a file: code %d", o.code)
	}
	to := filepath.Join(t.TempDir(), "new")
	restore := func(file string) outcome {
		return host(t, "snapshot", "restore", file, "--config", singleConfig, "--data-dir", to,
			"--set", fmt.Sprintf("cluster.id=%x", singleCluster), "--set", "plugins.storage.isolation=inproc")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 100, len(b) - 1} {
		damaged := bytes.Clone(b)
		damaged[at] ^= 1
		bad := filepath.Join(t.TempDir(), "bad")
		if err := os.WriteFile(bad, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if o := restore(bad); o.code != exitUnhealthy {
			t.Errorf("restore with byte %d damaged: code %d %s", at, o.code, o.stderr)
		}
	}
	if o := restore(file); o.code != exitOK {
		t.Fatalf("restore: %s", o.stderr)
	}
	if o := restore(file); o.code != exitNotFound || !strings.Contains(o.stderr, "not empty") {
		t.Errorf("restore over data: code %d %s", o.code, o.stderr)
	}
	s, state := openStore(t, to)
	if state.FirstIndex != 10 || state.LastIndex != 9 || state.HardState != (storage.HardState{Term: 2, Commit: 9}) {
		t.Errorf("the restored store has %+v", state)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestMigrateRefuses(t *testing.T) {
	dir := stoppedNode(t)
	for given, says := range map[string]string{
		"--to wal":                        "already",
		"--to memory":                     "keep nothing",
		"--from pebble --to wal":          `of the backend "wal"`,
		"--to pebble":                     "no such backend",
		"--to pebble --command /no/such":  "sha256",
		"--to pebble --config other.yaml": "other.yaml",
	} {
		args := append([]string{"storage", "migrate", "--config", singleConfig, "--data-dir", dir}, strings.Fields(given)...)
		if o := host(t, args...); o.code == exitOK || !strings.Contains(o.stderr, says) {
			t.Errorf("%s: code %d, does not say %q: %s", given, o.code, says, o.stderr)
		}
	}
	if o := host(t, "log", "verify", "--data-dir", dir); o.code != exitOK {
		t.Errorf("after refusals the store is %s%s", o.stdout, o.stderr)
	}
	if left, _ := filepath.Glob(dir + "/storage*"); len(left) != 1 {
		t.Errorf("refusals left %v", left)
	}
}

// A migration that was killed while its copy took the place of the store is ended by the same
// command, though there is no store in the place.
func TestMigrateEndsWhatWasKilled(t *testing.T) {
	dir := stoppedNode(t)
	move := &datadir.Move{From: "wal", To: "pebble", Left: "storage.wal.1", Phase: datadir.Switching}
	if err := errors.Join(datadir.NoteMove(dir, move), os.Mkdir(filepath.Join(dir, move.Copy()), 0o700),
		os.Rename(filepath.Join(dir, "storage"), filepath.Join(dir, move.Left))); err != nil {
		t.Fatal(err)
	}
	for _, read := range []string{"inspect", "verify"} {
		if o := host(t, "log", read, "--data-dir", dir); o.code != exitOK || !strings.Contains(o.stdout, "12") {
			t.Errorf("log %s meanwhile: code %d: %s%s", read, o.code, o.stdout, o.stderr)
		}
	}
	args := []string{"storage", "migrate", "--config", singleConfig, "--data-dir", dir, "--to", "pebble"}
	if o := host(t, args...); o.code != exitOK || !strings.Contains(o.stdout, "an interrupted migration is ended") || !strings.Contains(o.stdout, "storage.wal.1") {
		t.Errorf("code %d: %s%s", o.code, o.stdout, o.stderr)
	}
	if there, err := os.ReadDir(filepath.Join(dir, "storage")); err != nil || len(there) != 0 {
		t.Errorf("in the place there are %v, %v", there, err)
	}
}

func TestRecoverForcesANewCluster(t *testing.T) {
	dir := stoppedNode(t)
	recoverNode := func(words string, more ...string) outcome {
		given := append([]string{
			"recover", "--config", singleConfig, "--data-dir", dir, "-o", "json",
			"--set", fmt.Sprintf("cluster.id=%x", singleCluster), "--set", "plugins.storage.isolation=inproc",
		}, more...)
		return hostWith(t, words, given...)
	}
	if o := recoverNode(""); o.code != exitUsage {
		t.Errorf("without the flag: code %d %s", o.code, o.stderr)
	}
	for _, words := range []string{"", "y\n", "force new cluster 52\n", "force new cluster\n"} {
		if o := recoverNode(words, "--force-new-cluster"); o.code != exitNotFound || !strings.Contains(o.stderr, "nothing was changed") {
			t.Errorf("confirmed by %q: code %d %s", words, o.code, o.stderr)
		}
	}
	s, state := openStore(t, dir)
	if o := recoverNode("force new cluster 51\n", "--force-new-cluster"); o.code != exitInUse || !strings.Contains(o.stderr, "pid") {
		t.Errorf("a store in use: code %d %s", o.code, o.stderr)
	}
	if err := s.Close(t.Context()); err != nil || state.LastIndex != 12 {
		t.Fatalf("before the words were said the log ends at %d, %v", state.LastIndex, err)
	}
	o := recoverNode("force new cluster 51\n", "--force-new-cluster")
	r := decode[struct {
		Removed     []string
		Uncommitted uint64
		Term        uint64
	}](t, o)
	if o.code != exitOK || len(r.Removed) != 1 || r.Removed[0] != "2" || r.Uncommitted != 1 || r.Term != 3 {
		t.Fatalf("code %d, %+v\n%s", o.code, r, o.stderr)
	}
	if !strings.Contains(o.stderr, "Members 2 will be removed from cluster 51") || !strings.Contains(o.stderr, "ends at 12 in term 2") {
		t.Errorf("it does not say what it will do: %s", o.stderr)
	}
	if _, state = openStore(t, dir); state.LastIndex != 14 || state.HardState != (storage.HardState{Term: 3, Vote: 1, Commit: 14}) {
		t.Errorf("the store has %+v", state)
	}
}

// A member of which a host has noted that it lost data is not made a cluster:
// its host would not start. The log's verdict says so too.
func TestRecoverRefusesAStoreThatLostData(t *testing.T) {
	dir := stoppedNode(t)
	note := `{"version":1,"lost":"entry 20 was applied, and the log ended at 12"}`
	if err := os.WriteFile(filepath.Join(dir, "pins.json"), []byte(note), 0o600); err != nil {
		t.Fatal(err)
	}
	if o := host(t, "log", "verify", "--data-dir", dir); o.code != exitOK || !strings.Contains(o.stdout, "entry 20 was applied") {
		t.Errorf("the verdict on its log: code %d %s", o.code, o.stdout)
	}
	given := []string{
		"recover", "--config", singleConfig, "--data-dir", dir, "--force-new-cluster",
		"--set", fmt.Sprintf("cluster.id=%x", singleCluster), "--set", "plugins.storage.isolation=inproc",
	}
	o := hostWith(t, "force new cluster 51\n", given...)
	for _, says := range []string{"entry 20 was applied", "recover another survivor", filepath.Join(dir, "pins.json")} {
		if o.code != exitNotFound || !strings.Contains(o.stderr, says) {
			t.Errorf("code %d, does not say %q: %s", o.code, says, o.stderr)
		}
	}
	if err := os.Remove(filepath.Join(dir, "pins.json")); err != nil { // the way out
		t.Fatal(err)
	}
	if o := hostWith(t, "force new cluster 51\n", given...); o.code != exitOK {
		t.Errorf("with the note moved away: code %d %s", o.code, o.stderr)
	}
}

// Commands that change a data directory leave one alone that a host has, also at a
// moment at which the host's storage does not run.
func TestCommandsLeaveADataDirectoryAloneThatAHostHas(t *testing.T) {
	file, dir := exported(t), stoppedNode(t)
	empty := t.TempDir()
	for what, given := range map[string][]string{
		"recover": {
			"recover", "--config", singleConfig, "--data-dir", dir, "--force-new-cluster",
			"--set", fmt.Sprintf("cluster.id=%x", singleCluster), "--set", "plugins.storage.isolation=inproc",
		},
		"migrate": {"storage", "migrate", "--config", singleConfig, "--data-dir", dir, "--to", "pebble", "--command", "/no/such", "--sha256", strings.Repeat("0", 64)},
		"restore": {"snapshot", "restore", file, "--config", local3Config(t, 1), "--data-dir", empty},
	} {
		held := given[slices.Index(given, "--data-dir")+1]
		fsys, err := vfs.OS(held)
		if err != nil {
			t.Fatal(err)
		}
		lock, err := datadir.Take(fsys, held, "host pid 17")
		if err != nil {
			t.Fatal(err)
		}
		o := hostWith(t, "force new cluster 51\n", given...)
		if o.code != exitInUse || !strings.Contains(o.stderr, "host pid 17") {
			t.Errorf("%s: code %d %s", what, o.code, o.stderr)
		}
		if err := errors.Join(lock.Close(), fsys.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// A store that a newer build wrote is refused by the commands that read it, with the
// sentence of a host that meets it, and is not called damaged: a level above this
// build's in the log and in a snapshot, and a header of a snapshot that this build
// cannot read.
func TestOfflineCommandsRefuseWhatANewerBuildWrote(t *testing.T) {
	above := member.Level + 1
	raise := fmt.Appendf(nil, "\xf2{\"level\":%d}", above)
	inLog, inSnapshot, unreadable := newerNode(t, raise, ""), newerNode(t, []byte("x"), fmt.Sprintf(`"version":2,"registry":{"level":%d,`, above)),
		newerNode(t, []byte("x"), `"version":9,"registry":{`)
	export := func(dir string) string {
		file := filepath.Join(t.TempDir(), "backup")
		if o := host(t, "snapshot", "export", "--data-dir", dir, "--to", file); o.code != exitOK {
			t.Fatalf("export: %s", o.stderr)
		}
		return file
	}
	single := []string{"--config", singleConfig, "--set", fmt.Sprintf("cluster.id=%x", singleCluster), "--set", "plugins.storage.isolation=inproc"}
	levels := fmt.Sprintf("at feature level %d, and this build understands %d", above, member.Level)
	for _, c := range []struct {
		says  string
		given []string
	}{
		{levels, []string{"log", "verify", "--data-dir", inLog}},
		{levels, append([]string{"recover", "--force-new-cluster", "--data-dir", inLog}, single...)},
		{levels, []string{"log", "verify", "--data-dir", inSnapshot}},
		{levels, []string{"snapshot", "verify", "--data-dir", inSnapshot}},
		{levels, append([]string{"snapshot", "restore", export(inSnapshot), "--data-dir", filepath.Join(t.TempDir(), "new")}, single...)},
		{levels, append([]string{"recover", "--force-new-cluster", "--data-dir", inSnapshot}, single...)},
		{"snapshot header of version 9", []string{"snapshot", "verify", "--data-dir", unreadable}},
		{"snapshot header of version 9", append([]string{"snapshot", "restore", export(unreadable), "--data-dir", filepath.Join(t.TempDir(), "new")}, single...)},
		{"snapshot header of version 9", append([]string{"recover", "--force-new-cluster", "--data-dir", unreadable}, single...)},
	} {
		o := host(t, c.given...)
		if o.code != exitNotFound || !strings.Contains(o.stderr, c.says) || !strings.Contains(o.stderr, "a newer build wrote") || strings.Contains(o.stderr, "damaged") {
			t.Errorf("%v: code %d, %s%s", c.given, o.code, o.stdout, o.stderr)
		}
	}
}

// newerNode makes a data directory whose log ends with an entry of that data, and whose
// snapshot has another head if one is given.
func newerNode(t *testing.T, data []byte, head string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "n1")
	s, _ := openStore(t, dir)
	entries := []storage.Entry{{Index: 1, Term: 1, Data: []byte("x")}, {Index: 2, Term: 1, Data: []byte("y")}, {Index: 3, Term: 1, Data: data}}
	if err := s.Append(t.Context(), []storage.Batch{{Entries: entries, HardState: storage.HardState{Term: 1, Vote: 1, Commit: 3}, MustSync: true}}); err != nil {
		t.Fatal(err)
	}
	stream := snapshotStream(2, 1, "two")
	if head != "" {
		text := strings.NewReplacer(`"version":1,`, "", `"registry":{`, head).Replace(string(stream[4:]))
		stream = append(binary.BigEndian.AppendUint32(nil, uint32(len(text)-len("two"))), text...)
	}
	w, err := s.CreateSnapshot(t.Context(), storage.SnapshotMetadata{Index: 2, Term: 1, ConfState: storage.ConfState{Voters: []uint64{1, 2}}}, false)
	if err == nil {
		_, err = w.Write(stream)
	}
	if err == nil {
		_, err = w.Commit()
	}
	if err := errors.Join(err, s.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	return dir
}
