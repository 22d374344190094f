package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
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

// Stop drains, waits until everything in flight is answered or ctx ends,
// closes all connections and ports, and returns when no goroutine of the
// server is left. Answers come from the service: it is to be stopped before,
// or concurrently. The error says that ctx ended first, so that clients lost
// answers. Further calls wait for the first and return the same.
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
	s.silent.close()
	jsonErr := s.json.Shutdown(ctx)
	s.cancelJSON()
	s.json.Close()
	var grpcErr error
	select {
	case <-graceful:
	case <-ctx.Done():
		grpcErr = ctx.Err()
	}
	// No request of a client is lost with the admin port: a profile or a slow
	// scrape is not worth waiting for.
	s.cancelAdmin()
	s.admin.Close()
	if s.adminLn != nil {
		s.adminLn.Close()
	}
	if err := s.waitForHandlers(graceful); err != nil {
		return err
	}
	if errors.Join(grpcErr, jsonErr) != nil {
		return fmt.Errorf("stop api server with requests in flight: %w", context.Cause(ctx))
	}
	return nil
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
	timer := time.NewTimer(lastWait)
	defer timer.Stop()
	select {
	case <-gone:
		return nil
	case <-timer.C:
		return fmt.Errorf("stop api server: calls still running %v after they were cancelled", lastWait)
	}
}

// silentConns are the HTTP/1.1 connections that have not sent a whole header
// yet. Left alone, they hold up http.Server.Shutdown for seconds.
type silentConns struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
}

// note is a http.Server's ConnState.
func (s *silentConns) note(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if state != http.StateNew {
		delete(s.conns, c)
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
	for c := range s.conns {
		c.Close()
	}
}
