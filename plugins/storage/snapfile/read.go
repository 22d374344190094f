package snapfile

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"hash"
	"io"
	"os"

	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/corruption"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// reader reads a snapshot's content and checks it on the way. It is
// used by one goroutine.
type reader struct {
	snapshot file
	file     vfs.File
	sum      hash.Hash
	off      int64 // in the content
	verified bool
}

func newReader(f vfs.File, s file) *reader {
	r := &reader{snapshot: s, file: f, sum: sha256.New()}
	r.sum.Write(s.summed)
	return r
}

// Info implements storage.SnapshotReader.
func (r *reader) Info() storage.SnapshotInfo { return cloneInfo(r.snapshot.info) }

// Read implements storage.SnapshotReader.
func (r *reader) Read(p []byte) (int, error) {
	left := int64(r.snapshot.info.Bytes) - r.off
	if left == 0 {
		return 0, r.verify()
	}
	if int64(len(p)) > left {
		p = p[:left]
	}
	at := r.snapshot.head + r.off
	n, err := r.file.ReadAt(p, at)
	r.sum.Write(p[:n])
	r.off += int64(n)
	if n < len(p) {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return n, corruption.Unreadable(r.snapshot.name.String(), at+int64(n), err)
	}
	return n, nil
}

// verify compares the checksum, and is the only source of io.EOF.
func (r *reader) verify() error {
	if !r.verified {
		var sum [sha256.Size]byte
		r.sum.Sum(sum[:0])
		if subtle.ConstantTimeCompare(sum[:], r.snapshot.sum[:]) == 0 {
			return corruption.At(r.snapshot.name.String(), r.snapshot.head, "its content is not what was written")
		}
		r.verified = true
	}
	return io.EOF
}

// Close implements storage.SnapshotReader.
func (r *reader) Close() error { return ignoreClosed(r.file.Close()) }

func ignoreClosed(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	return err
}
