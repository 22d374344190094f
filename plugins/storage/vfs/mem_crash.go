package vfs

import (
	"math/rand/v2"
	"path"
)

// Unsynced is one piece of what a crash may take away: a change of a name, of
// a file's size, or one sector of a write.
type Unsynced struct {
	// Op is the number of the operation that made the change (Op.N).
	Op int
	// Name is the file's; empty for content of a file that has no name.
	Name string
	// Sector counts the 512-byte sectors of the write; 0 for a name or size.
	Sector int
	// Dir is set for a change of a name.
	Dir bool
}

// Keep decides whether a piece survives a crash. It is asked about every piece,
// in the order in which they were made.
type Keep func(Unsynced) bool

// KeepNothing is the crash that takes all that was not synced.
func KeepNothing(Unsynced) bool { return false }

// KeepAll is the crash of a process: everything written survives.
func KeepAll(Unsynced) bool { return true }

// KeepRandom keeps each piece with probability one half.
func KeepRandom(r *rand.Rand) Keep {
	return func(Unsynced) bool { return r.Uint64()&1 == 0 }
}

// KeepTorn keeps all that was made before operation op and, of that one, the
// first sectors.
func KeepTorn(op, sectors int) Keep {
	return func(u Unsynced) bool {
		return u.Op < op || u.Op == op && u.Sector < sectors
	}
}

// Crash returns the file system that is found after a crash at this moment, if
// keep says what of the unsynced changes survived. m itself goes on unharmed,
// so that many crashes of one moment can be looked at. Locks are free.
func (m *Mem) Crash(keep Keep) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := NewMem()
	after.free = m.free
	names := make(map[string]*inode, len(m.synced))
	for name, n := range m.synced {
		names[name] = n
	}
	for _, c := range m.renames {
		if keep(Unsynced{Op: c.op, Name: c.name, Dir: true}) {
			applyDir(names, c)
		}
	}
	dropOrphans(names)
	copies := map[*inode]*inode{}
	for name, n := range names {
		if copies[n] == nil {
			copies[n] = n.crashed(name, keep)
		}
		after.names[name], after.synced[name] = copies[n], copies[n]
	}
	return after
}

// dropOrphans takes away the names in directories that are gone.
func dropOrphans(names map[string]*inode) {
	for name := range names {
		for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
			if names[dir] == nil {
				delete(names, name)
				break
			}
		}
	}
}

// crashed returns what is left of a file.
func (n *inode) crashed(name string, keep Keep) *inode {
	data := append([]byte(nil), n.synced...)
	for _, c := range n.pending {
		if c.data == nil {
			if keep(Unsynced{Op: c.op, Name: name}) {
				data = c.applyTo(data)
			}
			continue
		}
		for i, piece := range c.sectors() {
			if keep(Unsynced{Op: c.op, Name: name, Sector: i}) {
				data = piece.applyTo(data)
			}
		}
	}
	return &inode{dir: n.dir, data: data, synced: append([]byte(nil), data...)}
}

// sectors splits a write at the multiples of the sector size.
func (c change) sectors() []change {
	var pieces []change
	for rest, off := c.data, c.off; len(rest) > 0; {
		n := min(int64(len(rest)), sectorBytes-off%sectorBytes)
		pieces = append(pieces, change{op: c.op, off: off, data: rest[:n]})
		rest, off = rest[n:], off+n
	}
	return pieces
}

// Halt makes every later call on m fail with ErrCrashed, and frees its locks:
// the end of the process that used it. Crash still works.
func (m *Mem) Halt() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.halted = true
	clear(m.locks)
}

// PendingSectors returns how many sectors of the operation op are not synced.
func (m *Mem) PendingSectors(op int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	total := 0
	for _, n := range m.names {
		for _, c := range n.pending {
			if c.op == op && c.data != nil {
				total += len(c.sectors())
			}
		}
	}
	return total
}

// Files returns a copy of the content of all files, by name.
func (m *Mem) Files() map[string][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	files := make(map[string][]byte, len(m.names))
	for name, n := range m.names {
		if !n.dir {
			files[name] = append([]byte(nil), n.data...)
		}
	}
	return files
}

// MemOf returns a file system with these files in its root, all of them
// durable. It takes over the slices.
func MemOf(files map[string][]byte) *Mem {
	m := NewMem()
	for name, data := range files {
		n := &inode{data: data, synced: append([]byte(nil), data...)}
		m.names[name], m.synced[name] = n, n
	}
	return m
}
