package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"io"

	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// A snapshot is magic, applied index, the dump, the length of all before, and the SHA-256 of all before.
const snapshotMagic = "pontoon-sqlite-1\n"

type snapshot struct{ v *view }

func (m *machine) PrepareSnapshot(context.Context) (snap statemachine.Snapshot, err error) {
	s, err := m.usable()
	if err != nil {
		return nil, err
	}
	v, err := s.view(context.Background(), false)
	if err != nil {
		return nil, err
	}
	return &snapshot{v}, nil
}

func (s *snapshot) Index() uint64 { return s.v.applied }

// Save writes the snapshot while commands go on.
func (s *snapshot) Save(ctx context.Context, w io.Writer) error {
	s.v.watch(ctx)
	sum := &summing{w: w, h: sha256.New()}
	head := binary.LittleEndian.AppendUint64([]byte(snapshotMagic), s.v.applied)
	if _, err := sum.Write(head); err != nil {
		return err
	}
	if err := s.v.dump(sum); err != nil {
		return s.v.wrap(err)
	}
	if _, err := sum.Write(binary.LittleEndian.AppendUint64(nil, sum.n)); err != nil {
		return err
	}
	_, err := w.Write(sum.h.Sum(nil))
	return err
}

func (s *snapshot) Release() { s.v.close() }

// summing counts and hashes what is written.
type summing struct {
	w io.Writer
	h hash.Hash
	n uint64
}

func (s *summing) Write(p []byte) (int, error) {
	s.h.Write(p)
	s.n += uint64(len(p))
	return s.w.Write(p)
}
