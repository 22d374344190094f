package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
)

// RefusedConnections counts the client connections that were closed at once
// because there were too many.
func (s *Server) RefusedConnections() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients == nil {
		return 0
	}
	return uint64(s.clients.refused.Load())
}

// RefusedHandshakes counts the TLS handshakes of clients that have failed, by
// reason.
func (s *Server) RefusedHandshakes() map[string]uint64 { return s.failed.byReason() }

// Abandoned is the number of proposals that wait for an answer which no client will read,
// because their streams have ended.
func (s *Server) Abandoned() int { return int(s.bounds.abandoned.Load()) }

// ErrUnanswered: connections were cut off while requests on them had no whole answer,
// as the service did not give one or the client did not take it.
var ErrUnanswered = errors.New("clients were cut off with requests in flight")

// leaveTime is how long a client may take to leave that was told to and has all its
// answers. gRPC asks each connection whether the word has come, and would wait for one
// that does not say so for longer than a whole stop may take.
const leaveTime = 500 * time.Millisecond

// leaveLook is how often a stop looks for such clients.
const leaveLook = 10 * time.Millisecond

// Stop drains, waits until everything in flight is answered or ctx ends,
// closes all connections and ports, and returns when no goroutine of the
// server is left. Answers come from the service: it is to be stopped before,
// or concurrently. The error is ErrUnanswered with the cause of ctx's end if that
// came first. A client that has all its answers and does not leave is cut off after
// half a second, which is no error. Further calls wait for the first and return the same.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	first := !s.stopped
	s.stopped = true
	s.mu.Unlock()
	if first {
		s.Drain()
		s.end.stop()
		s.stopErr = s.stop(ctx)
		close(s.stopDone)
	}
	<-s.stopDone
	return s.stopErr
}

func (s *Server) stop(ctx context.Context) error {
	if s.clients != nil {
		s.clients.close()
		s.bounds.meters.closeSilent()
	}
	graceful := make(chan struct{})
	go func() {
		s.refusing.Stop()
		s.reserved.drain()
		s.grpc.GracefulStop()
		s.reserved.serving.Wait()
		close(graceful)
	}()
	left := time.Now().Add(leaveTime)
	s.silent.close()
	jsonErr := s.json.Shutdown(ctx)
	s.cancelJSON()
	s.json.Close()
	grpcErr := s.awaitClients(ctx, graceful, left)
	// No request of a client is lost with the admin port: a profile or a slow
	// scrape is not worth waiting for.
	s.cancelAdmin()
	if s.adminLn != nil {
		s.adminLn.hangUp()
	}
	s.admin.Close()
	if s.adminLn != nil {
		s.adminLn.Close()
	}
	if err := s.waitForHandlers(graceful); err != nil {
		return err
	}
	if errors.Join(grpcErr, jsonErr) != nil {
		return fmt.Errorf("stop api server: %w: %w", ErrUnanswered, context.Cause(ctx))
	}
	return nil
}

// awaitClients waits until gRPC is done with all clients. From the given time on it
// cuts off those that have their answers and stay.
func (s *Server) awaitClients(ctx context.Context, graceful <-chan struct{}, left time.Time) error {
	look := time.NewTicker(leaveLook)
	defer look.Stop()
	for {
		select {
		case <-graceful:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case now := <-look.C:
			if now.After(left) {
				s.bounds.meters.closeAnswered()
			}
		}
	}
}

// waitForHandlers ends what is left the hard way. Calls of a service that
// ignores its context are given up after a while.
func (s *Server) waitForHandlers(graceful <-chan struct{}) error {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		s.grpc.Stop()
		s.reserved.stop()
		<-graceful
		s.requests.readers.Wait()
		s.streams.Wait()
		s.handlers.Wait()
		s.serving.Wait()
	}()
	if !pause.Until(gone, lastWait) {
		return fmt.Errorf("stop api server: calls still running %v after they were cancelled", lastWait)
	}
	return nil
}

// silentConns are the HTTP/1.1 connections that have not sent a whole header
// yet. Left alone, they hold up http.Server.Shutdown for seconds.
type silentConns struct {
	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	closed bool
}

// note is a http.Server's ConnState.
func (s *silentConns) note(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state != http.StateNew {
		delete(s.conns, c)
		return
	}
	if s.closed {
		c.Close()
		return
	}
	if s.conns == nil {
		s.conns = map[net.Conn]struct{}{}
	}
	s.conns[c] = struct{}{}
}

func (s *silentConns) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for c := range s.conns {
		c.Close()
	}
}
