package snapfile

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/storage/internal/freespace"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

const (
	bufferBytes = 256 << 10
	// syncBytes is how much of a snapshot waits for the disk at most:
	// the kernel writing out a gigabyte at once holds up the log's syncs.
	syncBytes = 8 << 20
)

// writer writes one .part file. It is used by one goroutine.
type writer struct {
	shelf    *Shelf
	part     string
	final    fileName
	meta     storage.SnapshotMetadata
	head     []byte   // header and metadata
	file     vfs.File // nil after Commit or Abort
	buf      *bufio.Writer
	sum      hash.Hash // of the content
	size     uint64
	unsynced int
	err      error // of a write: nothing can be committed any more
}

func newWriter(sh *Shelf, part string, final fileName, meta storage.SnapshotMetadata) (*writer, error) {
	head, err := encodeHead(meta)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", plugins.ErrInvalidArgument, err)
	}
	f, err := sh.fs.Create(part)
	if err != nil {
		return nil, err
	}
	w := &writer{
		shelf: sh, part: part, final: final, meta: meta, head: head, file: f, sum: sha256.New(),
		buf: bufio.NewWriterSize(io.NewOffsetWriter(f, 0), bufferBytes),
	}
	if w.put(head) != nil {
		return nil, errors.Join(w.err, w.Abort())
	}
	return w, nil
}

// put writes p.
func (w *writer) put(p []byte) error {
	if w.err != nil {
		return w.err
	}
	if _, err := w.buf.Write(p); err != nil {
		w.err = fmt.Errorf("write snapshot %d: %w", w.meta.Index, freespace.Error(err))
		return w.err
	}
	if w.unsynced += len(p); w.unsynced >= syncBytes {
		w.unsynced = 0
		if err := w.file.Sync(); err != nil {
			w.err = fmt.Errorf("sync snapshot %d: %w", w.meta.Index, freespace.Error(err))
		}
	}
	return w.err
}

// Write implements storage.SnapshotWriter.
func (w *writer) Write(p []byte) (int, error) {
	if w.file == nil {
		return 0, plugins.ErrClosed
	}
	if err := w.put(p); err != nil {
		return 0, err
	}
	w.sum.Write(p)
	w.size += uint64(len(p))
	return len(p), nil
}

// Commit implements storage.SnapshotWriter.
func (w *writer) Commit() (storage.SnapshotInfo, error) {
	if w.file == nil {
		return storage.SnapshotInfo{}, plugins.ErrClosed
	}
	s, err := w.finish()
	if err != nil {
		return storage.SnapshotInfo{}, errors.Join(err, w.Abort())
	}
	w.file = nil
	if err := w.shelf.put(w.part, s); err != nil {
		_ = w.shelf.discard(w.part) // it may have its final name already
		return storage.SnapshotInfo{}, fmt.Errorf("commit snapshot %d: %w", w.meta.Index, freespace.Error(err))
	}
	return cloneInfo(s.info), nil
}

// finish writes the trailer, makes all of it durable and closes the file.
func (w *writer) finish() (file, error) {
	if w.err != nil {
		return file{}, w.err
	}
	s := file{name: w.final, info: storage.SnapshotInfo{Metadata: w.meta, Bytes: w.size}, head: int64(len(w.head))}
	w.sum.Sum(s.sum[:0])
	s.info.Sha256 = s.sum[:]
	_, err := w.buf.Write(tail{w.size, s.sum}.encode(w.head))
	if err == nil {
		err = w.buf.Flush()
	}
	if err == nil {
		err = w.file.SyncAll()
	}
	if err == nil {
		err = w.file.Close()
	}
	if err != nil {
		return file{}, fmt.Errorf("write snapshot %d: %w", w.meta.Index, freespace.Error(err))
	}
	return s, nil
}

// Abort implements storage.SnapshotWriter.
func (w *writer) Abort() error {
	if w.file == nil {
		return nil
	}
	f := w.file
	w.file = nil
	// The file is in no directory listing that matters; that it was closed
	// before is not an error.
	return errors.Join(ignoreClosed(f.Close()), w.shelf.discard(w.part))
}
