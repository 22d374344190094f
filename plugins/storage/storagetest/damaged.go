package storagetest

import (
	"errors"
	"io"

	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// Damaged is r with an end that does not match its checksum.
func Damaged(r storage.SnapshotReader) storage.SnapshotReader { return damagedReader{r} }

type damagedReader struct{ storage.SnapshotReader }

// Read implements io.Reader.
func (r damagedReader) Read(b []byte) (int, error) {
	n, err := r.SnapshotReader.Read(b)
	if errors.Is(err, io.EOF) {
		err = storage.ErrCorrupt
	}
	return n, err
}
