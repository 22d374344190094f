package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/dirlock"
	"github.com/pontoon-raft/pontoon/plugins/storage/identity"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// onDisk writes files to a new directory.
func onDisk(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// content returns the files of a directory, without the lock.
func content(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if files[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	delete(files, dirlock.Name)
	return files
}

func scan(t *testing.T, dir string) ([]Segment, []Record) {
	t.Helper()
	in, err := Inspect(dir)
	if err != nil {
		t.Fatal(err)
	}
	var records []Record
	segments, err := in.Scan(func(r Record) error {
		r.Entries = slices.Clone(r.Entries)
		for i := range r.Entries {
			r.Entries[i].Data = bytes.Clone(r.Entries[i].Data)
		}
		records = append(records, r)
		return nil
	})
	if err := errors.Join(err, in.Close()); err != nil {
		t.Fatal(err)
	}
	return segments, records
}

func TestInspectSoundLog(t *testing.T) {
	s := newSpecimen(t, true)
	segments, records := scan(t, onDisk(t, s.files))
	if len(segments) != 1 || segments[0].Unreadable != 0 || segments[0].FirstIndex != 1 || segments[0].LastIndex != 8 {
		t.Fatalf("segments %+v", segments)
	}
	if records[0].Kind != "start" || records[len(records)-1].Kind != "mark" || segments[0].Records != len(records) {
		t.Errorf("%d of %d records, from %q to %q", len(records), segments[0].Records, records[0].Kind, records[len(records)-1].Kind)
	}
	for i, r := range records {
		if r.Problem != "" || i > 0 && (r.Seq != records[i-1].Seq+1 || r.Offset != records[i-1].Offset+records[i-1].Bytes) {
			t.Errorf("record %d: %+v", i, r)
		}
	}
}

// TestInspectGoesOnBehindDamage damages one record after the other: all others
// are shown, whether the identity is there or not.
func TestInspectGoesOnBehindDamage(t *testing.T) {
	s := newSpecimen(t, true)
	name := segmentName(1)
	_, sound := scan(t, onDisk(t, s.files))
	for damaged, victim := range sound[1:] {
		for _, withIdentity := range []bool{true, false} {
			files := maps.Clone(s.files)
			files[name] = slices.Clone(files[name])
			files[name][victim.Offset+20] ^= 1
			if !withIdentity {
				delete(files, identity.Name)
			}
			segments, records := scan(t, onDisk(t, files))
			if len(records) != len(sound) || segments[0].Unreadable != 1 {
				t.Fatalf("record %d damaged: %d of %d shown, %d unreadable", damaged+1, len(records), len(sound), segments[0].Unreadable)
			}
			for i, r := range records {
				bad := i == damaged+1
				if bad != (r.Kind == RecordUnreadable) || r.Offset != sound[i].Offset || !bad && r.Seq != sound[i].Seq {
					t.Errorf("record %d damaged: record %d is %+v", damaged+1, i, r)
				}
			}
		}
	}
}

func TestInspectRefuses(t *testing.T) {
	dir := onDisk(t, newSpecimen(t, true).files)
	s := New(testEnv(t))
	opts := testOptions()
	opts.DataDir = dir
	if _, err := s.Open(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	var locked *storage.LockedError
	if _, err := Inspect(dir); !errors.As(err, &locked) || !strings.Contains(locked.Holder, fmt.Sprint(os.Getpid())) {
		t.Errorf("Inspect of a store in use = %v, want a LockedError with the pid", err)
	}
	if _, err := NewOffline(testEnv(t)).Open(t.Context(), opts); !errors.As(err, &locked) {
		t.Errorf("NewOffline of a store in use = %v, want a LockedError", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	if _, err := Inspect(empty); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Inspect of an empty directory = %v", err)
	}
	if left := content(t, empty); len(left) != 0 {
		t.Errorf("it left %d files there", len(left))
	}
	if _, err := ReadIdentity(empty); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("ReadIdentity of an empty directory = %v", err)
	}
	id, err := ReadIdentity(dir)
	if want := (Identity{opts.ClusterID, opts.NodeID, opts.Group, id.StoreID}); err != nil || id != want || id.StoreID == 0 {
		t.Errorf("ReadIdentity = %+v, %v, want %+v", id, err, want)
	}
}

// TestOfflineVerdictChangesNothing: a store opened offline says of damaged
// logs what a store says, finds the same in sound ones, and leaves every file as it
// was.
func TestOfflineVerdictChangesNothing(t *testing.T) {
	for _, clean := range []bool{true, false} {
		s := newSpecimen(t, clean)
		name := segmentName(1)
		for off := 0; off < 3000; off += 37 {
			files := maps.Clone(s.files)
			if off > 0 {
				files[name] = slices.Clone(files[name])
				files[name][off] ^= 0x10
			}
			dir := onDisk(t, files)
			before := content(t, dir)
			opts := testOptions()
			opts.DataDir = dir
			offline := NewOffline(backend.Env{})
			state, err := offline.Open(t.Context(), opts)
			if err := offline.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !maps.EqualFunc(before, content(t, dir), bytes.Equal) {
				t.Fatalf("byte %d: the files were changed", off)
			}
			inPlace, want, wantErr := openOn(vfs.MemOf(files))
			if err := inPlace.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(state) != fmt.Sprint(want) || errors.Is(err, storage.ErrCorrupt) != errors.Is(wantErr, storage.ErrCorrupt) {
				t.Fatalf("byte %d: offline %+v, %v; the store says %+v, %v", off, state, err, want, wantErr)
			}
		}
	}
}
