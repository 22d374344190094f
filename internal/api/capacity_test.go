package api_test

import (
	"context"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/access"
)

// capacity is how many of each a client that wants all it can get is let have, with what
// one address and one token may. All is given back.
func (w *aborts) capacity(t *testing.T) map[string]int {
	t.Helper()
	conn, ctx, cancel := dial(t, w.s), t.Context(), context.CancelFunc(nil)
	defer conn.Close()
	ctx, cancel = context.WithCancel(ctx)
	defer cancel()
	w.svc.moods(nil, false)
	n := map[string]int{}
	for range abortStreams + 1 {
		n["streams"] += let(t, func() error { return oneProposal(ctx, hostv1.NewHostClient(conn)) })
	}
	for range abortWatches + 1 {
		n["watches of a connection"] += let(t, func() error {
			watch, err := grpc_health_v1.NewHealthClient(conn).Watch(ctx, &grpc_health_v1.HealthCheckRequest{})
			if err == nil {
				_, err = watch.Recv()
			}
			return err
		})
	}
	cancel()
	n["connections of a token"] = w.connections(t)
	w.svc.moods(nil, true)
	n["proposals"] = w.inFlight(t, "", 2*abortProposals)
	n["proposals of a token"] = w.inFlight(t, w.keys.text[access.Write], 2*abortInFlight)
	n["calls"] = w.calls(t)
	w.svc.moods(nil, false)
	return n
}

// let is 1 if the host lets a client have what it asks for, and 0 if it refuses that for
// want of room.
func let(t *testing.T, ask func() error) int {
	t.Helper()
	switch err := ask(); status.Code(err) {
	case codes.OK:
		return 1
	case codes.ResourceExhausted:
		refusedAsNotApplied(t, err)
	default:
		t.Error(err)
	}
	return 0
}

// oneProposal opens a stream that stays, and is answered once there.
func oneProposal(ctx context.Context, c hostv1.HostClient) error {
	stream, err := c.Proposals(ctx)
	if err == nil {
		_ = stream.Send(&hostv1.ProposalBatch{Proposals: []*hostv1.Proposal{{Data: []byte("x")}}})
		_, err = stream.Recv()
	}
	return err
}

// connections is how many a client may have by its token.
func (w *aborts) connections(t *testing.T) (n int) {
	t.Helper()
	for range abortConnections + 1 {
		conn := dial(t, w.s)
		defer conn.Close()
		n += let(t, func() error {
			_, err := hostv1.NewHostClient(conn).Status(with(t.Context(), w.keys.text[access.Write]), &hostv1.StatusRequest{})
			return err
		})
	}
	return n
}

// inFlight is how many of so many proposals on one stream are let in.
func (w *aborts) inFlight(t *testing.T, token string, want int) int {
	t.Helper()
	conn := dial(t, w.s)
	defer conn.Close()
	ctx, cancel := context.WithCancel(with(t.Context(), token))
	defer cancel()
	stream, err := hostv1.NewHostClient(conn).Proposals(ctx)
	if err != nil {
		t.Fatal(err)
	}
	batch := &hostv1.ProposalBatch{}
	for id := range want {
		batch.Proposals = append(batch.Proposals, &hostv1.Proposal{Id: uint64(id), Data: []byte("x")})
	}
	if err := stream.Send(batch); err != nil {
		t.Fatal(err)
	}
	var answered atomic.Int64
	go func() {
		for got, err := stream.Recv(); err == nil; got, err = stream.Recv() {
			answered.Add(int64(len(got.GetResults())))
		}
	}()
	within(t, "what is not refused is with the service", func() bool { return w.svc.waiting()+int(answered.Load()) == want })
	taken := w.svc.waiting()
	w.svc.settle()
	within(t, "all is answered", func() bool { return int(answered.Load()) == want })
	return taken
}

// calls is how many of one answer are let in at a time.
func (w *aborts) calls(t *testing.T) int {
	t.Helper()
	conn := dial(t, w.s)
	defer conn.Close()
	answered := make(chan error, 2*abortCalls)
	refused := 0
	for i := range cap(answered) {
		go func() {
			_, err := hostv1.NewHostClient(conn).Propose(t.Context(), &hostv1.ProposeRequest{Data: []byte("x")})
			answered <- err
		}()
		within(t, "a call is refused or with the service", func() bool {
			select {
			case err := <-answered:
				refusedAsNotApplied(t, err)
				refused++
			default:
			}
			return w.svc.waiting()+refused == i+1
		})
	}
	w.svc.settle()
	for range cap(answered) - refused {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
	return cap(answered) - refused
}
