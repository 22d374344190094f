package snapfile

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/freespace"
	"github.com/pontoon-raft/pontoon/plugins/storage/logstate"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// kept is how many visible snapshots stay.
const kept = 2

// Shelf is where the snapshots are. Once Open has returned, all methods may be called
// concurrently; a writer or reader that the shelf returned is for one goroutine at a
// time. Files change their names only with mu held, so that what is listed is there.
type Shelf struct {
	fs     vfs.FS
	logger *slog.Logger

	mu       sync.Mutex
	closed   bool
	parts    uint64 // counts .part files
	visible  []file // ascending by index
	damaged  []damagedFile
	received []file // in no order
}

// New returns a shelf over the root of fsys, which stays the caller's: it is closed
// after the shelf. Damage that does not keep a store from opening is logged. Open
// comes before any other method.
func New(fsys vfs.FS, logger *slog.Logger) *Shelf {
	return &Shelf{fs: fsys, logger: logger}
}

// Open reads the directory, finishes an installation that the log knows of,
// and removes what was never installed. The caller holds the lock of the directory.
// state is that of the recovered log; its Snapshots are ignored, and Terms has at least
// the boundary at FirstIndex-1.
//
// A snapshot that is damaged is left where it is and not listed. The error matches
// storage.ErrCorrupt if log and snapshots do not fit, and is else one of the file system.
func (sh *Shelf) Open(state storage.State) error {
	names, err := sh.fs.List(".")
	if err != nil {
		return err
	}
	base := state.Terms[0]
	for _, name := range names {
		n, ok := parseName(name)
		switch {
		case isPart(name):
			err = sh.fs.Remove(name)
		case ok && n.Suffix == receivedSuffix:
			err = sh.sweepReceived(n, base, names)
		}
		if err != nil {
			return err
		}
	}
	if names, err = sh.fs.List("."); err != nil {
		return err
	}
	for _, name := range names {
		if n, ok := parseName(name); ok && n.Suffix == visibleSuffix {
			if err := sh.admit(n); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(sh.visible, byIndex)
	if err := sh.verify(state); err != nil {
		return err
	}
	sh.oneOfEachIndex(state)
	sh.trimLocked() // a removal may not have survived a crash
	return nil
}

// oneOfEachIndex keeps, of snapshots of one index, the one of the log's term, else that of
// the later term: a crash may have come between a replacement and the removal.
func (sh *Shelf) oneOfEachIndex(state storage.State) {
	var one []file
	for _, s := range sh.visible { // by index, then by term
		if n := len(one); n > 0 && one[n-1].name.Index == s.name.Index {
			before := one[n-1]
			one = one[:n-1]
			if term, ok := logstate.TermOf(state.Terms, s.name.Index); ok && term == before.name.Term {
				before, s = s, before
			}
			sh.removeLocked(before)
		}
		one = append(one, s)
	}
	sh.visible = one
}

// sweepReceived removes a received snapshot, unless it is the one at which the
// log begins: then it was installed, and only its name is missing.
func (sh *Shelf) sweepReceived(n fileName, base storage.TermBoundary, names []string) error {
	installed := n
	installed.Suffix = visibleSuffix
	if n.Index != base.Index || n.Term != base.Term || slices.Contains(names, installed.String()) {
		return sh.fs.Remove(n.String())
	}
	return vfs.PutInPlace(sh.fs, n.String(), installed.String())
}

// admit takes in a visible snapshot, unless it is damaged.
func (sh *Shelf) admit(n fileName) error {
	s, err := sh.inspect(n)
	if errors.Is(err, storage.ErrCorrupt) {
		sh.logger.Error("a snapshot is damaged and will not be used", "file", n.String(), "error", err)
		sh.damaged = append(sh.damaged, damagedFile{n, err})
		return nil
	}
	if err != nil {
		return err
	}
	sh.visible = append(sh.visible, s)
	return nil
}

func (sh *Shelf) inspect(n fileName) (s file, err error) {
	f, err := sh.fs.Open(n.String())
	if err != nil {
		return file{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return inspect(f, n)
}

func byIndex(a, b file) int {
	return cmp.Or(cmp.Compare(a.name.Index, b.name.Index), cmp.Compare(a.name.Term, b.name.Term))
}

// List returns the visible snapshots, oldest first. The slice is the caller's.
func (sh *Shelf) List() []storage.SnapshotInfo {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var infos []storage.SnapshotInfo
	for _, s := range sh.visible {
		infos = append(infos, cloneInfo(s.info))
	}
	return infos
}

// Newest returns the index of the newest visible snapshot, or 0.
func (sh *Shelf) Newest() uint64 {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if n := len(sh.visible); n > 0 {
		return sh.visible[n-1].name.Index
	}
	return 0
}

// Create starts a snapshot; received sets it aside until Install. The caller
// has checked that it fits the log. meta is copied. Exactly one of the writer's Commit
// and Abort ends it. Errors: plugins.ErrInvalidArgument for an index or term of 0 and
// for metadata over 1 MiB, storage.ErrNoSpace, plugins.ErrClosed.
func (sh *Shelf) Create(meta storage.SnapshotMetadata, received bool) (storage.SnapshotWriter, error) {
	if meta.Index == 0 || meta.Term == 0 {
		return nil, fmt.Errorf("%w: a snapshot at index %d, term %d", plugins.ErrInvalidArgument, meta.Index, meta.Term)
	}
	meta = cloneInfo(storage.SnapshotInfo{Metadata: meta}).Metadata
	w, err := sh.create(meta, received)
	if err != nil {
		return nil, fmt.Errorf("create snapshot %d: %w", meta.Index, freespace.Error(err))
	}
	return w, nil
}

func (sh *Shelf) create(meta storage.SnapshotMetadata, received bool) (*writer, error) {
	name := fileName{Index: meta.Index, Term: meta.Term, Suffix: visibleSuffix}
	if received {
		name.Suffix = receivedSuffix
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return nil, plugins.ErrClosed
	}
	sh.parts++
	return newWriter(sh, partName(meta.Index, meta.Term, sh.parts), name, meta)
}

// put gives a finished snapshot its name and takes it in.
func (sh *Shelf) put(part string, s file) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return plugins.ErrClosed
	}
	if err := vfs.PutInPlace(sh.fs, part, s.name.String()); err != nil {
		return err
	}
	if s.name.Suffix == receivedSuffix {
		sh.received = sh.replaceLocked(sh.received, s)
		return nil
	}
	sh.showLocked(s)
	return nil
}

// showLocked makes a snapshot visible and removes those beyond the newest two.
func (sh *Shelf) showLocked(s file) {
	sh.visible = sh.replaceLocked(sh.visible, s)
	slices.SortFunc(sh.visible, byIndex)
	sh.trimLocked()
}

func (sh *Shelf) trimLocked() {
	for len(sh.visible) > kept {
		sh.removeLocked(sh.visible[0])
		sh.visible = sh.visible[1:]
	}
}

// removeLocked removes a file that nothing depends on: if that fails the next
// Open finds it again.
func (sh *Shelf) removeLocked(s file) {
	if err := sh.fs.Remove(s.name.String()); err != nil {
		sh.logger.Warn("cannot remove an old snapshot", "file", s.name.String(), "error", err)
	}
}

// replaceLocked returns list with s in the place of the one at the same index, whose file
// goes if it has another name, that of another term.
func (sh *Shelf) replaceLocked(list []file, s file) []file {
	list = slices.DeleteFunc(slices.Clone(list), func(o file) bool {
		if o.name.Index == s.name.Index && o.name != s.name {
			sh.removeLocked(o)
		}
		return o.name.Index == s.name.Index
	})
	return append(list, s)
}

// discard removes an unfinished snapshot.
func (sh *Shelf) discard(part string) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return nil // the directory may be another process's by now; the next Open sweeps it
	}
	return sh.fs.Remove(part)
}

// find returns the snapshot at index, or the newest visible one for 0.
func (sh *Shelf) find(index uint64) (file, bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if n := len(sh.visible); index == 0 && n > 0 {
		return sh.visible[n-1], true
	}
	if s, ok := findIndex(sh.visible, index); ok {
		return s, true
	}
	return findIndex(sh.received, index)
}

func findIndex(list []file, index uint64) (file, bool) {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].name.Index == index {
			return list[i], true
		}
	}
	return file{}, false
}

// Install makes the received snapshot at index visible, durably, once record has
// succeeded. record makes the log begin after index, durable on return; it is given the
// snapshot's term, and must not call the shelf. storage.ErrNoSnapshot leaves all as it
// was, and so does an error of record. After another error the log begins at a snapshot
// that is not visible: the store cannot go on until it is opened again, which
// finishes the installation.
func (sh *Shelf) Install(index uint64, record func(term uint64) error) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s, ok := findIndex(sh.received, index)
	if !ok {
		return storage.ErrNoSnapshot
	}
	if err := record(s.name.Term); err != nil {
		return err
	}
	visible := s
	visible.name.Suffix = visibleSuffix
	if err := vfs.PutInPlace(sh.fs, s.name.String(), visible.name.String()); err != nil {
		return err
	}
	sh.received = slices.DeleteFunc(sh.received, func(o file) bool {
		if o.name.Index <= index && o.name != s.name {
			sh.removeLocked(o)
		}
		return o.name.Index <= index
	})
	sh.showLocked(visible)
	return nil
}

// ForgetBelow removes received snapshots below the commit index: raft has
// passed them, so they will never be installed.
func (sh *Shelf) ForgetBelow(commit uint64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return
	}
	sh.received = slices.DeleteFunc(sh.received, func(o file) bool {
		if o.name.Index < commit {
			sh.removeLocked(o)
		}
		return o.name.Index < commit
	})
}

// Close makes every later change of the directory impossible, of writers too, so that
// the directory's lock can be given up. Readers go on to their end.
func (sh *Shelf) Close() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.closed = true
}

func cloneInfo(i storage.SnapshotInfo) storage.SnapshotInfo {
	c := &i.Metadata.ConfState
	c.Voters = slices.Clone(c.Voters)
	c.Learners = slices.Clone(c.Learners)
	c.VotersOutgoing = slices.Clone(c.VotersOutgoing)
	c.LearnersNext = slices.Clone(c.LearnersNext)
	i.Sha256 = slices.Clone(i.Sha256)
	return i
}
