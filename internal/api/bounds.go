package api

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"google.golang.org/grpc/tap"

	"github.com/pontoon-raft/pontoon/internal/bucket"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// Bounds are what all clients of a host share.
type bounds struct {
	limits Limits
	// window has the proposals that were read and whose answers were not yet
	// handed to gRPC, and the data of those that have no answer yet.
	window *pool
	// streams has the Proposals streams, calls the other requests for the
	// service.
	streams, calls *pool
	// answers are those in chunks that are under way, lasting those of them whose clients
	// say that they go on.
	answers, lasting *pool
	// open has all streams of HTTP/2 of which gRPC knows, watches those of other
	// services that may last, bodies the bodies of HTTP/1.1 requests.
	open, watches, bodies *pool
	// results are the bytes of the large answers that wait for their clients,
	// refusals the number of proposals that were refused and whose answers wait.
	results, refusals atomic.Int64
	// abandoned are the proposals that the service has of streams that have ended.
	abandoned atomic.Int64
	// pausing are the streams that are read more slowly after refusals.
	pausing atomic.Int64
	slow    slowClients
	counts  counts
	meters  meters
}

func newBounds(l Limits, log *slog.Logger) *bounds {
	b := &bounds{
		limits:  l,
		window:  newPool(amount{int64(l.MaxPending), l.MaxPendingBytes}),
		streams: newPool(amount{count: int64(l.MaxProposalStreams)}),
		calls:   newPool(amount{count: int64(l.MaxCalls)}),
		answers: newPool(amount{count: int64(l.MaxQueryStreams)}),
		lasting: newPool(amount{count: int64(l.MaxQueryStreams - l.MaxQueryStreams/endingShare)}),
		open:    newPool(amount{count: int64(l.MaxOpenCalls)}),
		watches: newPool(amount{count: int64(l.MaxWatches)}),
		bodies:  newPool(amount{int64(l.MaxCalls), mostBodies}),
		slow:    slowClients{streams: map[*proposalStream]struct{}{}},
	}
	b.meters = meters{
		limits: l, mostBytes: mostUnfinished, mostUnread: l.mostUnread(), counts: &b.counts, results: &b.results, conns: map[*meter]*clientConn{},
		waste: waste{by: map[string]*bucket.Bucket{}}, said: newSparing(log),
	}
	return b
}

// An entry is a place in a pool for as long as a call takes.
type entry struct {
	lane  *lane
	taken amount
}

func (e entry) leave() {
	e.lane.give(e.taken)
	e.lane.leave()
}

// admit takes a place for a client, or counts and says that there is none.
func (b *bounds) admit(p *pool, c client, a amount, denied int, what string) (entry, error) {
	e := entry{lane: p.enter(c), taken: a}
	if !e.lane.take(a) {
		e.lane.leave()
		b.counts.refused[denied].Add(1)
		return entry{}, b.full(what, p)
	}
	return e, nil
}

// call admits a request of one answer.
func (b *bounds) call(c client) (entry, error) {
	return b.admit(b.calls, c, amount{count: 1}, deniedCall, "requests are being answered")
}

// endingShare is the part of the places for answers in chunks that is left to those that
// end, however many feeds of how many clients there are: the 8th.
const endingShare = 8

// answer admits a query that is answered in chunks. Leave gives its place back.
func (b *bounds) answer(c client, lasting bool) (leave func(), err error) {
	place, err := b.admit(b.answers, c, amount{count: 1}, deniedAnswer, "answers in chunks are under way")
	if err != nil || !lasting {
		return place.leave, err
	}
	among, err := b.admit(b.lasting, c, amount{count: 1}, deniedAnswer, "answers in chunks that go on are under way")
	if err != nil {
		place.leave()
		return nil, err
	}
	return func() {
		among.leave()
		place.leave()
	}, nil
}

// propose admits a proposal that comes alone.
func (b *bounds) propose(c client, size int) (entry, error) {
	return b.admit(b.window, c, amount{1, int64(size)}, deniedProposal, "proposals are in flight")
}

// stream admits a Proposals stream.
func (b *bounds) stream(c client) (entry, error) {
	return b.admit(b.streams, c, amount{count: 1}, deniedStream, "Proposals streams are open")
}

// body admits the body of a request.
func (b *bounds) body(c client, size int64) (entry, error) {
	return b.admit(b.bodies, c, amount{1, size}, deniedBody, "request bodies are being read")
}

const (
	// mostBodies are the bytes of the bodies of HTTP/1.1 requests that are being
	// read or answered.
	mostBodies = 16 << 20
	// watchesOfOne are the lasting streams of one connection.
	watchesOfOne = 16
)

// watch admits a stream of another service, which may last.
func (b *bounds) watch(c client) (entry, error) {
	e := entry{lane: b.watches.enter(c), taken: amount{count: 1}}
	if !e.lane.takeBelow(e.taken, watchesOfOne) {
		e.lane.leave()
		b.counts.refused[deniedWatch].Add(1)
		return entry{}, b.full(fmt.Sprintf("streams of health, reflection and events are open, %d on one connection", watchesOfOne), b.watches)
	}
	return e, nil
}

// tap admits a stream before anything is done for it, until it ends.
func (b *bounds) tap(ctx context.Context, _ *tap.Info) (context.Context, error) {
	c := sharerOf(ctx)
	e, err := b.admit(b.open, c, amount{count: 1}, deniedOpen, "calls are open")
	if err != nil {
		if c.conn != nil {
			c.conn.meter.refused()
		}
		return nil, statusOf(err)
	}
	context.AfterFunc(ctx, e.leave)
	return ctx, nil
}

// full says that a client has as much of a pool as it may have now.
func (b *bounds) full(what string, p *pool) error {
	used := p.inUse()
	d := fmt.Sprintf("%d %s, at most %d may be", used.count, what, p.limit.count)
	if p.limit.bytes > 0 {
		d = fmt.Sprintf("%d %s with %d bytes, at most %d with %d may be", used.count, what, used.bytes, p.limit.count, p.limit.bytes)
	}
	return &server.Error{
		Err: server.ErrTooManyRequests, Detail: d + "; this client has its share of them", RetryAfter: fullRetryAfter,
	}
}
