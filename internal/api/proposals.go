package api

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/internal/wake"
)

// A proposalStream serves one Proposals call. Two goroutines share it: the
// reader hands proposals to the service, the writer sends every answer that has
// come in since its last message as one batch. The service answers from
// goroutines of its own and never waits for the client. The call's handler waits
// for the writer, or for the word that the client does not read.
//
// Every proposal that is read is answered. When the stream is to end before
// the client wants it to, the reader hands on nothing more, the writer sends
// what is outstanding and the call ends with a Failure, which says of all
// other proposals that they were not applied. If the client does not read, its
// answers are given up, and the Failure says that the rest is unknown.
type proposalStream struct {
	svc   server.Service
	guard *access.Guard
	// limited counts what the client asks for; nil without a limit.
	limited *access.Client
	audit   *streamAudit
	// demands and brake are used by the reader alone.
	demands demands
	brake   brake
	limits  Limits
	end     *ending
	stream  grpc.ServerStream
	// refusals observes how long refusals take; may be nil.
	refusals prometheus.Observer
	bounds   *bounds
	client   client
	lane     *lane // of the window

	// wake holds a token while the writer has something to look at.
	wake chan struct{}
	// slow is closed when the client is given up, gone when the call is over.
	slow, gone chan struct{}

	mu sync.Mutex
	// room is signalled when answers were taken or the stream is dead.
	room sync.Cond
	// answers wait for the writer.
	answers answerQueue
	// pending and bytes are what the stream's own limits count: proposals read
	// and not yet taken by the writer as answers, and the bytes of either.
	pending, bytes int
	// unsent are the bytes of all answers that were not handed to gRPC yet: those
	// that wait, and those that the writer has. kept are those of them that count
	// among the results of all clients.
	unsent, kept int
	// refused are the refusals that wait among the answers.
	refused int
	// freed are the bytes of proposals that have their answers and still count
	// in the window.
	freed int64
	// message is what the writer hands to gRPC, since when it is zero or the time
	// at which gRPC was given the message.
	message parcel
	since   time.Time
	// lossy: results are left out, because the client does not read.
	lossy bool
	// closing: nothing more reaches the service. why is the call's error, nil
	// if the client closed its side.
	closing bool
	why     error
	// dead: the call is over, answers go nowhere.
	dead bool
}

// Proposals implements hostv1.HostServer.
func (r *requests) Proposals(stream grpc.BidiStreamingServer[hostv1.ProposalBatch, hostv1.ProposalResultBatch]) error {
	ctx := stream.Context()
	if err := r.forClients(ctx); err != nil {
		return statusOf(err)
	}
	c := sharerOf(ctx)
	place, err := r.bounds.stream(c)
	if err != nil {
		return statusOf(err)
	}
	defer place.leave()
	s := newProposalStream(r, stream, c)
	var release func()
	s.svc, s.limited, release = r.forClient(ctx)
	defer release()
	defer whileValid(ctx, r.guard, s.close)()
	r.bounds.slow.watch(s)
	defer r.bounds.slow.forget(s)
	r.readers.Go(s.read)
	written := make(chan error, 1)
	r.readers.Go(func() { written <- s.write(ctx) })
	select {
	case err := <-written:
		return err
	case <-s.slow: // the writer ends with the call
		return statusOf(s.slowness())
	}
}

func newProposalStream(r *requests, stream grpc.ServerStream, c client) *proposalStream {
	s := &proposalStream{
		svc: r.svc, guard: r.guard, limits: r.limits, end: r.end, stream: stream,
		audit: auditOf(stream.Context(), r.audit), demands: r.streamDemands(stream.Context()), refusals: r.refusals,
		bounds: r.bounds, client: c, lane: r.bounds.window.enter(c),
		wake: make(chan struct{}, 1), slow: make(chan struct{}), gone: make(chan struct{}),
	}
	s.room.L = &s.mu
	return s
}

// read runs until the client closed its side or the call is over. It never waits
// while it holds a batch.
func (s *proposalStream) read() {
	batch := proposalBatch{full: s.full}
	defer batch.release()
	for s.awaitRoom() {
		if err := s.stream.RecvMsg(&batch); err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			s.close(err)
			return
		}
		if batch.err != nil {
			s.close(statusOf(batch.err))
			return
		}
		useless := batch.useless()
		refused, ok := s.admit(&batch)
		if !ok {
			return
		}
		batch.release()
		s.pause(refused + useless)
	}
}

// maxRefusals are the refusals of one stream that wait for its client before no
// more of its proposals are read.
const maxRefusals = 1024

// awaitRoom makes a client wait that proposes without reading answers. It
// reports false if the stream takes no more.
func (s *proposalStream) awaitRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for (s.answers.len() > s.limits.MaxInFlight || s.refused > maxRefusals) && !s.closing && !s.dead {
		s.room.Wait()
	}
	return !s.closing && !s.dead
}

// write sends answers until the call is to end and returns its error.
func (s *proposalStream) write(ctx context.Context) error {
	defer s.kill()
	stopping := s.end.stopping
	var batch []proposalResult
	for {
		select {
		case <-s.wake:
		case <-stopping:
			stopping = nil
			s.close(statusOf(&server.Error{Err: server.ErrStopping}))
		case <-ctx.Done():
			return ctx.Err()
		}
		var over bool
		var why error
		var err error
		if batch, over, why, err = s.send(batch); err != nil {
			return err
		}
		if over {
			return why
		}
	}
}

// close makes the stream end once everything read is answered; the first
// reason counts.
func (s *proposalStream) close(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeLocked(why)
}

func (s *proposalStream) closeLocked(why error) {
	if !s.closing {
		s.closing, s.why = true, why
	}
	s.room.Signal()
	wake.Up(s.wake)
}

// kill ends the stream. The proposals that the service has still count in the
// window, until they are answered.
func (s *proposalStream) kill() {
	s.mu.Lock()
	s.dead = true
	s.bounds.abandoned.Add(int64(s.pending - s.answers.len()))
	back := amount{int64(s.message.places + s.answers.places()), s.freed}
	s.bounds.results.Add(-int64(s.kept))
	s.bounds.refusals.Add(-int64(s.refused))
	s.answers, s.message, s.kept, s.refused, s.freed = answerQueue{}, parcel{}, 0, 0, 0
	s.room.Signal()
	close(s.gone)
	s.mu.Unlock()
	s.lane.give(back)
	s.lane.leave()
}
