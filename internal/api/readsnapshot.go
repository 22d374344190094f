package api

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/chunksum"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// snapshotStream is how a snapshot goes to its client.
type snapshotStream = grpc.ServerStreamingServer[hostv1.ReadSnapshotResponse]

// ReadSnapshot implements hostv1.HostServer.
func (r *requests) ReadSnapshot(req *hostv1.ReadSnapshotRequest, stream snapshotStream) error {
	return r.sendSnapshot(stream.Context(), req, stream)
}

// sendSnapshot gives a snapshot to a client. A goroutine of its own sends it, so that the call
// ends when it has to, though the client takes nothing.
func (r *requests) sendSnapshot(ctx context.Context, req *hostv1.ReadSnapshotRequest, stream snapshotStream) error {
	if err := r.takes(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &sentSnapshot{stream: stream, client: sharerOf(ctx), requests: r, cancel: cancel}
	defer func() { tell(ctx, effect{index: s.index.Load(), term: s.term.Load(), shown: s.index.Load() > 0}) }()
	over := make(chan error, 1)
	r.readers.Go(func() { over <- s.send(ctx, req.GetNewest()) })
	select {
	case err := <-over:
		if why := context.Cause(ctx); err != nil && why != nil && ctx.Err() != why {
			return why
		}
		return ofRead(err)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// A sentSnapshot is a snapshot on its way to a client.
type sentSnapshot struct {
	*requests
	stream snapshotStream
	client client
	cancel context.CancelCauseFunc
	// index and term are those of the snapshot, once a part of it is on its way.
	index, term atomic.Uint64

	// Of the goroutine that sends.
	sum  chunksum.Sum
	last int // bytes of the message before, which may wait for the client still
}

func (s *sentSnapshot) send(ctx context.Context, newest bool) error {
	err := s.svc.ReadSnapshot(ctx, newest, func(info server.SnapshotInfo) error {
		s.term.Store(info.Term)
		s.index.Store(info.Index)
		return s.part(&hostv1.ReadSnapshotResponse{Part: &hostv1.ReadSnapshotResponse_Header{Header: &hostv1.ReadSnapshotHeader{
			Index: info.Index, Term: info.Term, Bytes: info.Bytes, Sha256: info.SHA256,
		}}}, 0)
	}, func(chunk []byte) error {
		s.sum.Add(chunk)
		return s.part(&hostv1.ReadSnapshotResponse{Part: &hostv1.ReadSnapshotResponse_Chunk{Chunk: chunk}}, len(chunk))
	})
	if err != nil {
		return err
	}
	end := &hostv1.ReadSnapshotEnd{Length: s.sum.Bytes(), Crc32: s.sum.CRC32()}
	return s.part(&hostv1.ReadSnapshotResponse{Part: &hostv1.ReadSnapshotResponse_End{End: end}}, 0)
}

// part sends a message, for which the client has as long as for one of an answer in chunks.
func (s *sentSnapshot) part(m *hostv1.ReadSnapshotResponse, size int) error {
	allowed := s.limits.StalledAfter + time.Duration(s.last+size)*time.Second/slowestRate
	timer := time.AfterFunc(allowed, func() {
		s.bounds.counts.ended.Add(1)
		s.cancel(&server.Error{Err: errSlowClient, Detail: fmt.Sprintf("this client took nothing of a snapshot for %v", allowed)})
		giveUp(s.client.conn, s.bounds, s.limits.StalledAfter)
	})
	defer timer.Stop()
	s.last = size
	return s.stream.Send(m)
}
