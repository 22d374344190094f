package vfs

import (
	"errors"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
	"sync"
)

// sectorBytes is what a disk writes whole or not at all.
const sectorBytes = 512

// ErrCrashed is returned by every call on a Mem after its Halt.
var ErrCrashed = errors.New("the machine has crashed")

// Mem is a file system in memory that knows what a crash may take away. The
// zero value is not usable; see NewMem.
//
// It keeps two versions of everything, the one that a program sees and the
// synced one, together with the ordered list of changes between them. Crash
// makes a new Mem of the synced version and any subset of these changes.
type Mem struct {
	mu      sync.Mutex
	halted  bool
	names   map[string]*inode // what is seen
	synced  map[string]*inode // what survives
	renames []dirChange       // changes of names, in order
	locks   map[string]*memLock
	faults  []*fault
	onOp    func(Op)
	ops     int
	free    int64
}

// inode is a file's content, or a directory if dir is set. Mem.mu guards it.
type inode struct {
	dir     bool
	data    []byte
	synced  []byte
	pending []change // what turns synced into data, in order
}

// change is a write at off, or a new size if data is nil.
type change struct {
	op   int
	off  int64
	data []byte
}

// dirChange binds name to node (nil: removed); from is unbound if set.
type dirChange struct {
	op         int
	name, from string
	node       *inode
}

// NewMem returns an empty file system.
func NewMem() *Mem {
	root := &inode{dir: true}
	return &Mem{
		names:  map[string]*inode{".": root},
		synced: map[string]*inode{".": root},
		locks:  map[string]*memLock{},
		free:   math.MaxInt64,
	}
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// begin starts an operation that has no effect if it is made to fail. With a
// nil error m.mu is held.
func (m *Mem) begin(kind OpKind, name string) error {
	injected, err := m.enter(kind, name)
	if err == nil && injected != nil {
		m.mu.Unlock()
		return pathError(string(kind), name, injected)
	}
	return err
}

// enter starts an operation. With a nil err m.mu is held; injected is then
// what the operation must fail with, after whatever it leaves half-done.
func (m *Mem) enter(kind OpKind, name string) (injected, err error) {
	m.mu.Lock()
	if m.halted {
		m.mu.Unlock()
		return nil, pathError(string(kind), name, ErrCrashed)
	}
	m.ops++
	op := Op{N: m.ops, Kind: kind, Name: name}
	if observe := m.onOp; observe != nil {
		m.mu.Unlock()
		observe(op)
		m.mu.Lock()
	}
	return m.faultLocked(op), nil
}

func (m *Mem) lookupLocked(op OpKind, name string) (*inode, error) {
	n, ok := m.names[path.Clean(name)]
	if !ok {
		return nil, pathError(string(op), name, fs.ErrNotExist)
	}
	return n, nil
}

// bindLocked changes what is seen and notes the change.
func (m *Mem) bindLocked(c dirChange) {
	c.op = m.ops
	applyDir(m.names, c)
	m.renames = append(m.renames, c)
}

func applyDir(names map[string]*inode, c dirChange) {
	if c.from != "" {
		delete(names, c.from)
	}
	if c.node == nil {
		delete(names, c.name)
		return
	}
	names[c.name] = c.node
}

// Create implements FS.
func (m *Mem) Create(name string) (File, error) {
	if err := m.begin(OpCreate, name); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	return m.createLocked(name, false)
}

func (m *Mem) createLocked(name string, dir bool) (File, error) {
	name = path.Clean(name)
	if !fs.ValidPath(name) {
		return nil, pathError("create", name, fs.ErrInvalid)
	}
	if _, ok := m.names[name]; ok {
		return nil, pathError("create", name, fs.ErrExist)
	}
	if parent, ok := m.names[path.Dir(name)]; !ok || !parent.dir {
		return nil, pathError("create", name, fs.ErrNotExist)
	}
	n := &inode{dir: dir}
	m.bindLocked(dirChange{name: name, node: n})
	return &memFile{fs: m, node: n, name: name}, nil
}

// Mkdir implements FS.
func (m *Mem) Mkdir(name string) error {
	if err := m.begin(OpCreate, name); err != nil {
		return err
	}
	defer m.mu.Unlock()
	_, err := m.createLocked(name, true)
	return err
}

// Open implements FS.
func (m *Mem) Open(name string) (File, error) {
	if err := m.begin(OpOpen, name); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	n, err := m.lookupLocked(OpOpen, name)
	if err != nil {
		return nil, err
	}
	return &memFile{fs: m, node: n, name: name}, nil
}

// Rename implements FS.
func (m *Mem) Rename(from, to string) error {
	if err := m.begin(OpRename, to); err != nil {
		return err
	}
	defer m.mu.Unlock()
	n, err := m.lookupLocked(OpRename, from)
	if err != nil {
		return err
	}
	m.bindLocked(dirChange{name: path.Clean(to), from: path.Clean(from), node: n})
	return nil
}

// Remove implements FS.
func (m *Mem) Remove(name string) error {
	if err := m.begin(OpRemove, name); err != nil {
		return err
	}
	defer m.mu.Unlock()
	if _, err := m.lookupLocked(OpRemove, name); err != nil {
		return err
	}
	m.bindLocked(dirChange{name: path.Clean(name)})
	return nil
}

// List implements FS.
func (m *Mem) List(dir string) ([]string, error) {
	if err := m.begin(OpList, dir); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if n, err := m.lookupLocked(OpList, dir); err != nil || !n.dir {
		return nil, pathError("list", dir, fs.ErrNotExist)
	}
	var names []string
	for name := range m.names {
		if name != "." && path.Dir(name) == path.Clean(dir) {
			names = append(names, path.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// Stat implements FS.
func (m *Mem) Stat(name string) (Info, error) {
	if err := m.begin(OpStat, name); err != nil {
		return Info{}, err
	}
	defer m.mu.Unlock()
	n, err := m.lookupLocked(OpStat, name)
	if err != nil {
		return Info{}, err
	}
	return Info{Size: int64(len(n.data)), Dir: n.dir}, nil
}

// SyncDir implements FS.
func (m *Mem) SyncDir(dir string) error {
	if err := m.begin(OpSyncDir, dir); err != nil {
		return err
	}
	defer m.mu.Unlock()
	dir = path.Clean(dir)
	m.renames = slices.DeleteFunc(m.renames, func(c dirChange) bool {
		if path.Dir(c.name) != dir {
			return false
		}
		applyDir(m.synced, c)
		return true
	})
	return nil
}

// Free implements FS: the number that SetFree said last. Writes do not change
// it.
func (m *Mem) Free() (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.halted {
		return 0, pathError("statfs", ".", ErrCrashed)
	}
	return m.free, nil
}

// SetFree sets what Free returns; a new Mem has no end of space.
func (m *Mem) SetFree(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free = bytes
}

// Close implements FS.
func (m *Mem) Close() error { return nil }

type memLock struct {
	fs     *Mem
	name   string
	holder string
}

// Lock implements FS. The lock file itself is not stored.
func (m *Mem) Lock(name, holder string) (io.Closer, error) {
	if err := m.begin(OpLock, name); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if held, ok := m.locks[name]; ok {
		return nil, &HeldError{Name: name, Holder: held.holder}
	}
	l := &memLock{fs: m, name: name, holder: holder}
	m.locks[name] = l
	return l, nil
}

func (l *memLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	if l.fs.locks[l.name] == l {
		delete(l.fs.locks, l.name)
	}
	return nil
}
