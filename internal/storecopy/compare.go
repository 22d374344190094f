package storecopy

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Compare reads all of a store and of its copy, which has been opened once more since it was
// made, as a host will open it. p counts what was read of both.
func Compare(ctx context.Context, original, made Store, p *Progress) error {
	a, b := original.State, made.State
	a.HardState.Commit = max(a.HardState.Commit, b.FirstIndex-1) // it may lag behind the snapshot there
	if a.StoreID != b.StoreID {
		return fmt.Errorf("%w: the copy has %x, the original %x", ErrOtherID, b.StoreID, a.StoreID)
	}
	if a.HardState != b.HardState || a.LastIndex != b.LastIndex || b.FirstIndex < a.FirstIndex {
		return fmt.Errorf("%w: it is [%d,%d] with %v, the original [%d,%d] with %v",
			ErrDiffers, b.FirstIndex, b.LastIndex, b.HardState, a.FirstIndex, a.LastIndex, a.HardState)
	}
	sums := [2][]byte{}
	for i, s := range []Store{original, made} {
		h := sha256.New()
		if err := digest(ctx, h, s, b.FirstIndex, usable(a), p); err != nil {
			return err
		}
		sums[i] = h.Sum(nil)
	}
	if !bytes.Equal(sums[0], sums[1]) {
		return fmt.Errorf("%w: it has other entries or snapshots", ErrDiffers)
	}
	return nil
}

// digest sums up the entries from index from on and the snapshots.
func digest(ctx context.Context, h hash.Hash, s Store, from uint64, snapshots []storage.SnapshotInfo, p *Progress) error {
	err := ReadLog(ctx, s, from, func(entries []storage.Entry) error {
		for i := range entries {
			e := &entries[i]
			fmt.Fprintf(h, "%d %d %d %d:", e.Index, e.Term, e.Type, len(e.Data))
			h.Write(e.Data)
			p.Bytes.Add(uint64(len(e.Data)))
		}
		p.Entries.Add(uint64(len(entries)))
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
		if _, err := io.Copy(h, counted{r, p}); err != nil {
			return errors.Join(err, r.Close())
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	return nil
}
