package api

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/core/server"
)

// largeAnswer is the size from which an answer that goes alone counts among the
// results of all clients, until it is written.
const largeAnswer = 64 << 10

// reserve makes room for an answer, or says why there is none.
func (b *bounds) reserve(size int) error {
	if size <= largeAnswer {
		return nil
	}
	waiting := b.results.Add(int64(size)) - int64(size)
	if most := int64(b.limits.MaxResultBytes); waiting+int64(size) > most && waiting > 0 {
		b.results.Add(-int64(size))
		b.counts.leftOut.Add(1)
		return &server.Error{
			Err:        server.ErrTooManyRequests,
			Detail:     fmt.Sprintf("an answer of %d bytes, and %d bytes of answers wait to be read by their clients, at most %d may", size, waiting, most),
			RetryAfter: fullRetryAfter,
		}
	}
	return nil
}

// unreserve gives room back.
func (b *bounds) unreserve(size int) {
	if size > largeAnswer {
		b.results.Add(-int64(size))
	}
}

// handAnswer makes room for the answer to a query that gRPC is to write.
func (r *requests) handAnswer(ctx context.Context, size int) error {
	conn := connectionOf(ctx).conn
	if conn == nil || !conn.http2 || size <= largeAnswer {
		return nil
	}
	if err := r.bounds.reserve(size); err != nil {
		return ofRead(err)
	}
	conn.meter.hand(int64(size))
	return nil
}

// handResult is handAnswer for a proposal, whose result is left out if there is no
// room.
func (r *requests) handResult(ctx context.Context, result server.Result) *hostv1.ProposeResponse {
	resp := toResponse(result)
	if err := r.handAnswer(ctx, len(result.Data)); err != nil {
		leaveOut(resp, err)
	}
	return resp
}

func leaveOut(resp *hostv1.ProposeResponse, why error) {
	resp.Error = text(fmt.Sprintf("the entry was applied; its result is left out: %v", why))
	resp.Data, resp.ResultLost = nil, true
}

// reserveJSON makes room for an answer that is written by JSON. It returns the
// answer, without its result if there is no room, and what to give back.
func (b *bounds) reserveJSON(m proto.Message) (_ proto.Message, size int, err error) {
	switch m := m.(type) {
	case *hostv1.QueryResponse:
		if err := b.reserve(len(m.GetData())); err != nil {
			return nil, 0, ofRead(err)
		}
		return m, len(m.GetData()), nil
	case *hostv1.ProposeResponse:
		if err := b.reserve(len(m.GetData())); err != nil {
			leaveOut(m, err)
		}
		return m, len(m.GetData()), nil
	}
	return m, 0, nil
}
