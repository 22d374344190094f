package vfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestOverlayIsAFileSystemOfItsOwn does the same random things to an overlay
// and to a copy of what is under it.
func TestOverlayIsAFileSystemOfItsOwn(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	files := map[string][]byte{}
	for _, name := range []string{"a", "b", "c"} {
		files[name] = make([]byte, r.IntN(3*overlayPageBytes))
		for i := range files[name] {
			files[name][i] = byte(r.Uint32())
		}
	}
	before := maps.Clone(files)
	for name, data := range before {
		before[name] = bytes.Clone(data)
	}
	base := MemOf(files)
	over, copied := Overlay(base), FS(MemOf(before))
	names := []string{"a", "b", "c", "d"}
	for step := range 2000 {
		name, other := names[r.IntN(len(names))], names[r.IntN(len(names))]
		op, off, size := r.IntN(7), r.Int64N(4*overlayPageBytes), r.IntN(2*overlayPageBytes)
		data := make([]byte, size)
		if r.IntN(2) == 0 {
			for i := range data {
				data[i] = byte(r.Uint32())
			}
		}
		errOver := overlayStep(over, op, name, other, off, data)
		errCopied := overlayStep(copied, op, name, other, off, data)
		if (errOver == nil) != (errCopied == nil) || errors.Is(errOver, fs.ErrNotExist) != errors.Is(errCopied, fs.ErrNotExist) {
			t.Fatalf("step %d, operation %d on %s: %v, want %v", step, op, name, errOver, errCopied)
		}
		expectSame(t, over, copied)
	}
	for name, data := range base.Files() {
		if !bytes.Equal(data, files[name]) {
			t.Errorf("%s was changed under the overlay", name)
		}
	}
	must(t, over.Close())
}

func overlayStep(fsys FS, op int, name, other string, off int64, data []byte) error {
	switch op {
	case 0:
		return fsys.Remove(name)
	case 1:
		return fsys.Rename(name, other)
	case 2:
		f, err := fsys.Create(name)
		if err != nil {
			return err
		}
		return f.Close()
	}
	f, err := fsys.Open(name)
	if err != nil {
		return err
	}
	switch op {
	case 3:
		return errors.Join(f.Truncate(off), f.Close())
	case 4:
		return errors.Join(f.Preallocate(off), f.Close())
	}
	_, err = f.WriteAt(data, off)
	return errors.Join(err, f.Sync(), f.Close())
}

func expectSame(t *testing.T, got, want FS) {
	t.Helper()
	gotNames, err1 := got.List(".")
	wantNames, err2 := want.List(".")
	must(t, err1, err2)
	if !slices.Equal(gotNames, wantNames) {
		t.Fatalf("files %v, want %v", gotNames, wantNames)
	}
	for _, name := range wantNames {
		if a, b := wholeFile(t, got, name), wholeFile(t, want, name); !bytes.Equal(a, b) {
			t.Fatalf("%s differs: %d bytes, want %d", name, len(a), len(b))
		}
	}
}

func wholeFile(t *testing.T, fsys FS, name string) []byte {
	t.Helper()
	f, err := fsys.Open(name)
	must(t, err)
	defer f.Close()
	size, err := f.Size()
	must(t, err)
	b, err := io.ReadAll(io.NewSectionReader(f, 0, size))
	must(t, err)
	return b
}
