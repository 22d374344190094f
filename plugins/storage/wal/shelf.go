package wal

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"

	"github.com/pontoon-raft/pontoon/internal/vfs"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// keptSnapshots is how many visible snapshots stay.
const keptSnapshots = 2

// shelf is where the snapshots are. Files change their names only with mu
// held, so that what is listed is there.
type shelf struct {
	fs     vfs.FS
	logger *slog.Logger

	mu       sync.Mutex
	closed   bool
	parts    uint64         // counts .part files
	visible  []snapshotFile // ascending by index
	received []snapshotFile // in no order
}

func newShelf(fsys vfs.FS, logger *slog.Logger) *shelf {
	return &shelf{fs: fsys, logger: logger}
}

// open reads the directory, finishes an installation that the log knows of,
// and removes what was never installed.
func (sh *shelf) open(state storage.State) error {
	names, err := sh.fs.List(".")
	if err != nil {
		return err
	}
	base := state.Terms[0]
	for _, name := range names {
		n, ok := parseSnapshotName(name)
		switch {
		case isPart(name):
			err = sh.fs.Remove(name)
		case ok && n.suffix == receivedSuffix:
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
		if n, ok := parseSnapshotName(name); ok && n.suffix == visibleSuffix {
			if err := sh.admit(n); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(sh.visible, byIndex)
	if err := sh.verify(state); err != nil {
		return err
	}
	sh.trimLocked() // a removal may not have survived a crash
	return nil
}

// sweepReceived removes a received snapshot, unless it is the one at which the
// log begins: then it was installed, and only its name is missing.
func (sh *shelf) sweepReceived(n snapshotName, base storage.TermBoundary, names []string) error {
	installed := n
	installed.suffix = visibleSuffix
	if n.index != base.Index || n.term != base.Term || slices.Contains(names, installed.String()) {
		return sh.fs.Remove(n.String())
	}
	return putInPlace(sh.fs, n.String(), installed.String())
}

// admit takes in a visible snapshot, unless it is damaged.
func (sh *shelf) admit(n snapshotName) error {
	s, err := sh.inspect(n)
	if errors.Is(err, storage.ErrCorrupt) {
		sh.logger.Error("a snapshot is damaged and will not be used", "file", n.String(), "error", err)
		return nil
	}
	if err != nil {
		return err
	}
	sh.visible = append(sh.visible, s)
	return nil
}

func (sh *shelf) inspect(n snapshotName) (s snapshotFile, err error) {
	f, err := sh.fs.Open(n.String())
	if err != nil {
		return snapshotFile{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return inspectSnapshot(f, n)
}

// verify compares the snapshots with the log.
func (sh *shelf) verify(state storage.State) error {
	newest := uint64(0)
	if n := len(sh.visible); n > 0 {
		s := sh.visible[n-1]
		newest = s.name.index
		if newest > state.LastIndex {
			return damagef(s.name.String(), 0, "it is a snapshot at %d, but the log ends at %d: entries are missing",
				newest, state.LastIndex)
		}
	}
	if first := state.FirstIndex; newest < first-1 {
		return fmt.Errorf("%w: the log begins at %d, and no usable snapshot reaches that; %s", storage.ErrCorrupt, first, wayOut)
	}
	return nil
}

func byIndex(a, b snapshotFile) int { return cmp.Compare(a.name.index, b.name.index) }

func (sh *shelf) list() []storage.SnapshotInfo {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var infos []storage.SnapshotInfo
	for _, s := range sh.visible {
		infos = append(infos, cloneInfo(s.info))
	}
	return infos
}

// newest returns the index of the newest visible snapshot, or 0.
func (sh *shelf) newest() uint64 {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if n := len(sh.visible); n > 0 {
		return sh.visible[n-1].name.index
	}
	return 0
}

// create starts a snapshot.
func (sh *shelf) create(meta storage.SnapshotMetadata, received bool) (*snapshotWriter, error) {
	name := snapshotName{index: meta.Index, term: meta.Term, suffix: visibleSuffix}
	if received {
		name.suffix = receivedSuffix
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return nil, plugins.ErrClosed
	}
	sh.parts++
	return newSnapshotWriter(sh, partName(meta.Index, meta.Term, sh.parts), name, meta)
}

// put gives a finished snapshot its name and takes it in.
func (sh *shelf) put(part string, s snapshotFile) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return plugins.ErrClosed
	}
	if err := putInPlace(sh.fs, part, s.name.String()); err != nil {
		return err
	}
	if s.name.suffix == receivedSuffix {
		sh.received = replace(sh.received, s)
		return nil
	}
	sh.showLocked(s)
	return nil
}

// showLocked makes a snapshot visible and removes those beyond the newest two.
func (sh *shelf) showLocked(s snapshotFile) {
	sh.visible = replace(sh.visible, s)
	slices.SortFunc(sh.visible, byIndex)
	sh.trimLocked()
}

func (sh *shelf) trimLocked() {
	for len(sh.visible) > keptSnapshots {
		sh.removeLocked(sh.visible[0])
		sh.visible = sh.visible[1:]
	}
}

// removeLocked removes a file that nothing depends on: if that fails the next
// Open finds it again.
func (sh *shelf) removeLocked(s snapshotFile) {
	if err := sh.fs.Remove(s.name.String()); err != nil {
		sh.logger.Warn("cannot remove an old snapshot", "file", s.name.String(), "error", err)
	}
}

// replace returns list with s in the place of the one at the same index.
func replace(list []snapshotFile, s snapshotFile) []snapshotFile {
	list = slices.DeleteFunc(slices.Clone(list), func(o snapshotFile) bool { return o.name == s.name })
	return append(list, s)
}

// discard removes an unfinished snapshot.
func (sh *shelf) discard(part string) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return nil // the directory may be somebody else's by now; the next Open sweeps it
	}
	return sh.fs.Remove(part)
}

// find returns the snapshot at index, or the newest visible one for 0.
func (sh *shelf) find(index uint64) (snapshotFile, bool) {
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

func findIndex(list []snapshotFile, index uint64) (snapshotFile, bool) {
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].name.index == index {
			return list[i], true
		}
	}
	return snapshotFile{}, false
}

// install makes the received snapshot visible once record, which writes it
// into the log, has succeeded.
func (sh *shelf) install(index uint64, record func(term uint64) error) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s, ok := findIndex(sh.received, index)
	if !ok {
		return storage.ErrNoSnapshot
	}
	if err := record(s.name.term); err != nil {
		return err
	}
	visible := s
	visible.name.suffix = visibleSuffix
	if err := putInPlace(sh.fs, s.name.String(), visible.name.String()); err != nil {
		return &afterRecordError{err}
	}
	sh.received = slices.DeleteFunc(sh.received, func(o snapshotFile) bool {
		if o.name.index <= index && o.name != s.name {
			sh.removeLocked(o)
		}
		return o.name.index <= index
	})
	sh.showLocked(visible)
	return nil
}

// afterRecordError is a failure after the log says that the snapshot is
// installed: the store cannot go on until it is opened again.
type afterRecordError struct{ error }

func (e *afterRecordError) Unwrap() error { return e.error }

// forgetBelow removes received snapshots below the commit index: raft has
// passed them, so they will never be installed.
func (sh *shelf) forgetBelow(commit uint64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.closed {
		return
	}
	sh.received = slices.DeleteFunc(sh.received, func(o snapshotFile) bool {
		if o.name.index < commit {
			sh.removeLocked(o)
		}
		return o.name.index < commit
	})
}

// close makes every later change of the directory impossible.
func (sh *shelf) close() {
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
	return i
}
