package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"github.com/pontoon-raft/pontoon/plugins"
)

// A stateFile has two slots that are written in turn, so that a write that is
// torn leaves the state before it. Index and value are in one slot: the state
// on disk is always that of some index, which is all that the contract asks.
// Nothing is synced before Close: the log has the entries that a power failure
// takes from the file.
type stateFile struct {
	*os.File
	cluster, node uint64
	sequence      uint64 // of the slot written last
}

const (
	slotBytes  = 5*8 + 4 // sequence, cluster, node, applied, value, CRC-32
	slotStride = 512     // a sector each
)

// openStateFile opens or creates the file and returns the newest state in it.
func openStateFile(path string, cluster, node uint64) (*stateFile, state, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, state{}, err
	}
	f := &stateFile{File: file, cluster: cluster, node: node}
	newest, err := f.read()
	if err != nil {
		file.Close()
		return nil, state{}, fmt.Errorf("%s: %w", path, err)
	}
	return f, newest, nil
}

// read returns the state of the newest sound slot, a zero one if none was ever
// written.
func (f *stateFile) read() (newest state, err error) {
	var raw [2 * slotStride]byte
	if _, err := f.ReadAt(raw[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return state{}, err
	}
	if raw == [2 * slotStride]byte{} {
		return state{}, nil
	}
	for at := 0; at < len(raw); at += slotStride {
		slot, number := raw[at:at+slotBytes], binary.LittleEndian.Uint64
		sound := binary.LittleEndian.Uint32(slot[40:]) == crc32.ChecksumIEEE(slot[:40])
		if !sound || number(slot) <= f.sequence {
			continue
		}
		if cluster, node := number(slot[8:]), number(slot[16:]); cluster != f.cluster || node != f.node {
			return state{}, fmt.Errorf("%w: of node %x in cluster %x", plugins.ErrWrongIdentity, node, cluster)
		}
		f.sequence = number(slot)
		newest = state{applied: number(slot[24:]), value: int64(number(slot[32:]))}
	}
	if f.sequence == 0 {
		return state{}, errors.New("damaged: neither of its slots is sound; remove it and the host will replay")
	}
	return newest, nil
}

// write puts s into the older slot.
func (f *stateFile) write(s state) error {
	f.sequence++
	raw := make([]byte, 0, slotBytes)
	for _, n := range []uint64{f.sequence, f.cluster, f.node, s.applied, uint64(s.value)} {
		raw = binary.LittleEndian.AppendUint64(raw, n)
	}
	raw = binary.LittleEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw))
	_, err := f.WriteAt(raw, int64(f.sequence%2)*slotStride)
	return err
}
