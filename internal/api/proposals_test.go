package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/server"
)

type proposals = hostv1.Host_ProposalsClient

func openStream(t testing.TB, s *api.Server) proposals {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	stream, err := hostClient(t, s).Proposals(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// send proposes values with the ids from first on.
func send(t testing.TB, stream proposals, first uint64, values ...string) {
	t.Helper()
	batch := &hostv1.ProposalBatch{}
	for i, v := range values {
		batch.Proposals = append(batch.Proposals, &hostv1.Proposal{Id: first + uint64(i), Data: []byte(v), TimeoutMs: 250})
	}
	if err := stream.Send(batch); err != nil {
		t.Fatalf("Send() = %v", err)
	}
}

// receive reads n answers.
func receive(t testing.TB, stream proposals, n int) map[uint64]*hostv1.ProposalResult {
	t.Helper()
	got := map[uint64]*hostv1.ProposalResult{}
	for len(got) < n {
		batch, err := stream.Recv()
		if err != nil {
			t.Fatalf("Recv() after %d of %d answers = %v", len(got), n, err)
		}
		for _, r := range batch.GetResults() {
			if got[r.GetId()] != nil {
				t.Fatalf("two answers to %d", r.GetId())
			}
			got[r.GetId()] = r
		}
	}
	return got
}

// failureIn is the Failure of a gRPC error.
func failureIn(t testing.TB, err error) *hostv1.Failure {
	t.Helper()
	for _, d := range status.Convert(err).Details() {
		if f, ok := d.(*hostv1.Failure); ok {
			return f
		}
	}
	t.Fatalf("error %v has no Failure", err)
	return nil
}

func TestStreamAnswersEveryProposal(t *testing.T) {
	stream := openStream(t, start(t, api.Options{Service: &fakeService{}}))
	const batches, size = 50, 64
	go func() {
		for b := range batches {
			values := make([]string, size)
			for i := range values {
				values[i] = fmt.Sprintf("value %d", b*size+i)
			}
			send(t, stream, uint64(b*size), values...)
		}
		_ = stream.CloseSend()
	}()
	for id, r := range receive(t, stream, batches*size) {
		if want := fmt.Sprintf("value %d", id); string(r.GetResponse().GetData()) != want || r.GetFailure() != nil {
			t.Errorf("answer to %d is %v, want %q", id, r, want)
		}
	}
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("Recv() after the last answer = %v, want EOF", err)
	}
}

func TestStreamCarriesWhatTheStateMachineSays(t *testing.T) {
	svc := &fakeService{result: func([]byte) server.Result {
		return server.Result{Index: 9, Error: "refused \xff", Lost: true}
	}}
	stream := openStream(t, start(t, api.Options{Service: svc}))
	send(t, stream, 0, "x")
	r := receive(t, stream, 1)[0].GetResponse()
	if r.GetIndex() != 9 || !strings.HasPrefix(r.GetError(), "refused ") || !r.GetResultLost() {
		t.Errorf("response = %v", r)
	}
	if svc.timeouts[0] != 250*time.Millisecond {
		t.Errorf("timeout = %v, want the client's 250ms", svc.timeouts[0])
	}
}

func TestStreamReportsFailures(t *testing.T) {
	svc := &fakeService{fail: &server.Error{Err: server.ErrNoLeader, RetryAfter: time.Second}}
	stream := openStream(t, start(t, api.Options{Service: svc}))
	send(t, stream, 5, "x")
	r := receive(t, stream, 1)[5]
	if f := r.GetFailure(); r.GetResponse() != nil || f.GetReason() != "no_leader" || f.GetRetryAfterMs() != 1000 {
		t.Errorf("answer = %v", r)
	}
}

func TestStreamRefusesWhatIsOverItsBounds(t *testing.T) {
	for _, c := range []struct {
		name   string
		limits api.Limits
		value  string
	}{
		{"count", api.Limits{MaxInFlight: 3}, "x"},
		{"bytes", api.Limits{MaxInFlightBytes: 3 * 1064}, strings.Repeat("x", 1000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			svc := &fakeService{hold: true}
			stream := openStream(t, start(t, api.Options{Service: svc, Limits: c.limits}))
			send(t, stream, 0, c.value, c.value)
			send(t, stream, 2, c.value, c.value)
			f := receive(t, stream, 1)[3].GetFailure()
			if f.GetReason() != "too_many_requests" || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED || f.GetRetryAfterMs() == 0 {
				t.Fatalf("fourth of three = %v", f)
			}
			svc.release(nil)
			receive(t, stream, 3)
			// There is room again.
			svc.set(func(f *fakeService) { f.hold = false })
			send(t, stream, 4, c.value)
			if r := receive(t, stream, 1)[4]; r.GetFailure() != nil {
				t.Errorf("after the answers: %v", r)
			}
		})
	}
}

func TestStreamRefusesLargeValuesAlone(t *testing.T) {
	stream := openStream(t, start(t, api.Options{Service: &fakeService{}, Limits: api.Limits{MaxValueBytes: 100}}))
	send(t, stream, 0, "small", strings.Repeat("x", 101), "small")
	got := receive(t, stream, 3)
	if f := got[1].GetFailure(); f.GetReason() != "too_large" || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED {
		t.Errorf("large value: %v", got[1])
	}
	if got[0].GetFailure() != nil || got[2].GetFailure() != nil {
		t.Errorf("its neighbours: %v, %v", got[0], got[2])
	}
}

// TestStreamEndsWithAVerdict: a message that cannot be read ends the stream,
// but only after everything before it is answered, and the end says that the
// rest was not applied.
func TestStreamEndsWithAVerdict(t *testing.T) {
	many := make([]string, 40)
	for _, c := range []struct {
		name   string
		limits api.Limits
		values []string
		reason string
		code   codes.Code
	}{
		{"batch too large", api.Limits{}, []string{strings.Repeat("x", 1<<20), strings.Repeat("x", 1<<20)}, "too_large", codes.ResourceExhausted},
		{"too many in a batch", api.Limits{MaxInFlight: 39}, many, "malformed", codes.InvalidArgument},
	} {
		t.Run(c.name, func(t *testing.T) {
			svc := &fakeService{hold: true}
			stream := openStream(t, start(t, api.Options{Service: svc, Limits: c.limits}))
			send(t, stream, 0, "before")
			send(t, stream, 1, c.values...)
			within(t, "proposal held", func() bool { return svc.heldCount() == 1 })
			svc.release(nil)
			receive(t, stream, 1)
			_, err := stream.Recv()
			f := failureIn(t, err)
			if status.Code(err) != c.code || f.GetReason() != c.reason || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED {
				t.Errorf("end of stream = %v with %v", err, f)
			}
		})
	}
}

// TestStreamStopsReadingFromAClientThatDoesNot: answers that are not read are
// not piled up.
func TestStreamStopsReadingFromAClientThatDoesNot(t *testing.T) {
	svc := &fakeService{}
	s := start(t, api.Options{Service: svc, Limits: api.Limits{MaxInFlight: 16}})
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	stream, err := hostClient(t, s).Proposals(ctx)
	if err != nil {
		t.Fatal(err)
	}
	batch := &hostv1.ProposalBatch{}
	for range 16 {
		batch.Proposals = append(batch.Proposals, &hostv1.Proposal{Data: make([]byte, 32<<10)})
	}
	// Far more than what windows and the stream's bounds hold.
	const many = 400
	sent := 0
	for sent < many && stream.Send(batch) == nil {
		sent++
	}
	if sent == many {
		t.Errorf("the host read %d batches of 512 KiB whose answers nobody read", sent)
	}
	other := openStream(t, s)
	send(t, other, 0, "x")
	receive(t, other, 1)
}

func TestStopAnswersWhatIsInFlight(t *testing.T) {
	svc := &fakeService{hold: true}
	s := start(t, api.Options{Service: svc})
	stream := openStream(t, s)
	send(t, stream, 0, "a", "b")
	within(t, "proposals held", func() bool { return svc.heldCount() == 2 })

	s.Drain()
	send(t, stream, 2, "late")
	if f := receive(t, stream, 1)[2].GetFailure(); f.GetReason() != "stopping" || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED {
		t.Fatalf("proposal while draining: %v", f)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(context.Background()) }()
	svc.release(&server.Error{Err: server.ErrStopped})
	for _, r := range receive(t, stream, 2) {
		if f := r.GetFailure(); f.GetReason() != "stopped" || f.GetOutcome() != hostv1.Outcome_OUTCOME_UNKNOWN {
			t.Errorf("proposal in flight: %v", r)
		}
	}
	_, err := stream.Recv()
	if f := failureIn(t, err); f.GetReason() != "stopping" || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED {
		t.Errorf("end of stream: %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Stop() = %v", err)
	}
}

func TestStopIsHardWhenItsContextEnds(t *testing.T) {
	svc := &fakeService{hold: true}
	s := start(t, api.Options{Service: svc})
	stream := openStream(t, s)
	send(t, stream, 0, "a")
	within(t, "proposal held", func() bool { return svc.heldCount() == 1 })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Stop(ended) = %v", err)
	}
	if _, err := stream.Recv(); err == nil || len(status.Convert(err).Details()) != 0 {
		t.Errorf("end of stream = %v, want an error without a verdict", err)
	}
	// The service answers too late: no client is there, nothing breaks.
	svc.release(nil)
}
