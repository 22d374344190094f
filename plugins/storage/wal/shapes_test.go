package wal

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/storage/snapfile"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// shape is a form that the files of a store have when it runs, or ends in any
// way.
type shape struct {
	name string
	want census
	// steps make it; the last one is an append.
	steps func(w *workload) []func() error
	// finish brings the files to where the store might have ended; nil if it
	// did end there.
	finish func(s *specimen)
	// killed: an orderly end does not leave it.
	killed bool
}

// census counts what the files of a store are; first is the number of the first
// segment.
type census struct{ used, cut, prepared, ballast, snapshots, first int }

// fits: marks of the background take room, so there may be more segments.
func (c census) fits(want census) bool {
	if c.used < want.used || c.first < want.first {
		return false
	}
	c.used, c.first = want.used, want.first
	return c == want
}

// head is the beginning of a file, and how long it is.
type head struct {
	bytes []byte
	size  int
}

const headLength = headerBytes + startBytes

// heads reads those of all files in fs.
func heads(fs vfs.FS) map[string]head {
	names, _ := fs.List(".")
	all := map[string]head{}
	for _, name := range names {
		f, err := fs.Open(name)
		if err != nil {
			continue
		}
		size, _ := f.Size()
		h := head{make([]byte, min(size, headLength)), int(size)}
		_, _ = f.ReadAt(h.bytes, 0)
		all[name] = h
		_ = f.Close()
	}
	return all
}

func takeCensus(files map[string]head) census {
	c := census{}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if snapfile.IsSnapshot(name) {
			c.snapshots++
		}
		if name == reserveName {
			c.ballast++
		}
		number, ok := parseSegmentName(name)
		if !ok {
			continue
		}
		if c.first == 0 {
			c.first = int(number)
		}
		s, used := startOf(files[name].bytes)
		switch {
		case !used:
			c.prepared++
		case s.size != int64(files[name].size):
			c.cut++
			c.used++
		default:
			c.used++
		}
	}
	return c
}

// startOf decodes the start record that a segment begins with.
func startOf(b []byte) (start, bool) {
	if h, ok := decodeHeader(b, 0); !ok || h.kind != kindStart || len(b) < headLength {
		return start{}, false
	}
	s, err := decodeStart(b[headerBytes:headLength])
	return s, err == nil
}

// shapes are all there are, but for files that no Open reads.
func shapes() []shape {
	kept := map[string][]byte{}
	return []shape{
		{name: "Fresh", want: census{used: 1, first: 1}, steps: func(w *workload) []func() error {
			return []func() error{w.Open}
		}},
		{name: "Prepared", want: census{used: 1, prepared: 1, first: 1}, steps: func(w *workload) []func() error {
			return []func() error{w.Open, w.fillHalf, w.prepare, w.grow(1, 300)}
		}},
		{name: "Full", want: census{used: 1, prepared: 1, first: 1}, steps: func(w *workload) []func() error {
			return []func() error{w.Open, w.fillHalf, w.prepare, w.fillSegment}
		}},
		{name: "SealedOnly", want: census{used: 1, prepared: 1, first: 1}, steps: func(w *workload) []func() error {
			return []func() error{w.Open, w.fillHalf, w.prepare, w.fillSegment, w.grow(1, 900)}
		}, finish: unbegin, killed: true},
		{name: "Several", want: census{used: 4, prepared: 1, ballast: 1, first: 1}, steps: func(w *workload) []func() error {
			return []func() error{w.Open, w.grow(16, 3000), w.ballast, w.fillHalf, w.prepare, w.grow(1, 300)}
		}},
		{name: "Compacted", want: census{used: 2, prepared: 1, ballast: 1, snapshots: 2, first: 2}, steps: func(w *workload) []func() error {
			return w.compacted(map[string][]byte{})
		}},
		{name: "NotYetRemoved", want: census{used: 4, prepared: 1, ballast: 1, snapshots: 2, first: 1}, steps: func(w *workload) []func() error {
			return w.compacted(kept)
		}, finish: func(s *specimen) {
			for name, data := range kept {
				if _, ok := s.files[name]; !ok && strings.HasSuffix(name, segmentSuffix) {
					s.files[name] = data
				}
			}
		}},
		{name: "Overruled", want: census{used: 1, prepared: 1, snapshots: 1, first: 2}, steps: func(w *workload) []func() error {
			return []func() error{
				w.Open, w.grow(3, 300), func() error { return w.Commit(2, true) }, w.Overrule, w.fillHalf, w.prepare, w.grow(1, 300),
			}
		}},
		{name: "Salvaged", want: census{used: 2, cut: 1, prepared: 1, first: 1}, steps: func(w *workload) []func() error {
			return []func() error{w.Open, w.grow(3, 2200), w.tear, w.fillHalf, w.prepare, w.grow(1, 300)}
		}},
		{name: "Installed", want: census{used: 1, prepared: 1, snapshots: 1, first: 1}, steps: func(w *workload) []func() error {
			return []func() error{
				w.Open, w.grow(3, 2200), func() error { return w.Install(40, 6) }, w.fillHalf, w.prepare, w.grow(1, 300),
			}
		}},
	}
}

// compacted gives up the first segments, which are put into kept before.
func (w *workload) compacted(kept map[string][]byte) []func() error {
	return []func() error{
		w.Open, w.grow(12, 3000), func() error { return w.Commit(12, true) },
		func() error { return w.Save(10) }, func() error { return w.Save(12) },
		func() error { maps.Copy(kept, w.fs.Files()); return nil },
		func() error { return w.Compact(11) },
		w.ballast, w.grow(4, 3000), w.fillHalf, w.prepare, w.grow(1, 300),
	}
}

// specimen makes a store of this shape.
func (sh shape) specimen(t *testing.T, clean bool) specimen {
	t.Helper()
	w := newWorkload(vfs.NewMem())
	first := uint64(0)
	steps := append(sh.steps(w), func() error { first = w.s.journal.segments[0].number; return nil })
	s := takeSpecimen(t, w, steps, clean)
	for name := range s.files {
		number, isSegment := parseSegmentName(name)
		old := isSegment && number < first
		unasked := name == reserveName && sh.want.ballast == 0 || isTemp(name)
		if prepared := isSegment && usedBytes(s.files[name]) == 0; old || unasked || prepared && sh.want.prepared == 0 {
			delete(s.files, name) // what the background may or may not have done
		}
	}
	if sh.finish != nil {
		sh.finish(&s)
	}
	if got := takeCensus(heads(vfs.MemOf(maps.Clone(s.files)))); !got.fits(sh.want) {
		t.Fatalf("the store has %+v, want %+v", got, sh.want)
	}
	if state, _, err := found(vfs.Overlay(vfs.MemOf(s.files))); err != nil || state != s.states[len(s.states)-1] {
		t.Fatalf("undamaged: found %s, %v\nwant %s", state, err, s.states[len(s.states)-1])
	}
	return s
}

// unbegin takes the last step away, which was the first in the last segment: a
// crash came after the segment before was sealed.
func unbegin(s *specimen) {
	clear(s.files[s.tail()])
	s.states = s.states[:len(s.states)-1]
}

// tail is the last segment that is in use.
func (s specimen) tail() string {
	last := ""
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		if strings.HasSuffix(name, segmentSuffix) && usedBytes(s.files[name]) > 0 {
			last = name
		}
	}
	return last
}

// grow appends n batches.
func (w *workload) grow(n, size int) func() error {
	return func() error {
		for range n {
			if err := w.Append(true, w.Batch(w.Log.Last()+1, 1, max(w.Log.Hard.Term, 1), size)); err != nil {
				return err
			}
		}
		return nil
	}
}

// fillHalf appends until the segment is half full, and not much more.
func (w *workload) fillHalf() error {
	for {
		j := w.s.journal
		j.writing.Lock()
		off, size := j.tail.off, j.tail.segment.size
		j.writing.Unlock()
		if off > size/2 && off < size*3/4 {
			return nil
		}
		if err := w.grow(1, 900)(); err != nil {
			return err
		}
	}
}

// prepare makes the next segment, as the background does some time, which takes
// no notice of an error but to log it.
func (w *workload) prepare() error {
	_ = w.s.journal.prepareNext(w.s.journal.tail.segment, time.Now().Add(time.Hour))
	return nil
}

// ballast makes the reserve, as the background does some time.
func (w *workload) ballast() error {
	w.s.journal.keepReserve(time.Now().Add(time.Hour))
	return nil
}

// fillSegment appends the largest batch that fits into the segment.
func (w *workload) fillSegment() error {
	j := w.s.journal
	j.writing.Lock()
	err := j.writeMark(false) // now and not in between
	room := j.room()
	j.writing.Unlock()
	if err != nil {
		return err
	}
	if err := w.Append(true, w.Batch(w.Log.Last()+1, 1, 1, int(room-headerBytes-hardStateBytes-entryHeadBytes)&^7)); err != nil {
		return err
	}
	j.writing.Lock()
	defer j.writing.Unlock()
	if left := j.room(); left >= headerBytes+recordAlign {
		return fmt.Errorf("there is room for %d bytes", left)
	}
	return nil
}

// tear ends the process with half a record after the log, and opens the store
// again, which goes on in a new segment.
func (w *workload) tear() error {
	w.s.journal.upkeep.end()
	name, off := w.s.journal.tail.segment.name(), w.s.journal.tail.off
	w.s.kill()
	f, err := w.fs.Open(name)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte("half a record"), off)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return w.Open()
}

// TestEveryShape damages stores of every shape, each of their files in bits of every
// place in a byte, in every sector and by truncations: nothing that was
// acknowledged may be gone in silence. TestEveryBit does so with one shape and
// every bit.
func TestEveryShape(t *testing.T) {
	for _, sh := range shapes() {
		for _, clean := range []bool{true, false} {
			if clean && sh.killed {
				continue
			}
			t.Run(fmt.Sprintf("%s/Closed=%v", sh.name, clean), func(t *testing.T) {
				sh.specimen(t, clean).damageEverything(t, clean, sampling{bits: 61, cuts: 19})
			})
		}
	}
}

// TestMissingFilesOfEveryShape: without any one of its files a store is
// refused, or has all that it had.
func TestMissingFilesOfEveryShape(t *testing.T) {
	for _, sh := range shapes() {
		s := sh.specimen(t, !sh.killed)
		var o outcomes
		for name := range s.files {
			files := maps.Clone(s.files)
			delete(files, name)
			if err := s.judge(&o, vfs.Overlay(vfs.MemOf(files)), 0, sh.name+" without "+name); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestACutSegmentIsRefused: no crash makes a segment shorter, so what is short
// was cut, whether the next segment is prepared already or not; the refusal
// says what is missing.
func TestACutSegmentIsRefused(t *testing.T) {
	for _, sh := range shapes() {
		s := sh.specimen(t, false)
		name := s.tail()
		size := len(s.files[name])
		for _, length := range []int{size - 1, size / 2, usedBytes(s.files[name]) / 2, 0} {
			_, _, err := found(s.with(name, bytes.Clone(s.files[name][:length])))
			if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "way out") ||
				length >= minSegmentBytes && !strings.Contains(err.Error(), fmt.Sprintf("should have %d bytes", size)) {
				t.Errorf("%s: %s cut from %d to %d bytes: %v", sh.name, name, size, length, err)
			}
		}
	}
}
