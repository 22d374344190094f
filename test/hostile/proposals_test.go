//go:build linux

package hostile

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client/kv"
)

const (
	streamsPerConnection = 10
	floodBatch           = 64
	floodValue           = 256
)

// proposals sends the leader proposals over so many streams, as fast as it takes
// them, and reads the answers or not.
func proposals(streams int, read bool) func(*assault) {
	return func(a *assault) {
		batch := floodOf(floodBatch, floodValue)
		for range streams / streamsPerConnection {
			conn, err := grpc.NewClient(a.leader.client, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				a.Fatal(err)
			}
			a.times(streamsPerConnection, func(int) {
				for !a.over() {
					flood(a.ctx, conn, batch, read)
				}
			})
			context.AfterFunc(a.ctx, func() { conn.Close() })
		}
	}
}

// floodOf is a batch of small writes of few keys, so that the state stays small.
func floodOf(writes, size int) *hostv1.ProposalBatch {
	b := &hostv1.ProposalBatch{}
	for i := range writes {
		b.Proposals = append(b.Proposals, &hostv1.Proposal{
			Id: uint64(i + 1), Data: kv.EncodePut(fmt.Append(nil, "flood/", i), make([]byte, size)), TimeoutMs: 5000,
		})
	}
	return b
}

// flood sends a batch again and again until the stream ends.
func flood(ctx context.Context, conn *grpc.ClientConn, batch *hostv1.ProposalBatch, read bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	call, err := hostv1.NewHostClient(conn).Proposals(ctx)
	if err != nil {
		return
	}
	if read {
		go func() {
			for {
				if _, err := call.Recv(); err != nil {
					return
				}
			}
		}()
	}
	id := uint64(0)
	for {
		for _, p := range batch.Proposals {
			id++
			p.Id = id
		}
		if call.Send(batch) != nil {
			return
		}
	}
}
