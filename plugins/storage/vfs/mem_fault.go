package vfs

// OpKind is a kind of call on a file system or a file.
type OpKind string

// The kinds of calls. Mkdir counts as OpCreate; Size and Close are not
// counted.
const (
	OpCreate      OpKind = "create"
	OpOpen        OpKind = "open"
	OpRename      OpKind = "rename"
	OpRemove      OpKind = "remove"
	OpList        OpKind = "list"
	OpStat        OpKind = "stat"
	OpSyncDir     OpKind = "syncdir"
	OpLock        OpKind = "lock"
	OpRead        OpKind = "read"
	OpWrite       OpKind = "write"
	OpPreallocate OpKind = "preallocate"
	OpTruncate    OpKind = "truncate"
	OpSync        OpKind = "fdatasync"
	OpSyncAll     OpKind = "fsync"
)

// FailableKinds lists the kinds whose failure a store must survive.
func FailableKinds() []OpKind {
	return []OpKind{
		OpCreate, OpOpen, OpRename, OpRemove, OpList, OpStat, OpSyncDir, OpLock,
		OpRead, OpWrite, OpPreallocate, OpTruncate, OpSync, OpSyncAll,
	}
}

// Op is one call.
type Op struct {
	// N counts the calls on the Mem, from 1.
	N    int
	Kind OpKind
	Name string
}

// Mutates reports whether a crash after the call can differ from one before
// it.
func (o Op) Mutates() bool {
	switch o.Kind {
	case OpOpen, OpList, OpStat, OpLock, OpRead:
		return false
	}
	return true
}

type fault struct {
	kind OpKind
	left int // calls that still succeed
	err  error
}

// OnOp sets a function that is told of every call before it takes effect; nil
// removes it. It may call Crash, and nothing else of m.
func (m *Mem) OnOp(f func(Op)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.onOp = f
}

// FailNth makes the n-th call of a kind from now on fail with err, once; n is
// 1 for the next one. A write that fails has written its first half, and a
// sync that fails has lost what it should have made durable.
func (m *Mem) FailNth(kind OpKind, n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults = append(m.faults, &fault{kind: kind, left: n - 1, err: err})
}

// faultLocked returns the error that the call must fail with.
func (m *Mem) faultLocked(op Op) error {
	for i, f := range m.faults {
		if f.kind != op.Kind {
			continue
		}
		if f.left > 0 {
			f.left--
			continue
		}
		m.faults = append(m.faults[:i:i], m.faults[i+1:]...)
		return f.err
	}
	return nil
}
