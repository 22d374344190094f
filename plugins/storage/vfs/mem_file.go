package vfs

import (
	"io"
	"slices"
)

// memFile is an open file of a Mem.
type memFile struct {
	fs   *Mem
	node *inode
	name string
}

// ReadAt implements File.
func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.fs.begin(OpRead, f.name); err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	if off >= int64(len(f.node.data)) {
		return 0, io.EOF
	}
	n := copy(p, f.node.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements File. A write that is made to fail with io.ErrShortWrite
// or for want of space has written its first half.
func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	injected, err := f.fs.enter(OpWrite, f.name)
	if err != nil {
		return 0, err
	}
	defer f.fs.mu.Unlock()
	if injected != nil {
		half := len(p) / 2
		f.node.writeLocked(change{op: f.fs.ops, off: off, data: slices.Clone(p[:half])})
		return half, pathError(string(OpWrite), f.name, injected)
	}
	f.node.writeLocked(change{op: f.fs.ops, off: off, data: append([]byte{}, p...)})
	return len(p), nil
}

func (n *inode) writeLocked(c change) {
	n.data = c.applyTo(n.data)
	n.pending = append(n.pending, c)
}

// applyTo returns data with the change made to it, in place if it fits.
func (c change) applyTo(data []byte) []byte {
	if c.data == nil {
		return resized(data, c.off)
	}
	end := c.off + int64(len(c.data))
	if end > int64(len(data)) {
		data = resized(data, end)
	}
	copy(data[c.off:], c.data)
	return data
}

func resized(data []byte, size int64) []byte {
	if size <= int64(len(data)) {
		clear(data[size:])
		return data[:size]
	}
	return append(data, make([]byte, size-int64(len(data)))...)
}

// Preallocate implements File.
func (f *memFile) Preallocate(size int64) error {
	if err := f.fs.begin(OpPreallocate, f.name); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	if size > int64(len(f.node.data)) {
		f.node.writeLocked(change{op: f.fs.ops, off: size})
	}
	return nil
}

// Truncate implements File.
func (f *memFile) Truncate(size int64) error {
	if err := f.fs.begin(OpTruncate, f.name); err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	f.node.writeLocked(change{op: f.fs.ops, off: size})
	return nil
}

// Sync implements File.
func (f *memFile) Sync() error { return f.sync(OpSync) }

// SyncAll implements File.
func (f *memFile) SyncAll() error { return f.sync(OpSyncAll) }

// sync makes pending changes durable. One that is made to fail behaves as the
// kernel does: the pages are clean from then on and can still be read, but
// they are on no disk, and no later sync will write them.
func (f *memFile) sync(kind OpKind) error {
	injected, err := f.fs.enter(kind, f.name)
	if err != nil {
		return err
	}
	defer f.fs.mu.Unlock()
	n := f.node
	if injected != nil {
		n.pending = nil
		return pathError(string(kind), f.name, injected)
	}
	for _, c := range n.pending {
		n.synced = c.applyTo(n.synced)
	}
	n.pending = nil
	return nil
}

// Size implements File.
func (f *memFile) Size() (int64, error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	return int64(len(f.node.data)), nil
}

// Close implements File.
func (f *memFile) Close() error { return nil }
