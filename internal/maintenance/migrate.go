package maintenance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
	"github.com/pontoon-raft/pontoon/plugins/storage/wal"
)

// Migration is what Migrate did.
type Migration struct {
	From       string `json:"from"`
	To         string `json:"to"`
	Dir        string `json:"dir"`
	Old        string `json:"old"`
	StoreID    string `json:"store_id"` // in hex; that of the old store too
	FirstIndex uint64 `json:"first_index"`
	LastIndex  uint64 `json:"last_index"`
	Entries    uint64 `json:"entries"`
	Snapshots  int    `json:"snapshots"`
}

// Migrate copies the store in place into one of the backend that to names, reads
// both and compares them, and only then puts the new one in the old one's
// place, which keeps the old one under another name. from is how the old store is
// opened if it is not one of wal; it may be nil otherwise.
//
// A log that does not begin at 1 begins in the copy after the oldest snapshot that
// it still covers: entries before it, kept for followers, are not copied.
func Migrate(ctx context.Context, place Place, from *Node, to Node) (m Migration, err error) {
	m = Migration{From: place.Backend, To: to.Spec.Name, Dir: place.Dir}
	if err := mustBeInPlace(place.Dir); err != nil {
		return m, err
	}
	free, err := hold(place.Data)
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, free()) }()
	source, err := OpenToRead(ctx, place, from)
	if err != nil {
		return m, err
	}
	released := false
	release := func() error {
		if released {
			return nil
		}
		released = true
		return source.Release()
	}
	defer func() { err = errors.Join(err, release()) }()
	fresh := place.Dir + "." + to.Spec.Name + ".new"
	if err := sweep(fresh, to.Spec.Name); err != nil {
		return m, err
	}
	if err := copyStore(ctx, source, fresh, to, &m); err != nil {
		return m, errors.Join(err, os.RemoveAll(fresh))
	}
	if err := compareStores(ctx, source, fresh, to); err != nil {
		return m, errors.Join(err, os.RemoveAll(fresh))
	}
	if place.Backend != wal.Name {
		// A plugin that goes by paths would close itself in the new directory.
		// One that holds its directory keeps the lock until the end.
		if err := release(); err != nil {
			return m, err
		}
	}
	m.Old = fmt.Sprintf("%s.%s.%s", place.Dir, place.Backend, time.Now().UTC().Format("20060102T150405.000"))
	return m, swap(place.Dir, fresh, m.Old)
}

// sweep removes what an interrupted migration left, which is never the only
// store: that of the other backend there is an original after the exchange.
func sweep(dir, backend string) error {
	name, found, err := look(dir)
	if err != nil {
		return err
	}
	if found && name != backend {
		return fmt.Errorf("%w: %s has data of the backend %q: it is the original of an interrupted migration; move it away", ErrRefused, dir, orUnknown(name))
	}
	return os.RemoveAll(dir)
}

// swap exchanges the two directories and gives the old one its name. Where
// the system can, there is a store in dir at any moment: a host that found none would
// begin a new one, and forget its votes.
func swap(dir, fresh, old string) error {
	if err := exchange(dir, fresh); err != nil {
		return err
	}
	if err := vfs.SyncOSDir(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Rename(fresh, old); err != nil {
		return err
	}
	return vfs.SyncOSDir(filepath.Dir(dir))
}

func copyStore(ctx context.Context, source *Store, dir string, to Node, m *Migration) (err error) {
	m.StoreID = hexID(source.State.StoreID)
	to.StoreID = source.State.StoreID // the member stays the same for its peers
	target, err := OpenWithPlugin(ctx, dir, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Release()) }()
	st, limits := source.State, to.options(dir).Limits
	kept := usable(st)
	base := uint64(0)
	if st.FirstIndex > 1 {
		if len(kept) == 0 {
			return fmt.Errorf("%w: no snapshot reaches the log, which begins at %d", ErrDamaged, st.FirstIndex)
		}
		base = kept[0].Metadata.Index
		hs := storage.HardState{Term: st.HardState.Term, Vote: st.HardState.Vote, Commit: base}
		if err := transfer(ctx, source, base, func(r storage.SnapshotReader) error {
			return begin(ctx, target.Storage, r.Info().Metadata, r, hs)
		}); err != nil {
			return err
		}
		kept = kept[1:]
	}
	m.FirstIndex, m.LastIndex, m.Snapshots = base+1, st.LastIndex, len(kept)
	if base > 0 {
		m.Snapshots++
	}
	if err := copyEntries(ctx, source, target, base+1, limits, m); err != nil {
		return err
	}
	for _, sn := range kept {
		if err := transfer(ctx, source, sn.Metadata.Index, func(r storage.SnapshotReader) error {
			return save(ctx, target.Storage, r.Info().Metadata, r, false)
		}); err != nil {
			return err
		}
	}
	return nil
}

// usable are the snapshots that the log reaches.
func usable(st storage.State) []storage.SnapshotInfo {
	for i, sn := range st.Snapshots {
		if sn.Metadata.Index+1 >= st.FirstIndex {
			return st.Snapshots[i:]
		}
	}
	return nil
}

func transfer(ctx context.Context, source *Store, index uint64, use func(storage.SnapshotReader) error) (err error) {
	r, err := source.OpenSnapshot(ctx, index)
	if err != nil {
		return classify(err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return classify(use(r))
}

// copyEntries copies the log from index from on, and the hard state last: a
// copy that was interrupted has no vote and no commit index of its own.
func copyEntries(ctx context.Context, source, target *Store, from uint64, limits plugins.Limits, m *Migration) error {
	err := readLog(ctx, source, from, func(entries []storage.Entry) error {
		m.Entries += uint64(len(entries))
		for len(entries) > 0 {
			n, size := 0, uint64(0)
			for n < len(entries) && (n == 0 || size+uint64(len(entries[n].Data)) <= limits.BatchBytes()) {
				size += uint64(len(entries[n].Data))
				n++
			}
			if err := target.Append(ctx, []storage.Batch{{Entries: entries[:n], MustSync: true}}); err != nil {
				return err
			}
			entries = entries[n:]
		}
		return nil
	})
	if err != nil {
		return classify(err)
	}
	hs := source.State.HardState
	hs.Commit = max(hs.Commit, from-1) // it may lag behind a snapshot
	if hs == (storage.HardState{}) {
		return nil
	}
	return target.Append(ctx, []storage.Batch{{HardState: hs, MustSync: true}})
}

// compareStores opens the copy once more, as the host will, and compares all
// of it with the original.
func compareStores(ctx context.Context, source *Store, dir string, to Node) (err error) {
	target, err := OpenWithPlugin(ctx, dir, to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Release()) }()
	a, b := source.State, target.State
	a.HardState.Commit = max(a.HardState.Commit, b.FirstIndex-1) // it may lag behind the snapshot there
	if a.StoreID != b.StoreID {
		return fmt.Errorf("%w: the copy has store id %x, the original %x: the backend %s does not take the id of a moved store",
			ErrRefused, b.StoreID, a.StoreID, to.Spec.Name)
	}
	if a.HardState != b.HardState || a.LastIndex != b.LastIndex || b.FirstIndex < a.FirstIndex {
		return fmt.Errorf("%w: the copy is [%d,%d] with %v, the original [%d,%d] with %v",
			ErrDamaged, b.FirstIndex, b.LastIndex, b.HardState, a.FirstIndex, a.LastIndex, a.HardState)
	}
	sums := [2][]byte{}
	for i, s := range []*Store{source, target} {
		h := sha256.New()
		if err := digest(ctx, h, s, b.FirstIndex, usable(a)); err != nil {
			return classify(err)
		}
		sums[i] = h.Sum(nil)
	}
	if !bytes.Equal(sums[0], sums[1]) {
		return fmt.Errorf("%w: the copy has other entries or snapshots than the original", ErrDamaged)
	}
	return nil
}

// digest sums up the entries from index from on and the snapshots.
func digest(ctx context.Context, h hash.Hash, s *Store, from uint64, snapshots []storage.SnapshotInfo) error {
	err := readLog(ctx, s, from, func(entries []storage.Entry) error {
		for i := range entries {
			e := &entries[i]
			fmt.Fprintf(h, "%d %d %d %d:", e.Index, e.Term, e.Type, len(e.Data))
			h.Write(e.Data)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, sn := range snapshots {
		r, err := s.OpenSnapshot(ctx, sn.Metadata.Index)
		if err != nil {
			return err
		}
		info := r.Info()
		fmt.Fprintf(h, "%v %d:", info.Metadata, info.Bytes)
		if _, err := io.Copy(h, r); err != nil {
			return errors.Join(err, r.Close())
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	return nil
}
