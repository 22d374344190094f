package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/pontoon-raft/pontoon/plugins"
)

// A stateFile has one state, which is replaced as a whole: a new file is written, synced, and
// renamed over the old one, and then the directory is synced. So an end at any moment, a loss
// of power too, leaves the state before or the one after. Index and value are in one file:
// the state on disk is always that of some index.
type stateFile struct {
	path          string
	cluster, node uint64
	// step is called before each step, and an error ends the write there. For tests; may be nil.
	step func(path, name string) error
}

const recordBytes = 4*8 + 4 // cluster, node, applied, value, CRC-32

// read returns the state; a zero one, which is written, if there is none. The next write
// replaces the file that an unfinished one has left.
func (f *stateFile) read() (state, error) {
	raw, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, f.write(state{}) // from now on the directory is this node's
	}
	if err != nil {
		return state{}, err
	}
	number := binary.LittleEndian.Uint64
	if len(raw) != recordBytes || binary.LittleEndian.Uint32(raw[32:]) != crc32.ChecksumIEEE(raw[:32]) {
		return state{}, fmt.Errorf("%s: damaged; remove it and the host will restore and replay", f.path)
	}
	if cluster, node := number(raw), number(raw[8:]); cluster != f.cluster || node != f.node {
		return state{}, fmt.Errorf("%s: %w: of node %x in cluster %x", f.path, plugins.ErrWrongIdentity, node, cluster)
	}
	return state{applied: number(raw[16:]), value: int64(number(raw[24:]))}, nil
}

// write replaces the state by s, which is durable when write returns nil. After an error it is
// unknown which of the two is on disk.
func (f *stateFile) write(s state) error {
	raw := make([]byte, 0, recordBytes)
	for _, n := range []uint64{f.cluster, f.node, s.applied, uint64(s.value)} {
		raw = binary.LittleEndian.AppendUint64(raw, n)
	}
	raw = binary.LittleEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw))
	if err := f.before("create"); err != nil {
		return err
	}
	file, err := os.OpenFile(f.path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.fill(file, raw), file.Close()); err != nil {
		return err
	}
	if err := f.before("rename"); err != nil {
		return err
	}
	if err := os.Rename(f.path+".new", f.path); err != nil {
		return err
	}
	return f.syncDir()
}

// fill writes and syncs the new file.
func (f *stateFile) fill(file *os.File, raw []byte) error {
	if err := f.before("write"); err != nil {
		return err
	}
	if _, err := file.Write(raw); err != nil {
		return err
	}
	if err := f.before("sync"); err != nil {
		return err
	}
	return file.Sync()
}

// syncDir makes the new name survive.
func (f *stateFile) syncDir() error {
	if err := f.before("sync the directory"); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(f.path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func (f *stateFile) before(step string) error {
	if f.step == nil {
		return nil
	}
	return f.step(f.path, step)
}
