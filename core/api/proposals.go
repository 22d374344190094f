package api

import (
	"context"
	"errors"
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/core/server"
)

// A proposalStream serves one Proposals call. Two goroutines share it: the
// reader hands proposals to the service, the writer, which is the call's
// handler, sends every answer that has come in since its last message as one
// batch. The service answers from goroutines of its own and never waits for
// the client.
//
// Every proposal that is read is answered. When the stream is to end before
// the client wants it to, the reader hands on nothing more, the writer sends
// what is outstanding and ends the call with a Failure, which says of all
// other proposals that they were not applied.
type proposalStream struct {
	svc    server.Service
	audit  *streamAudit
	limits Limits
	end    *ending
	stream grpc.ServerStream
	// refusals observes how long refusals take; may be nil.
	refusals prometheus.Observer

	// wake holds a token while the writer has something to look at.
	wake chan struct{}

	mu sync.Mutex
	// room is signalled when answers were taken or the stream is dead.
	room sync.Cond
	// answers wait for the writer.
	answers []answer
	// pending and bytes are what the admission limits count: proposals read
	// and not yet taken by the writer as answers, and the bytes of either.
	pending, bytes int
	// unsent are the bytes of all answers that were not handed to gRPC yet: those
	// that wait, and those that the writer has.
	unsent int
	// closing: nothing more reaches the service. why is the call's error, nil
	// if the client closed its side.
	closing bool
	why     error
	// dead: the call is over, answers go nowhere.
	dead bool
}

// Proposals implements hostv1.HostServer.
func (r *requests) Proposals(stream grpc.BidiStreamingServer[hostv1.ProposalBatch, hostv1.ProposalResultBatch]) error {
	if err := r.forClients(stream.Context()); err != nil {
		return statusOf(err)
	}
	s := newProposalStream(r, stream)
	svc, release := r.forClient(stream.Context())
	s.svc = svc
	defer release()
	defer whileValid(stream.Context(), r.guard, s.close)()
	r.readers.Go(s.read)
	return s.write(stream.Context())
}

func newProposalStream(r *requests, stream grpc.ServerStream) *proposalStream {
	s := &proposalStream{svc: r.svc, limits: r.limits, end: r.end, stream: stream, audit: auditOf(stream.Context(), r.audit), refusals: r.refusals, wake: make(chan struct{}, 1)}
	s.room.L = &s.mu
	return s
}

// read runs until the client closed its side or the call is over.
func (s *proposalStream) read() {
	batch := proposalBatch{full: s.full}
	defer batch.release()
	for {
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
		if !s.admit(&batch) {
			return
		}
		batch.release()
	}
}

// pushLocked queues an answer to a proposal that pending counts already.
func (s *proposalStream) pushLocked(a answer) {
	s.bytes += a.outer
	s.unsent += a.outer
	s.answers = append(s.answers, a)
	if len(s.answers) == 1 {
		s.signal()
	}
}

// answer takes the service's answer to a proposal of the given size.
func (s *proposalStream) answer(id uint64, size int, arrived time.Time, result server.Result, err error) {
	var a answer
	if err != nil {
		a = refusalOf(id, encodeFailure(failureOf(err)))
	} else {
		a = answerOf(id, result)
	}
	if isFull(err) {
		a.refusedAt = arrived
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes -= size
	if s.dead {
		return
	}
	s.pushLocked(s.boundedLocked(a))
}

// write sends answers until the call is to end and returns its error.
func (s *proposalStream) write(ctx context.Context) error {
	defer s.kill()
	stopping := s.end.stopping
	var batch []answer
	for {
		select {
		case <-s.wake:
		case <-stopping:
			stopping = nil
			s.close(statusOf(&server.Error{Err: server.ErrStopping}))
		case <-ctx.Done():
			return ctx.Err()
		}
		// Let those who answer right now do so: bigger batches, fewer
		// messages, and no delay if there are none.
		runtime.Gosched()
		var over bool
		var why error
		batch, over, why = s.take(batch)
		if err := s.send(batch); err != nil {
			return err
		}
		clear(batch)
		if over {
			return why
		}
	}
}

// take swaps the waiting answers for an empty slice. It reports over when
// they are the last.
func (s *proposalStream) take(empty []answer) (batch []answer, over bool, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch, s.answers = s.answers, empty[:0]
	s.pending -= len(batch)
	for i := range batch {
		s.bytes -= batch[i].outer
	}
	s.room.Signal()
	return batch, s.closing && s.pending == 0, s.why
}

// send splits answers into messages of a bounded size.
func (s *proposalStream) send(answers []answer) error {
	for len(answers) > 0 {
		n, size := 0, 0
		for n < len(answers) && (n == 0 || size+answers[n].outer <= resultBatchBytes) {
			size += answers[n].outer
			n++
		}
		if err := s.stream.SendMsg(&resultBatch{answers: answers[:n], refusals: s.refusals}); err != nil {
			return err
		}
		clear(answers[:n])
		answers = answers[n:]
		s.sent(size)
	}
	return nil
}

// close makes the stream end once everything read is answered; the first
// reason counts.
func (s *proposalStream) close(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closing {
		s.closing, s.why = true, why
	}
	s.room.Signal()
	s.signal()
}

func (s *proposalStream) kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead = true
	s.answers = nil
	s.room.Signal()
}

func (s *proposalStream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
