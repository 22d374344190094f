package storecopy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

var (
	// ErrIncomplete: no snapshot reaches the log, so that the store has a gap. Copy returns it.
	ErrIncomplete = errors.New("the store is incomplete")
	// ErrDiffers: the copy is not what the store is. Compare returns it.
	ErrDiffers = errors.New("the copy differs from the store")
	// ErrOtherID: the copy has an id of its own. Compare returns it.
	ErrOtherID = errors.New("the backend does not take the id of a moved store")
)

// Store is an open store, with what its Open answered.
type Store struct {
	storage.Storage
	State storage.State
}

// Copied says what Copy has put into a store.
type Copied struct {
	FirstIndex, LastIndex, Entries uint64
	Snapshots                      int
}

// Progress counts what was read of a store and what was written to the copy, at any time.
type Progress struct{ Entries, Bytes atomic.Uint64 }

// Copy copies the log and the snapshots of from into to, which is empty and has the id of
// from. All of it is durable when Copy returns. p counts what was copied.
//
// A log that does not begin at 1 begins in the copy after the oldest snapshot that it still
// covers: entries before it, kept for followers, are not copied.
func Copy(ctx context.Context, from, to Store, limits plugins.Limits, p *Progress) (c Copied, err error) {
	st := from.State
	kept := usable(st)
	base := uint64(0)
	if st.FirstIndex > 1 {
		if len(kept) == 0 {
			return c, fmt.Errorf("%w: no snapshot reaches the log, which begins at %d", ErrIncomplete, st.FirstIndex)
		}
		base = kept[0].Metadata.Index
		hs := storage.HardState{Term: st.HardState.Term, Vote: st.HardState.Vote, Commit: base}
		if err := transfer(ctx, from, base, func(r storage.SnapshotReader) error {
			return Begin(ctx, to, r.Info().Metadata, counted{r, p}, hs)
		}); err != nil {
			return c, err
		}
		kept = kept[1:]
		c.Snapshots = 1
	}
	c.FirstIndex, c.LastIndex = base+1, st.LastIndex
	c.Snapshots += len(kept)
	if c.Entries, err = copyEntries(ctx, from, to, base+1, limits, p); err != nil {
		return c, err
	}
	for _, sn := range kept {
		if err := transfer(ctx, from, sn.Metadata.Index, func(r storage.SnapshotReader) error {
			return Save(ctx, to, r.Info().Metadata, counted{r, p}, false)
		}); err != nil {
			return c, err
		}
	}
	return c, nil
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

func transfer(ctx context.Context, from Store, index uint64, use func(storage.SnapshotReader) error) (err error) {
	r, err := from.OpenSnapshot(ctx, index)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return use(r)
}

// Begin makes a snapshot the start of an empty store.
func Begin(ctx context.Context, s storage.Storage, meta storage.SnapshotMetadata, content io.Reader, hs storage.HardState) error {
	if err := Save(ctx, s, meta, content, true); err != nil {
		return err
	}
	return s.InstallSnapshot(ctx, meta.Index, hs)
}

// Save copies a snapshot into a store.
func Save(ctx context.Context, s storage.Storage, meta storage.SnapshotMetadata, content io.Reader, received bool) error {
	w, err := s.CreateSnapshot(ctx, meta, received)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, content); err != nil {
		return errors.Join(fmt.Errorf("snapshot %d: %w", meta.Index, err), w.Abort())
	}
	_, err = w.Commit()
	return err
}

// copyEntries copies the log from index from on, and the hard state last: a
// copy that was interrupted has no vote and no commit index of its own.
func copyEntries(ctx context.Context, source, to Store, from uint64, limits plugins.Limits, p *Progress) (copied uint64, err error) {
	err = ReadLog(ctx, source, from, func(entries []storage.Entry) error {
		copied += uint64(len(entries))
		for len(entries) > 0 {
			n, size := 0, uint64(0)
			for n < len(entries) && (n == 0 || size+uint64(len(entries[n].Data)) <= limits.BatchBytes()) {
				size += uint64(len(entries[n].Data))
				n++
			}
			if err := to.Append(ctx, []storage.Batch{{Entries: entries[:n], MustSync: true}}); err != nil {
				return err
			}
			p.Entries.Add(uint64(n))
			p.Bytes.Add(size)
			entries = entries[n:]
		}
		return nil
	})
	if err != nil {
		return copied, err
	}
	hs := source.State.HardState
	hs.Commit = max(hs.Commit, from-1) // it may lag behind a snapshot
	if hs == (storage.HardState{}) {
		return copied, nil
	}
	return copied, to.Append(ctx, []storage.Batch{{HardState: hs, MustSync: true}})
}

// readBytes is how much of a log is read together.
const readBytes = 1 << 20

// ReadLog calls visit with the entries from index from on, in order.
func ReadLog(ctx context.Context, s Store, from uint64, visit func([]storage.Entry) error) error {
	for lo := from; lo <= s.State.LastIndex; {
		entries, err := s.Read(ctx, lo, s.State.LastIndex+1, readBytes)
		if err != nil {
			return fmt.Errorf("read entries from %d on: %w", lo, err)
		}
		if len(entries) == 0 {
			return fmt.Errorf("read entries from %d on: none came", lo)
		}
		if err := visit(entries); err != nil {
			return err
		}
		lo += uint64(len(entries))
	}
	return nil
}

// counted is a reader whose bytes are progress.
type counted struct {
	io.Reader
	progress *Progress
}

// Read implements io.Reader.
func (c counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.progress.Bytes.Add(uint64(n))
	return n, err
}
