package main

import (
	"context"
	"math/rand/v2"

	"github.com/hashicorp/raft"
	raftwal "github.com/hashicorp/raft-wal"
	etcdwal "go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
)

// The load of every lane.
const (
	batchEntries = 64
	entryBytes   = 256
	// inFlight is how many batches the pipelined lanes have on their way.
	inFlight = 8
)

// The lanes' names.
const (
	laneWAL       = "wal"
	laneEtcd      = "etcd"
	laneHashicorp = "hashicorp"
	lanePipeline  = "wal-pipeline"
	laneRPC       = "wal-rpc"
)

// A sink takes batches. append may return before the batch is durable; drain
// returns when all are.
type sink interface {
	append(first uint64) error
	drain() error
	close() error
}

type lane struct {
	name, about string
	open        func(ctx context.Context, dir string) (sink, error)
}

func lanes() []lane {
	return []lane{
		{laneWAL, "in process, one batch at a time", openWAL},
		{laneEtcd, "go.etcd.io/etcd/server/v3/storage/wal, the same", openEtcd},
		{laneHashicorp, "github.com/hashicorp/raft-wal, the same", openHashicorp},
		{lanePipeline, "wal in process, 8 batches in flight", openPipeline},
		{laneRPC, "wal in a plugin process, 8 batches in flight", openRPC},
	}
}

// payload returns incompressible data, the same in every lane.
func payload() [][]byte {
	random := rand.NewChaCha8([32]byte{1})
	data := make([][]byte, batchEntries)
	for i := range data {
		data[i] = make([]byte, entryBytes)
		random.Read(data[i]) // never fails
	}
	return data
}

// etcdSink is etcd's log.
type etcdSink struct {
	wal     *etcdwal.WAL
	entries []*raftpb.Entry
	hard    *raftpb.HardState
}

func openEtcd(_ context.Context, dir string) (sink, error) {
	w, err := etcdwal.Create(zap.NewNop(), dir+"/wal", []byte("bench"))
	if err != nil {
		return nil, err
	}
	s := &etcdSink{wal: w, hard: &raftpb.HardState{Term: new(uint64(1)), Vote: new(uint64(1)), Commit: new(uint64(0))}}
	for _, data := range payload() {
		s.entries = append(s.entries, &raftpb.Entry{Term: new(uint64(1)), Index: new(uint64(0)), Data: data})
	}
	return s, nil
}

func (s *etcdSink) append(first uint64) error {
	for i, e := range s.entries {
		*e.Index = first + uint64(i)
	}
	return s.wal.Save(s.hard, s.entries)
}

func (s *etcdSink) drain() error { return nil }
func (s *etcdSink) close() error { return s.wal.Close() }

// hashicorpSink is hashicorp's log.
type hashicorpSink struct {
	wal  *raftwal.WAL
	logs []*raft.Log
}

func openHashicorp(_ context.Context, dir string) (sink, error) {
	w, err := raftwal.Open(dir)
	if err != nil {
		return nil, err
	}
	s := &hashicorpSink{wal: w}
	for _, data := range payload() {
		s.logs = append(s.logs, &raft.Log{Term: 1, Data: data})
	}
	return s, nil
}

func (s *hashicorpSink) append(first uint64) error {
	for i, l := range s.logs {
		l.Index = first + uint64(i)
	}
	return s.wal.StoreLogs(s.logs)
}

func (s *hashicorpSink) drain() error { return nil }
func (s *hashicorpSink) close() error { return s.wal.Close() }
