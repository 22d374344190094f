package vfs

import (
	"errors"
	"io"
	"io/fs"
	"slices"
	"sync"
)

// overlayPageBytes is how much of a file is kept in memory together once it
// was written to.
const overlayPageBytes = 4 << 10

// Overlay returns a file system over base that keeps every change in memory
// and never changes base: a program can do to it all that it would do to
// base, and only the program sees it. Zeros beyond the end of base's file take no
// memory. Locks are taken in base. Subdirectories are not supported. Close
// forgets all changes and closes base.
func Overlay(base FS) FS {
	return &overlay{base: base, nodes: map[string]*overlayNode{}}
}

type overlay struct {
	base FS

	mu    sync.Mutex
	nodes map[string]*overlayNode // nil for a name that was removed
	all   []*overlayNode          // for Close
}

// overlayNode is a file: its bytes in base, and the pages that were written.
type overlayNode struct {
	mu     sync.Mutex
	base   File  // nil if base has no such file
	inBase int64 // how much of base's file still counts
	size   int64
	pages  map[int64][]byte
}

func (o *overlay) Create(name string) (File, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch _, err := o.lookupLocked(name); {
	case err == nil:
		return nil, pathError("create", name, fs.ErrExist)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	n := &overlayNode{pages: map[int64][]byte{}}
	o.nodes[name] = n
	return n, nil
}

func (o *overlay) Free() (int64, error) { return o.base.Free() }

func (o *overlay) Open(name string) (File, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.lookupLocked(name)
	if err != nil {
		return nil, err
	}
	return n, nil
}

// lookupLocked returns the file of that name, taking it in from base.
func (o *overlay) lookupLocked(name string) (*overlayNode, error) {
	if n, ok := o.nodes[name]; ok {
		if n == nil {
			return nil, pathError("open", name, fs.ErrNotExist)
		}
		return n, nil
	}
	f, err := o.base.Open(name)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	n := &overlayNode{base: f, inBase: size, size: size, pages: map[int64][]byte{}}
	o.nodes[name] = n
	o.all = append(o.all, n)
	return n, nil
}

func (o *overlay) Rename(from, to string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	n, err := o.lookupLocked(from)
	if err != nil {
		return err
	}
	o.nodes[from], o.nodes[to] = nil, n
	return nil
}

func (o *overlay) Remove(name string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, err := o.lookupLocked(name); err != nil {
		return err
	}
	o.nodes[name] = nil
	return nil
}

func (o *overlay) Mkdir(name string) error { return pathError("mkdir", name, errors.ErrUnsupported) }

func (o *overlay) List(dir string) ([]string, error) {
	names, err := o.base.List(dir)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	names = slices.DeleteFunc(names, func(name string) bool {
		_, known := o.nodes[name]
		return known
	})
	for name, n := range o.nodes {
		if n != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

func (o *overlay) Stat(name string) (Info, error) {
	o.mu.Lock()
	n, known := o.nodes[name]
	o.mu.Unlock()
	switch {
	case !known:
		return o.base.Stat(name)
	case n == nil:
		return Info{}, pathError("stat", name, fs.ErrNotExist)
	}
	size, err := n.Size()
	return Info{Size: size}, err
}

func (o *overlay) SyncDir(string) error { return nil }

func (o *overlay) Lock(name, holder string) (io.Closer, error) { return o.base.Lock(name, holder) }

func (o *overlay) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for _, n := range o.all {
		errs = append(errs, n.base.Close())
	}
	o.all, o.nodes = nil, map[string]*overlayNode{}
	return errors.Join(append(errs, o.base.Close())...)
}

func (n *overlayNode) ReadAt(p []byte, off int64) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if off >= n.size {
		return 0, io.EOF
	}
	want := p[:min(int64(len(p)), n.size-off)]
	if len(n.pages) == 0 && off+int64(len(want)) <= n.inBase {
		if err := n.readBase(want, off); err != nil {
			return 0, err
		}
	} else {
		for done := 0; done < len(want); {
			piece := want[done:][:min(len(want)-done, int(overlayPageBytes-(off+int64(done))%overlayPageBytes))]
			if err := n.readPiece(piece, off+int64(done)); err != nil {
				return done, err
			}
			done += len(piece)
		}
	}
	if len(want) < len(p) {
		return len(want), io.EOF
	}
	return len(want), nil
}

// readPiece reads bytes of one page.
func (n *overlayNode) readPiece(p []byte, off int64) error {
	if page, ok := n.pages[off/overlayPageBytes]; ok {
		copy(p, page[off%overlayPageBytes:])
		return nil
	}
	clear(p)
	if off >= n.inBase {
		return nil
	}
	return n.readBase(p[:min(int64(len(p)), n.inBase-off)], off)
}

func (n *overlayNode) readBase(p []byte, off int64) error {
	if got, err := n.base.ReadAt(p, off); got < len(p) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	return nil
}

func (n *overlayNode) WriteAt(p []byte, off int64) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for done := 0; done < len(p); {
		at := off + int64(done)
		piece := p[done:][:min(len(p)-done, int(overlayPageBytes-at%overlayPageBytes))]
		if err := n.writePiece(piece, at); err != nil {
			return done, err
		}
		done += len(piece)
	}
	n.size = max(n.size, off+int64(len(p)))
	return len(p), nil
}

// writePiece writes bytes of one page.
func (n *overlayNode) writePiece(p []byte, off int64) error {
	number := off / overlayPageBytes
	page, ok := n.pages[number]
	if !ok {
		if number*overlayPageBytes >= n.inBase && !slices.ContainsFunc(p, func(b byte) bool { return b != 0 }) {
			return nil
		}
		page = make([]byte, overlayPageBytes)
		if err := n.readPiece(page, number*overlayPageBytes); err != nil {
			return err
		}
		n.pages[number] = page
	}
	copy(page[off%overlayPageBytes:], p)
	return nil
}

func (n *overlayNode) Preallocate(size int64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.size = max(n.size, size)
	return nil
}

func (n *overlayNode) Truncate(size int64) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for number, page := range n.pages {
		if start := number * overlayPageBytes; start >= size {
			delete(n.pages, number)
		} else if size-start < overlayPageBytes {
			clear(page[size-start:])
		}
	}
	n.size, n.inBase = size, min(n.inBase, size)
	return nil
}

func (n *overlayNode) Sync() error    { return nil }
func (n *overlayNode) SyncAll() error { return nil }

func (n *overlayNode) Size() (int64, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.size, nil
}

// Close implements File. base's file stays open until the overlay is closed:
// it may be opened again under another name.
func (n *overlayNode) Close() error { return nil }
