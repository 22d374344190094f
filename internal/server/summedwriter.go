package server

import (
	"crypto/sha256"
	"fmt"
	"hash"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// A SummedWriter is a snapshot on its way into the storage. The host makes its SHA-256
// itself, and holds the storage's word against that: by this sum the snapshot is known to
// all members, and a wrong one would have each of them refuse it.
type SummedWriter struct {
	storage.SnapshotWriter
	sum hash.Hash
}

// NewSummedWriter returns a writer to w, to which nothing has been written.
func NewSummedWriter(w storage.SnapshotWriter) *SummedWriter {
	return &SummedWriter{w, sha256.New()}
}

// Write implements storage.SnapshotWriter.
func (w *SummedWriter) Write(p []byte) (int, error) {
	n, err := w.SnapshotWriter.Write(p)
	w.sum.Write(p[:n])
	return n, err
}

// Sum is the SHA-256 of what was written.
func (w *SummedWriter) Sum() string { return string(w.sum.Sum(nil)) }

// Commit implements storage.SnapshotWriter. A storage of before sums says none, and is
// believed.
func (w *SummedWriter) Commit() (storage.SnapshotInfo, error) {
	info, err := w.SnapshotWriter.Commit()
	if err == nil && len(info.Sha256) > 0 && string(info.Sha256) != w.Sum() {
		return storage.SnapshotInfo{}, fmt.Errorf("%w: snapshot %d has SHA-256 %x, and the storage says %x (rule ST-39)",
			plugins.ErrBadAnswer, info.Metadata.Index, w.Sum(), info.Sha256)
	}
	return info, err
}
