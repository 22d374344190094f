package wal

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/identity"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// everyBitSegment is the size of the log that is damaged.
const everyBitSegment = 64 << 10

// TestEveryBit damages a log of 64 KiB and its identity in every single bit, in
// every sector and by every truncation. Nothing that was acknowledged may be
// gone in silence; only without a mark after it may the last batch be taken for
// a torn tail. With -short every 29th damage is tried.
func TestEveryBit(t *testing.T) {
	for name, clean := range map[string]bool{"AfterClose": true, "AfterAKill": false} {
		t.Run(name, func(t *testing.T) {
			s := newFullSpecimen(t, clean)
			flips, cuts := s.damageEverything(t, clean, sampling{bits: 1, cuts: 1})
			if cuts.refused == 0 || flips.refused*4 < flips.sum() {
				t.Error("damage was hardly ever refused")
			}
		})
	}
}

// sampling says that one in so many bits and truncations is tried.
type sampling struct{ bits, cuts int }

// damageEverything damages every file of the specimen. Only of the last
// segment, and only if no mark is behind it, may the last batch be gone.
func (s specimen) damageEverything(t *testing.T, clean bool, every sampling) (flips, cuts outcomes) {
	t.Helper()
	var sectors outcomes
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		size, mayLose, unproven := len(s.files[name]), 0, math.MaxInt
		if !clean && name == s.tail() {
			mayLose = min(1, len(s.states)-1)
			unproven = lastHeader(s.files[name]) // nothing after a sector with it says what was there
		}
		flips.add(s.damageAll(t, name, 8*size, every.bits, func(data []byte, bit int) damage {
			data[bit/8] ^= 1 << (bit % 8)
			return damage{from: bit / 8, to: bit/8 + 1, length: size, mayLose: mayLose}
		}))
		sectors.add(s.damageAll(t, name, (size+sectorBytes-1)/sectorBytes, 1, func(data []byte, n int) damage {
			d := damage{from: n * sectorBytes, to: min((n+1)*sectorBytes, size), length: size, mayLose: mayLose}
			if unproven < d.to {
				d.mayLose = len(s.states) - 1
			}
			clear(data[d.from:d.to])
			return d
		}))
		cuts.add(s.damageAll(t, name, size, every.cuts, func(_ []byte, length int) damage {
			return damage{length: length}
		}))
	}
	t.Logf("%d single bits: %v", flips.sum(), flips)
	t.Logf("%d zeroed sectors: %v", sectors.sum(), sectors)
	t.Logf("%d truncations: %v", cuts.sum(), cuts)
	return flips, cuts
}

// newFullSpecimen makes a log that fills one segment. Without a clean end the
// last batch has no durable mark after it.
func newFullSpecimen(t *testing.T, clean bool) specimen {
	t.Helper()
	w := newWorkload(vfs.NewMem())
	w.config = fmt.Sprintf("segment_bytes: %d\n", everyBitSegment)
	steps := []func() error{
		w.Open,
		func() error { return w.Append(true, w.Batch(1, 3, 1, 50)) },
		func() error { return w.Append(true, w.Batch(4, 2, 2, 200), w.Batch(5, 3, 3, 70)) },
		func() error { return w.Commit(4, false) },
	}
	for i := range uint64(19) {
		steps = append(steps, func() error { return w.Append(true, w.Batch(w.Log.Last()+1, 1+i%4, 3+i/4, 1100)) })
	}
	steps = append(steps,
		func() error { return w.Append(true, w.Batch(w.Log.Last()+1, 1, 9, 4000)) },
		func() error {
			return w.Append(true, storage.Batch{HardState: storage.HardState{Term: 11, Vote: 2, Commit: 4}})
		},
		func() error { return w.Append(true, w.Batch(w.Log.Last()+1, 1, 11, 400)) },
	)
	s := takeSpecimen(t, w, steps, clean)
	name := segmentName(1)
	// Without the segment that may have been prepared meanwhile.
	s.files = map[string][]byte{identity.Name: s.files[identity.Name], name: s.files[name]}
	if used := usedBytes(s.files[name]); len(s.files[name]) != everyBitSegment || used < everyBitSegment*4/5 {
		t.Fatalf("the specimen has %d bytes of log in a file of %d", used, len(s.files[name]))
	}
	return s
}

// damage is what was done to a file: bytes [from,to) were changed and it was
// cut to length.
type damage struct{ from, to, length, mayLose int }

// damageAll damages the file in one of every of n ways and judges each.
// Every worker damages a copy in place and repairs it from the original.
func (s specimen) damageAll(t *testing.T, name string, n, step int, do func(data []byte, i int) damage) outcomes {
	t.Helper()
	if testing.Short() {
		step *= 29
	}
	defer debug.SetGCPercent(debug.SetGCPercent(800)) // half of the time otherwise
	workers := runtime.GOMAXPROCS(0)
	results := make([]outcomes, workers)
	failures := make([]error, workers)
	var wg sync.WaitGroup
	for k := range workers {
		wg.Go(func() {
			files := maps.Clone(s.files)
			data := slices.Clone(s.files[name])
			files[name] = data
			whole := vfs.MemOf(files) // sees what is done to data
			for i := k * step; i < n && failures[k] == nil; i += workers * step {
				d := do(data, i)
				fs := whole
				if d.length < len(data) {
					files[name] = data[:d.length]
					fs = vfs.MemOf(files)
				}
				what := fmt.Sprintf("%s, bytes [%d,%d) damaged, cut to %d, case %d", name, d.from, d.to, d.length, i)
				failures[k] = s.judge(&results[k], vfs.Overlay(fs), d.mayLose, what)
				copy(data[d.from:d.to], s.files[name][d.from:d.to])
			}
		})
	}
	wg.Wait()
	if err := errors.Join(failures...); err != nil {
		t.Fatal(err)
	}
	var all outcomes
	for _, o := range results {
		all.add(o)
	}
	return all
}

// outcomes counts what damage led to.
type outcomes struct{ same, refused, lost int }

func (o *outcomes) add(other outcomes) {
	o.same += other.same
	o.refused += other.refused
	o.lost += other.lost
}

func (o outcomes) sum() int { return o.same + o.refused + o.lost }

func (o outcomes) String() string {
	return fmt.Sprintf("%d harmless, %d refused, %d lost beyond the durable mark", o.same, o.refused, o.lost)
}

// judge opens a damaged store. mayLose is how many of the last steps may be
// gone.
func (s specimen) judge(o *outcomes, fs vfs.FS, mayLose int, what string) error {
	state, _, err := found(fs)
	last := len(s.states) - 1
	switch {
	case errors.Is(err, storage.ErrCorrupt):
		o.refused++
		if !strings.Contains(err.Error(), "way out") {
			return fmt.Errorf("%s: the refusal names no way out: %w", what, err)
		}
	case err != nil:
		return fmt.Errorf("%s: Open: %w, want ErrCorrupt or success", what, err)
	case state == s.states[last]:
		o.same++
	case slices.Contains(s.states[last-mayLose:], state):
		o.lost++
	default:
		return fmt.Errorf("%s: found\n%s\nwant\n%s", what, state, s.states[last])
	}
	return nil
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
	if err := errors.Join(w.Open(), w.Append(true, w.Batch(1, 9, 1, 10)), w.Save(7), w.Close()); err != nil {
		t.Fatal(err)
	}
	s := specimen{files: w.fs.Files()}
	name := snapshotName(7, 1)
	original := s.files[name]
	flips, sectors, cuts := 0, 0, 0
	try := func(count *int, what string, damaged []byte) {
		files := maps.Clone(s.files)
		files[name] = damaged
		_, snapshots, err := found(vfs.Overlay(vfs.MemOf(files)))
		if !errors.Is(err, storage.ErrCorrupt) && (err != nil || len(snapshots) > 0) {
			t.Fatalf("%s: snapshots %v, %v", what, snapshots, err)
		}
		*count++
	}
	data := slices.Clone(original)
	for bit := range 8 * len(data) {
		data[bit/8] ^= 1 << (bit % 8)
		try(&flips, fmt.Sprintf("bit %d of byte %d", bit%8, bit/8), data)
		data[bit/8] ^= 1 << (bit % 8)
	}
	for from := 0; from < len(data); from += sectorBytes {
		to := min(from+sectorBytes, len(data))
		clear(data[from:to])
		try(&sectors, fmt.Sprintf("zeros in [%d,%d)", from, to), data)
		copy(data[from:to], original[from:to])
	}
	for length := range len(data) {
		try(&cuts, fmt.Sprintf("cut to %d", length), data[:length])
	}
	t.Logf("%d single bits, %d zeroed sectors, %d truncations: none of these snapshots was used", flips, sectors, cuts)
}
