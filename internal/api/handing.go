package api

import (
	"context"
	"fmt"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// largeAnswer is the size from which an answer that goes alone counts among the
// results of all clients, until it is written. All calls that may be open have 17 MiB
// of smaller ones at most.
const largeAnswer = smallBuffer

// leftToOthers is the part of what answers may take that clients with some leave to
// those with none.
const leftToOthers = 8

// A backlog are the bytes of large answers that wait for a client, by one connection
// and by all of its address.
type backlog struct{ connection, address int64 }

// fits tells whether one more answer of that size may wait, which makes all of them
// that many bytes. A client without any gets what there is. Another connection of one
// that has some leaves a part, and a connection with some may have as much as stays
// free.
func (l backlog) fits(size, all, most int64) bool {
	free := most - all
	switch {
	case l.connection > 0:
		return l.connection+size <= free
	case l.address > 0:
		return free >= most/leftToOthers
	}
	return free >= 0 || all == size
}

// reserve makes room for an answer, or says why there is none.
func (b *bounds) reserve(size int, has backlog) error {
	if size <= largeAnswer {
		return nil
	}
	most, all := int64(b.limits.MaxResultBytes), b.results.Add(int64(size))
	waiting := all - int64(size)
	if !has.fits(int64(size), all, most) {
		b.results.Add(-int64(size))
		b.counts.leftOut.Add(1)
		return &server.Error{
			Err:        server.ErrTooManyRequests,
			Detail:     fmt.Sprintf("an answer of %d bytes, and %d bytes of answers wait to be read by their clients, %d of them by this one; at most %d may, and a client leaves some to others", size, waiting, has.address, most),
			RetryAfter: fullRetryAfter,
		}
	}
	return nil
}

// handAnswer makes room for the answer to a request that has changed nothing.
func (r *requests) handAnswer(ctx context.Context, size int) error {
	out, counts := ctx.Value(outgoingKey{}).(*outgoing)
	conn := connectionOf(ctx).conn
	if !counts || conn == nil || size <= largeAnswer {
		return nil
	}
	if err := r.bounds.reserve(size, conn.meter.backlog()); err != nil {
		return ofRead(err)
	}
	out.handed = conn.meter.hand(int64(size))
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
