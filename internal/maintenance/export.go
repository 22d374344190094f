package maintenance

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/regular"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/storage/vfs"
)

// An exported snapshot is the magic, the snapshot's stream
// (docs/formats/snapshot-stream.md), and the SHA-256 of both.
const exportMagic = "PONTEXP\x01"

// ExportSnapshot writes the snapshot at index, or the newest for 0, to a file
// of its own, which must not exist yet. The file is durable on return.
func ExportSnapshot(ctx context.Context, place Place, node *Node, index uint64, path string) (_ SnapshotVerdict, err error) {
	s, err := OpenToRead(ctx, place, node)
	if err != nil {
		return SnapshotVerdict{}, err
	}
	defer func() { err = errors.Join(err, s.Release()) }()
	all := listed(s.State.Snapshots)
	for i := len(all) - 1; i >= 0; i-- {
		if index == 0 || all[i].Index == index {
			_, err := WriteExport(path, func(w io.Writer) error { return classify(readSnapshot(ctx, s, all[i].Index, w)) })
			return all[i], err
		}
	}
	if index == 0 {
		return SnapshotVerdict{}, fmt.Errorf("%w: the node has no snapshot yet", ErrNoSnapshot)
	}
	return SnapshotVerdict{}, fmt.Errorf("%w at %d", ErrNoSnapshot, index)
}

// ErrNoSnapshot: the store has no such snapshot. ExportSnapshot returns it.
var ErrNoSnapshot = errors.New("no such snapshot")

// Exported is a file that was written.
type Exported struct {
	Bytes  uint64
	SHA256 string // of the file, in hex: what sha256sum prints
}

// WriteExport makes a file of the stream of a snapshot, which content writes. The file is whole or
// not there, also if the program is killed: what that leaves then has another name. It does not
// replace a file, and is durable on return.
func WriteExport(path string, content func(io.Writer) error) (made Exported, err error) {
	if _, err := os.Lstat(path); err == nil {
		return made, fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
	if err != nil {
		return made, err
	}
	defer func() {
		if gone := os.Remove(f.Name()); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	made, err = WriteExportTo(f, content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return made, err
	}
	if err := publish(f.Name(), path); err != nil {
		return made, err
	}
	return made, vfs.SyncOSDir(filepath.Dir(path))
}

// WriteExportTo writes what WriteExport puts into a file. Without an error it is whole.
func WriteExportTo(out io.Writer, content func(io.Writer) error) (made Exported, err error) {
	buf := bufio.NewWriterSize(out, 256<<10)
	sum, whole := sha256.New(), sha256.New()
	counted := &countingWriter{}
	w := io.MultiWriter(buf, sum, whole, counted)
	if _, err = w.Write([]byte(exportMagic)); err == nil {
		err = content(w)
	}
	if err == nil {
		_, err = io.MultiWriter(buf, whole, counted).Write(sum.Sum(nil))
	}
	if err == nil {
		err = buf.Flush()
	}
	return Exported{Bytes: counted.bytes, SHA256: hex.EncodeToString(whole.Sum(nil))}, err
}

type countingWriter struct{ bytes uint64 }

func (c *countingWriter) Write(b []byte) (int, error) {
	c.bytes += uint64(len(b))
	return len(b), nil
}

// publish gives a file its name, which no file has.
func publish(part, path string) error {
	err := os.Link(part, path)
	if _, absent := os.Lstat(path); err != nil && errors.Is(absent, fs.ErrNotExist) {
		return os.Rename(part, path) // the file system has no links
	}
	return err
}

// export is an exported snapshot that was checked.
type export struct {
	file   *os.File
	size   int64 // of the stream
	sum    [sha256.Size]byte
	header *server.SnapshotHeader
}

// openExport opens a file that ExportSnapshot wrote and verifies all of it.
func openExport(path string) (_ *export, err error) {
	f, info, err := regular.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	e := &export{file: f, size: info.Size() - int64(len(exportMagic)) - sha256.Size}
	if e.size < 0 {
		return nil, fmt.Errorf("%s: %w: it is too short for a snapshot", path, ErrDamaged)
	}
	magic := make([]byte, len(exportMagic))
	if _, err := f.ReadAt(magic, 0); err != nil || !bytes.Equal(magic, []byte(exportMagic)) {
		return nil, errors.Join(fmt.Errorf("%s: %w: it is no exported snapshot", path, ErrDamaged), err)
	}
	if err := e.verify(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	e.header, err = server.ReadSnapshotHeader(e.stream())
	switch {
	case errors.Is(err, member.ErrNewer):
		return nil, fmt.Errorf("%s: %w", path, classify(err))
	case err != nil:
		return nil, fmt.Errorf("%s: %w: %w", path, ErrDamaged, err)
	}
	return e, nil
}

// ExportInfo is what an exported snapshot says of itself. The ids are in hex.
type ExportInfo struct {
	ClusterID    string   `json:"cluster_id"`
	Index        uint64   `json:"index"`
	Term         uint64   `json:"term"`
	StateMachine string   `json:"state_machine"`
	Members      []string `json:"members"`
	Bytes        int64    `json:"bytes"`
	SHA256       string   `json:"sha256"`
}

// InspectExport reads all of an exported snapshot, and compares its checksum.
func InspectExport(path string) (ExportInfo, error) {
	e, err := openExport(path)
	if err != nil {
		return ExportInfo{}, err
	}
	whole := sha256.New()
	n, err := io.Copy(whole, io.NewSectionReader(e.file, 0, math.MaxInt64))
	if err := errors.Join(err, e.file.Close()); err != nil {
		return ExportInfo{}, err
	}
	h := e.header
	info := ExportInfo{
		ClusterID: hexID(h.ClusterID), Index: h.Index, Term: h.Term, StateMachine: h.StateMachine,
		Members: []string{}, Bytes: n, SHA256: hex.EncodeToString(whole.Sum(nil)),
	}
	for _, id := range slices.Concat(h.Registry.Voters(), h.Registry.Learners()) {
		info.Members = append(info.Members, hexID(id))
	}
	return info, nil
}

func (e *export) stream() io.Reader {
	return io.NewSectionReader(e.file, int64(len(exportMagic)), e.size)
}

// again is the stream once more, which ends with ErrDamaged if the file has changed since it was
// verified: a backup is copied over an older one, say.
func (e *export) again() (io.Reader, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(e.file, 0, int64(len(exportMagic)))); err != nil {
		return nil, err
	}
	return io.MultiReader(io.TeeReader(e.stream(), sum), unchanged{sum, e.sum[:]}), nil
}

// unchanged has no bytes. It ends with ErrDamaged if sum is not the one that is wanted.
type unchanged struct {
	sum  hash.Hash
	want []byte
}

func (u unchanged) Read([]byte) (int, error) {
	if !bytes.Equal(u.sum.Sum(nil), u.want) {
		return 0, fmt.Errorf("%w: the file has changed while it was read", ErrDamaged)
	}
	return 0, io.EOF
}

// streamWith returns the stream with another header before the same content.
func (e *export) streamWith(header *server.SnapshotHeader) (io.Reader, error) {
	content, err := e.again()
	if err != nil {
		return nil, err
	}
	if _, err := server.ReadSnapshotHeader(content); err != nil {
		return nil, err
	}
	head := &bytes.Buffer{}
	if err := header.Encode(head); err != nil {
		return nil, err
	}
	return io.MultiReader(head, content), nil
}

func (e *export) verify() error {
	end := int64(len(exportMagic)) + e.size
	sum, want := sha256.New(), make([]byte, sha256.Size)
	if _, err := io.Copy(sum, io.NewSectionReader(e.file, 0, end)); err != nil {
		return err
	}
	if _, err := e.file.ReadAt(want, end); err != nil {
		return err
	}
	if sum.Sum(e.sum[:0]); subtle.ConstantTimeCompare(want, e.sum[:]) == 0 {
		return fmt.Errorf("%w: its checksum is wrong", ErrDamaged)
	}
	return nil
}
