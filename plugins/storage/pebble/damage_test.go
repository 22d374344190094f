package pebble_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/memory"
	"github.com/pontoon-raft/pontoon/plugins/storage/pebble"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
)

func options(dir, config string) plugins.Options {
	return plugins.Options{Config: []byte(config), ClusterID: 1, NodeID: 1, Group: 1, DataDir: dir, Limits: plugins.DefaultLimits()}
}

// closedStore makes a store with entries in tables as well as in pebble's log.
func closedStore(t *testing.T) string {
	t.Helper()
	dir, ctx := t.TempDir(), t.Context()
	for first := uint64(1); first < 200; first += 100 {
		s := pebble.New(testEnv(t))
		if _, err := s.Open(ctx, options(dir, "")); err != nil {
			t.Fatal(err)
		}
		for i := first; i < first+100; i++ {
			b := storage.Batch{MustSync: true, Entries: []storage.Entry{{Index: i, Term: 1, Data: []byte(strings.Repeat("x", 300))}}}
			if err := s.Append(ctx, []storage.Batch{b}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func openError(t *testing.T, create func() storage.Storage, dir string) error {
	t.Helper()
	s := create()
	_, err := s.Open(t.Context(), options(dir, ""))
	if err := s.Close(context.Background()); err != nil {
		t.Errorf("Close: %v", err)
	}
	return err
}

// TestDamageIsRefused: missing or changed data are found at Open, with the way
// out.
// Rule ST-8.
func TestDamageIsRefused(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"a table": func(dir string) error {
			tables, _ := filepath.Glob(filepath.Join(dir, "db", "*.sst"))
			if len(tables) == 0 {
				return errors.New("no table")
			}
			b, err := os.ReadFile(tables[0])
			if err != nil {
				return err
			}
			b[len(b)/3] ^= 1
			return os.WriteFile(tables[0], b, 0o600)
		},
		"a missing table": func(dir string) error {
			tables, _ := filepath.Glob(filepath.Join(dir, "db", "*.sst"))
			return os.Remove(tables[0])
		},
		"the identity": func(dir string) error { return os.Truncate(filepath.Join(dir, "identity"), 20) },
		"no identity":  func(dir string) error { return os.Remove(filepath.Join(dir, "identity")) },
		"no database":  func(dir string) error { return os.RemoveAll(filepath.Join(dir, "db")) },
		"another, empty store": func(dir string) error {
			return errors.Join(os.RemoveAll(filepath.Join(dir, "db")), os.Mkdir(filepath.Join(dir, "db"), 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := closedStore(t)
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			err := openError(t, func() storage.Storage { return pebble.New(testEnv(t)) }, dir)
			if !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), "way out") {
				t.Errorf("Open = %v, want ErrCorrupt with the way out", err)
			}
		})
	}
}

// TestADamagedSnapshotFrame: the older snapshot and the log do, as long as they go on
// from each other; otherwise the refusal names the file.
func TestADamagedSnapshotFrame(t *testing.T) {
	for name, c := range map[string]struct {
		compact uint64
		names   bool
	}{"the log goes back to the older one": {100, false}, "the log begins at the newest": {150, true}} {
		t.Run(name, func(t *testing.T) {
			dir, ctx := closedStore(t), t.Context()
			s := pebble.New(testEnv(t))
			_, err := s.Open(ctx, options(dir, ""))
			must(t, err)
			for _, index := range []uint64{100, 150} {
				w, err := s.CreateSnapshot(ctx, storage.SnapshotMetadata{Index: index, Term: 1}, false)
				must(t, err)
				_, err = w.Write([]byte("state"))
				must(t, err)
				_, err = w.Commit()
				must(t, err)
			}
			_, err = s.Compact(ctx, c.compact)
			must(t, err)
			must(t, s.Close(ctx))
			newest := fmt.Sprintf("%016x-%016x.snap", 150, 1)
			must(t, os.Truncate(filepath.Join(dir, newest), 30))
			err = openError(t, func() storage.Storage { return pebble.New(testEnv(t)) }, dir)
			if !c.names {
				must(t, err)
			} else if !errors.Is(err, storage.ErrCorrupt) || !strings.Contains(err.Error(), newest) || !strings.Contains(err.Error(), "way out") {
				t.Errorf("Open = %v, want ErrCorrupt that names %s and the way out", err, newest)
			}
		})
	}
}

// TestBackendsRefuseEachOther: the data of one is never an empty store of
// another, nor a damaged one; the refusal names both, and what to do.
func TestBackendsRefuseEachOther(t *testing.T) {
	create := map[string]func() storage.Storage{
		"wal":    func() storage.Storage { return wal.New(testEnv(t)) },
		"pebble": func() storage.Storage { return pebble.New(testEnv(t)) },
		"memory": func() storage.Storage { return memory.Backend().NewStorage(testEnv(t)) },
	}
	for data := range create {
		dir := t.TempDir()
		if err := openError(t, create[data], dir); err != nil {
			t.Fatal(err)
		}
		for _, damage := range []string{"none", "identity of another length", "no identity"} {
			identity := filepath.Join(dir, "identity")
			switch damage {
			case "identity of another length":
				must(t, os.Truncate(identity, 20))
			case "no identity":
				must(t, os.Remove(identity))
			}
			if damage == "no identity" && data == "memory" {
				continue // that was all
			}
			for opened := range create {
				if opened == data {
					continue
				}
				err := openError(t, create[opened], dir)
				if !errors.Is(err, plugins.ErrWrongIdentity) || strings.Contains(err.Error(), "empty its data directory") ||
					!strings.Contains(err.Error(), fmt.Sprintf("data of the storage backend %s, and was opened with %s;", data, opened)) {
					t.Errorf("%s opens the data of %s, damage: %s: %v", opened, data, damage, err)
				}
			}
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestAnOlderStoreIsNotDamaged: a directory of an earlier version, whose
// identity had no store id, is refused as what it is, with the way out.
func TestAnOlderStoreIsNotDamaged(t *testing.T) {
	dir := closedStore(t)
	path := filepath.Join(dir, "identity")
	b, err := os.ReadFile(path)
	must(t, err)
	old := slices.Concat(b[:36], b[44:48])
	binary.LittleEndian.PutUint32(old[8:], 1)
	old = binary.LittleEndian.AppendUint32(old, crc32.Checksum(old, crc32.MakeTable(crc32.Castagnoli)))
	must(t, os.WriteFile(path, old, 0o600))
	err = openError(t, func() storage.Storage { return pebble.New(testEnv(t)) }, dir)
	for _, text := range []string{"another version of this backend", "format 1, this one is 2", "start it with that version", "the way out"} {
		if !errors.Is(err, plugins.ErrWrongIdentity) || !strings.Contains(err.Error(), text) {
			t.Errorf("Open = %v, want an ErrWrongIdentity that says %q", err, text)
		}
	}
}

func TestConfig(t *testing.T) {
	for config, ok := range map[string]bool{
		"": true, "# nothing\n": true, "memtable_bytes: 4194304\ncache_bytes: 8388608\n": true,
		"min_free_bytes: 0\n": true, "min_free_bytes: -1\n": false, "memtable_bytes: 1\n": false, "cache_bytes: -1\n": false, "segment_bytes: 16384\n": false,
	} {
		s := pebble.New(testEnv(t))
		_, err := s.Open(t.Context(), options(t.TempDir(), config))
		if ok != (err == nil) || !ok && !errors.Is(err, plugins.ErrInvalidConfig) {
			t.Errorf("config %q: %v", config, err)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}
