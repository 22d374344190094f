package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
)

// ending is how a request ends.
type ending struct {
	result Result
	err    error
}

// Propose implements Service.
func (s *Server) Propose(ctx context.Context, data []byte) (Result, error) {
	timeout := time.Duration(0)
	if d, ok := ctx.Deadline(); ok {
		if timeout = time.Until(d); timeout <= 0 {
			return Result{}, &Error{Err: ErrProposalDropped, Detail: "its deadline had passed"}
		}
	}
	ch := make(chan ending, 1)
	id := s.propose(data, timeout, func(r Result, err error) { ch <- ending{r, err} })
	select {
	case end := <-ch:
		return end.result, end.err
	case <-ctx.Done():
	}
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		s.hurry(id)
		return Result{}, &Error{Err: ErrCanceled}
	}
	select { // whether it was applied is found out at the next tick
	case end := <-ch:
		return end.result, end.err
	case <-s.stop:
		return Result{}, &Error{Err: ErrStopped}
	}
}

// ProposeAsync implements Service.
func (s *Server) ProposeAsync(data []byte, timeout time.Duration, done func(Result, error)) {
	s.propose(data, timeout, done)
}

// propose is ProposeAsync; it returns the request that it made.
func (s *Server) propose(data []byte, timeout time.Duration, done func(Result, error)) node.RequestID {
	id := s.newRequest()
	n, err := (*node.Node)(nil), s.checkValue(data)
	if err == nil {
		err = s.full(int64(len(data))) // a refusal waits for no lock
	}
	if err == nil {
		err = s.refusal()
	}
	w := s.newWaiter(int64(len(data)), timeout, done)
	until, since := w.deadline, w.start
	if err == nil {
		n, err = s.register(id, w)
	}
	if err != nil {
		s.metrics.proposals[refused].Inc()
		done(Result{}, err)
		return id
	}
	p := node.NewProposal(id, data)
	p.Until, p.Since = until, since
	n.Propose(p)
	return id
}

func (s *Server) checkValue(data []byte) error {
	switch {
	case len(data) == 0:
		return &Error{Err: ErrEmpty}
	case len(data) > s.cfg.MaxValueBytes:
		return s.tooLarge("value", len(data))
	}
	return nil
}

// tooLarge names the setting and the sizes that collided.
func (s *Server) tooLarge(what string, size int) *Error {
	return &Error{Err: ErrTooLarge, Detail: fmt.Sprintf("%s of %d bytes; api.max_value_bytes is %d", what, size, s.cfg.MaxValueBytes)}
}

func (s *Server) newRequest() node.RequestID {
	return node.RequestID{Origin: s.cfg.ID, Number: s.nextRequest.Add(1)}
}
