package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/hashicorp/raft"
)

// maxWrite bounds what a damaged snapshot can make Restore allocate.
const maxWrite = 64 << 20

// hashicorpStore is the state machine of a hashicorp/raft node: a map, the cheapest there is. It gets
// committed entries in batches, which raft offers to a BatchingFSM.
//
// Raft calls Apply, ApplyBatch, Snapshot and Restore from one goroutine, so there is no lock.
type hashicorpStore struct {
	values map[string][]byte
}

var _ raft.BatchingFSM = (*hashicorpStore)(nil)

// newHashicorpStore returns an empty store.
func newHashicorpStore() *hashicorpStore {
	return &hashicorpStore{values: make(map[string][]byte)}
}

// encodeWrite makes the entry of one write: the key's length, the key, the value.
func encodeWrite(key, value []byte) []byte {
	entry := make([]byte, 0, binary.MaxVarintLen64+len(key)+len(value))
	entry = binary.AppendUvarint(entry, uint64(len(key)))
	entry = append(entry, key...)
	return append(entry, value...)
}

// Apply implements raft.FSM. Its answer is nil or an error.
func (s *hashicorpStore) Apply(log *raft.Log) any {
	length, n := binary.Uvarint(log.Data)
	if n <= 0 || length > uint64(len(log.Data)-n) {
		return fmt.Errorf("entry %d is not a write", log.Index)
	}
	rest := log.Data[n:]
	s.values[string(rest[:length])] = rest[length:]
	return nil
}

// ApplyBatch implements raft.BatchingFSM.
func (s *hashicorpStore) ApplyBatch(logs []*raft.Log) []any {
	answers := make([]any, len(logs))
	for i, log := range logs {
		if log.Type == raft.LogCommand {
			answers[i] = s.Apply(log)
		}
	}
	return answers
}

// Snapshot implements raft.FSM. The values are never changed in place, so the copy shares them.
func (s *hashicorpStore) Snapshot() (raft.FSMSnapshot, error) {
	return &hashicorpSnapshot{values: maps.Clone(s.values)}, nil
}

// Restore implements raft.FSM.
func (s *hashicorpStore) Restore(source io.ReadCloser) error {
	defer source.Close()
	s.values = make(map[string][]byte)
	r := bufio.NewReader(source)
	for {
		length, err := binary.ReadUvarint(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("restore: read length: %w", err)
		}
		if length > maxWrite {
			return fmt.Errorf("restore: a write of %d bytes is over the limit of %d", length, maxWrite)
		}
		write := make([]byte, length)
		if _, err := io.ReadFull(r, write); err != nil {
			return fmt.Errorf("restore: read write: %w", err)
		}
		if err, ok := s.Apply(&raft.Log{Data: write}).(error); ok {
			return fmt.Errorf("restore: %w", err)
		}
	}
}

// hashicorpSnapshot is the state at one index.
type hashicorpSnapshot struct {
	values map[string][]byte
}

// Persist implements raft.FSMSnapshot: each value as one write with its length before it. Raft closes
// or cancels the sink.
func (s *hashicorpSnapshot) Persist(sink raft.SnapshotSink) error {
	w := bufio.NewWriter(sink)
	for key, value := range s.values {
		write := encodeWrite([]byte(key), value)
		// The errors of a bufio.Writer stay and come back from Flush.
		w.Write(binary.AppendUvarint(nil, uint64(len(write))))
		w.Write(write)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write snapshot: %w", err)
	}
	return nil
}

// Release implements raft.FSMSnapshot.
func (s *hashicorpSnapshot) Release() {}
