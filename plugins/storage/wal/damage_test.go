package wal

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/vfs"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/snapfile"
)

// specimen is a small store to damage: its files, and the logs that may be
// found in it.
type specimen struct {
	files  map[string][]byte
	states []string // after each step
}

// newSpecimen makes a log in one segment. Without a clean end the last batch
// has no durable mark behind it.
func newSpecimen(t *testing.T, clean bool) specimen {
	t.Helper()
	w := newWorkload(vfs.NewMem())
	for _, step := range []func() error{
		w.open,
		func() error { return w.append(true, w.batch(1, 3, 1, 50)) },
		func() error { return w.append(true, w.batch(4, 2, 2, 200), w.batch(5, 3, 3, 70)) },
		func() error { return w.commit(4, false) },
		func() error {
			return w.append(true, storage.Batch{HardState: storage.HardState{Term: 9, Vote: 2, Commit: 4}})
		},
		func() error { return w.append(true, w.batch(8, 1, 9, 400)) },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if !clean {
		w.s.journal.upkeep.end() // no mark
		files := w.fs.Files()
		w.s.kill()
		return specimen{files: files, states: w.h.states}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	return specimen{files: w.fs.Files(), states: w.h.states}
}

// with returns a machine whose file has other content.
func (s specimen) with(name string, data []byte) *vfs.Mem {
	files := map[string][]byte{}
	for n, d := range s.files {
		files[n] = append([]byte(nil), d...)
	}
	files[name] = data
	return vfs.MemOf(files)
}

// outcomes counts what damage led to.
type outcomes struct{ same, refused, lost int }

func (o outcomes) String() string {
	return fmt.Sprintf("%d harmless, %d refused, %d lost beyond the durable mark", o.same, o.refused, o.lost)
}

// judge opens a damaged store. mayLose is how many of the last steps may be
// gone.
func (s specimen) judge(t *testing.T, o *outcomes, fs *vfs.Mem, mayLose int, what string) {
	t.Helper()
	state, _, err := found(fs)
	last := len(s.states) - 1
	switch {
	case errors.Is(err, storage.ErrCorrupt):
		o.refused++
		if !strings.Contains(err.Error(), "way out") {
			t.Fatalf("%s: the refusal names no way out: %v", what, err)
		}
	case err != nil:
		t.Fatalf("%s: Open: %v, want ErrCorrupt or success", what, err)
	case state == s.states[last]:
		o.same++
	case slices.Contains(s.states[last-mayLose:], state):
		o.lost++
	default:
		t.Fatalf("%s: found\n%s\nwant\n%s", what, state, s.states[last])
	}
}

// TestEveryBit damages a log and its identity in every single bit, in every
// sector and by every truncation. Nothing that was acknowledged may be gone in
// silence; only without a mark behind it may the last batch be taken for a
// torn tail.
func TestEveryBit(t *testing.T) {
	for _, c := range []struct {
		name    string
		clean   bool
		mayLose int
	}{
		{"AfterClose", true, 0},
		{"AfterAKill", false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSpecimen(t, c.clean)
			var flips, sectors, cuts outcomes
			for _, name := range slices.Sorted(maps.Keys(s.files)) {
				data := s.files[name]
				for bit := range 8 * len(data) {
					if at := bit / 8; at > usedBytes(data)+64 && at%67 != 0 {
						continue // of the zeros behind the log, some are enough
					}
					damaged := slices.Clone(data)
					damaged[bit/8] ^= 1 << (bit % 8)
					s.judge(t, &flips, s.with(name, damaged), c.mayLose, fmt.Sprintf("%s, bit %d of byte %d", name, bit%8, bit/8))
				}
				for from := 0; from < len(data); from += 512 {
					damaged := slices.Clone(data)
					clear(damaged[from:min(from+512, len(data))])
					mayLose := c.mayLose
					if lastHeader(data) < from+512 && !c.clean {
						mayLose = len(s.states) - 1 // nothing behind the sector says what was in it
					}
					s.judge(t, &sectors, s.with(name, damaged), mayLose, fmt.Sprintf("%s, zeros from %d", name, from))
				}
				for length := range len(data) {
					s.judge(t, &cuts, s.with(name, slices.Clone(data[:length])), 0, fmt.Sprintf("%s, cut to %d", name, length))
				}
			}
			t.Logf("bits: %v", flips)
			t.Logf("sectors: %v", sectors)
			t.Logf("truncations: %v", cuts)
			if cuts.refused == 0 || flips.refused < 1000 {
				t.Error("damage was hardly ever refused")
			}
		})
	}
}

// usedBytes is the length without zeros at the end.
func usedBytes(b []byte) int { return len(strings.TrimRight(string(b), "\x00")) }

// lastHeader is the place of the last record's header in a segment.
func lastHeader(b []byte) int {
	id, at := start{}, 0
	if h, ok := decodeHeader(b, 0); ok && h.kind == kindStart {
		id, _ = decodeStart(b[headerBytes:][:startBytes])
	}
	for i := 0; i+headerBytes <= len(b); i += recordAlign {
		if _, ok := decodeHeader(b[i:], id.salt); ok {
			at = i
		}
	}
	return at
}

// TestEveryBitOfASnapshot does the same to a snapshot: a reader that comes to
// the end has read what was written.
func TestEveryBitOfASnapshot(t *testing.T) {
	w := newWorkload(vfs.NewMem())
	if err := errors.Join(w.open(), w.append(true, w.batch(1, 9, 1, 10)), w.save(7), w.close()); err != nil {
		t.Fatal(err)
	}
	s := specimen{files: w.fs.Files()}
	name := snapfile.Name{Index: 7, Term: 1, Suffix: snapfile.Visible}.String()
	data := s.files[name]
	unusable := 0
	try := func(what string, damaged []byte) {
		_, snapshots, err := found(s.with(name, damaged))
		switch {
		case errors.Is(err, storage.ErrCorrupt), err == nil && len(snapshots) == 0:
			unusable++
		default:
			t.Fatalf("%s: snapshots %v, %v", what, snapshots, err)
		}
	}
	for bit := range 8 * len(data) {
		damaged := slices.Clone(data)
		damaged[bit/8] ^= 1 << (bit % 8)
		try(fmt.Sprintf("bit %d of byte %d", bit%8, bit/8), damaged)
	}
	for length := range len(data) {
		try(fmt.Sprintf("cut to %d", length), slices.Clone(data[:length]))
	}
	t.Logf("%d damaged snapshots, none of them used", unusable)
}

// TestMissingFiles: a file that is gone is damage, not a shorter log.
func TestMissingFiles(t *testing.T) {
	w := newWorkload(vfs.NewMem())
	if err := errors.Join(w.open(), w.append(true, w.batch(1, 2, 1, 10))); err != nil {
		t.Fatal(err)
	}
	for range 6 {
		if err := w.append(true, w.batch(w.im.last()+1, 2, 1, 4000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	s := specimen{files: w.fs.Files(), states: w.h.states}
	for name := range s.files {
		files := maps.Clone(s.files)
		delete(files, name)
		if _, _, err := found(vfs.MemOf(files)); !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("without %s: Open = %v, want ErrCorrupt", name, err)
		}
	}
	for name := range s.files { // no log at all
		if strings.HasSuffix(name, segmentSuffix) {
			delete(s.files, name)
		}
	}
	if _, _, err := found(vfs.MemOf(s.files)); !errors.Is(err, storage.ErrCorrupt) {
		t.Errorf("without any segment: Open = %v, want ErrCorrupt", err)
	}
}

// TestDamageIsNamed: the error of a refusal says where, what is at stake and
// what to do.
func TestDamageIsNamed(t *testing.T) {
	s := newSpecimen(t, true)
	name := segmentName(1)
	data := slices.Clone(s.files[name])
	data[300] ^= 4 // in the first batch
	_, _, err := found(s.with(name, data))
	for _, part := range []string{name, "offset 144", "record 2", "way out"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not say %q: %v", part, err)
		}
	}
}
