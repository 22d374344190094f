package statemachinetest

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// A Register's snapshot: magic, applied index, number of entries, and for each
// its index and data with its length; numbers are uvarints. Nothing follows.
const registerMagic = "register/1\n"

// maxRegisterData limits one entry of a snapshot.
const maxRegisterData = 64 << 20

// PrepareSnapshot implements statemachine.StateMachine.
func (r *Register) PrepareSnapshot(context.Context) (statemachine.Snapshot, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.usable(); err != nil {
		return nil, err
	}
	// Later appends go after the clipped slice's end or to another array.
	return &registerSnapshot{register: r, index: r.applied, entries: slices.Clip(r.entries)}, nil
}

type registerSnapshot struct {
	register *Register
	index    uint64
	entries  []statemachine.Entry
	used     atomic.Bool
}

// Index implements statemachine.Snapshot.
func (s *registerSnapshot) Index() uint64 { return s.index }

// Release implements statemachine.Snapshot.
func (s *registerSnapshot) Release() { s.used.Store(true) }

// Save implements statemachine.Snapshot.
func (s *registerSnapshot) Save(ctx context.Context, w io.Writer) error {
	if s.used.Swap(true) {
		return fmt.Errorf("register: %w: snapshot was saved or released before", plugins.ErrInvalidArgument)
	}
	bw := bufio.NewWriter(w)
	buf := binary.AppendUvarint([]byte(registerMagic), s.index)
	buf = binary.AppendUvarint(buf, uint64(len(s.entries)))
	for _, e := range s.entries {
		if err := errors.Join(ctx.Err(), s.register.faults.gone()); err != nil {
			return err
		}
		buf = binary.AppendUvarint(buf, e.Index)
		buf = binary.AppendUvarint(buf, uint64(len(e.Data)))
		if _, err := bw.Write(append(buf, e.Data...)); err != nil {
			return err
		}
		buf = buf[:0]
	}
	if _, err := bw.Write(buf); err != nil {
		return err
	}
	return bw.Flush()
}

// Restore implements statemachine.StateMachine.
func (r *Register) Restore(_ context.Context, index uint64, rd io.Reader) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.usable(); err != nil {
		return err
	}
	r.tearRestore(index)
	src := &source{r: rd}
	entries, err := readRegister(bufio.NewReader(src), index)
	if src.err != nil {
		return fmt.Errorf("register: read snapshot %d: %w", index, src.err)
	}
	if err != nil {
		return fmt.Errorf("register: %w: %w", statemachine.ErrBadSnapshot, err)
	}
	r.entries, r.applied = entries, index
	if err := r.keepRestored(); err != nil {
		return err
	}
	r.move(index)
	return nil
}

// source remembers why reading failed, which is not the snapshot's fault.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func readRegister(rd *bufio.Reader, index uint64) ([]statemachine.Entry, error) {
	magic := make([]byte, len(registerMagic))
	if _, err := io.ReadFull(rd, magic); err != nil {
		return nil, err
	}
	if string(magic) != registerMagic {
		return nil, fmt.Errorf("it starts with %q", magic)
	}
	applied, err := binary.ReadUvarint(rd)
	if err != nil {
		return nil, err
	}
	if applied != index {
		return nil, fmt.Errorf("it is of index %d instead of %d", applied, index)
	}
	count, err := binary.ReadUvarint(rd)
	if err != nil {
		return nil, err
	}
	var entries []statemachine.Entry
	for range count {
		e, err := readRegisterEntry(rd)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	if _, err := rd.ReadByte(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("bytes follow its end")
	}
	return entries, nil
}

func readRegisterEntry(rd *bufio.Reader) (statemachine.Entry, error) {
	index, err := binary.ReadUvarint(rd)
	if err != nil {
		return statemachine.Entry{}, err
	}
	size, err := binary.ReadUvarint(rd)
	if err != nil {
		return statemachine.Entry{}, err
	}
	if size > maxRegisterData {
		return statemachine.Entry{}, fmt.Errorf("entry %d of %d bytes: %w", index, size, plugins.ErrLimit)
	}
	data, err := io.ReadAll(io.LimitReader(rd, int64(size)))
	if err == nil && uint64(len(data)) < size {
		err = io.ErrUnexpectedEOF
	}
	return statemachine.Entry{Index: index, Data: data}, err
}
