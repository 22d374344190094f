package api_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/core/api"
	"github.com/pontoon-raft/pontoon/core/server"
)

// metric is the sum of a metric's values over its labels.
func metric(t testing.TB, r *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return sum
}

// refusedAsNotApplied fails the test unless err says so.
func refusedAsNotApplied(t testing.TB, err error) {
	t.Helper()
	f := failureIn(t, err)
	if status.Code(err) != codes.ResourceExhausted || f.GetReason() != "too_many_requests" || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED {
		t.Errorf("refused with %v, %v", err, f)
	}
}

// One connection cannot have all streams: another client opens one.
func TestStreamsOfAllClientsAreBounded(t *testing.T) {
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: &fakeService{}, Limits: api.Limits{MaxProposalStreams: 32}, Metrics: r})
	ctx, cancel := context.WithCancel(t.Context())
	greedy := hostClient(t, s)
	opened := 0
	for range 40 {
		stream, err := greedy.Proposals(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Send(&hostv1.ProposalBatch{Proposals: []*hostv1.Proposal{{Data: []byte("x")}}}); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		if _, err := stream.Recv(); err != nil {
			refusedAsNotApplied(t, err)
			continue
		}
		opened++
	}
	if opened > 31 || opened < 16 || metric(t, r, "pontoon_api_refused_total") != float64(40-opened) {
		t.Errorf("one client has %d of 32 streams", opened)
	}
	other := openStream(t, s)
	send(t, other, 0, "x")
	receive(t, other, 1)
	cancel()
	within(t, "the streams that ended are given back", func() bool { return metric(t, r, "pontoon_api_streams") == 1 })
}

// Requests of one answer are bounded for the host as a whole, in both forms.
func TestCallsOfAllClientsAreBounded(t *testing.T) {
	svc := &fakeService{hold: true}
	s := start(t, api.Options{Service: svc, Limits: api.Limits{MaxCalls: 2}})
	first := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := hostClient(t, s).Propose(t.Context(), &hostv1.ProposeRequest{Data: []byte("x")})
			first <- err
		}()
	}
	within(t, "both proposals are with the service", func() bool { return svc.heldCount() == 2 })
	client := hostClient(t, s)
	_, err := client.Propose(t.Context(), &hostv1.ProposeRequest{Data: []byte("x")})
	refusedAsNotApplied(t, err)
	_, err = client.Query(t.Context(), &hostv1.QueryRequest{Data: []byte("x")})
	refusedAsNotApplied(t, err)
	_, err = client.Members(t.Context(), &hostv1.MembersRequest{Linearizable: true})
	refusedAsNotApplied(t, err)
	resp, err := httpClient().Post("http://"+s.Addr().String()+"/v1/query", "application/json", strings.NewReader(`{"data":"eA=="}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("JSON: %d", resp.StatusCode)
	}
	if _, err := client.Status(t.Context(), &hostv1.StatusRequest{}); err != nil {
		t.Errorf("Status() = %v", err)
	}
	svc.release(nil)
	for range 2 {
		if err := <-first; err != nil {
			t.Errorf("a proposal that was taken ends with %v", err)
		}
	}
	if _, err := client.Query(t.Context(), &hostv1.QueryRequest{Data: []byte("x")}); err != nil {
		t.Errorf("Query() when there is room again = %v", err)
	}
}

// While one client proposes more than all that may be in flight, the proposals of
// another one are taken, by either way. What the flood had comes back, round
// after round.
func TestAFloodLeavesOthersTheirShare(t *testing.T) {
	svc := &fakeService{hold: true}
	s := start(t, api.Options{Service: svc, Limits: api.Limits{MaxPending: 200}})
	flood, other := openStream(t, s), openStream(t, s)
	alone := hostClient(t, s)
	for round := range uint64(3) {
		const many = 300
		send(t, flood, round*many, strings.Split(strings.Repeat("x", many), "")...)
		within(t, "the flood has its share", func() bool { return svc.heldCount() > 100 })
		taken := svc.heldCount()
		if taken > 199 {
			t.Fatalf("the flood has %d of 200", taken)
		}
		send(t, other, 3*round, "a", "b", "c")
		answered := make(chan error, 1)
		go func() {
			_, err := alone.Propose(t.Context(), &hostv1.ProposeRequest{Data: []byte("d")})
			answered <- err
		}()
		within(t, "the other client's are taken", func() bool { return svc.heldCount() == taken+4 })
		svc.release(nil)
		for id, r := range receive(t, other, 3) {
			if r.GetFailure() != nil {
				t.Errorf("proposal %d of the other client: %v", id, r)
			}
		}
		if err := <-answered; err != nil {
			t.Errorf("the other client's single proposal: %v", err)
		}
		applied := 0
		for _, r := range receive(t, flood, many) {
			switch f := r.GetFailure(); {
			case f == nil:
				applied++
			case f.GetReason() != "too_many_requests" || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED || f.GetRetryAfterMs() == 0:
				t.Fatalf("a refusal: %v", f)
			}
		}
		if applied != taken {
			t.Errorf("%d of the flood's proposals were applied, %d taken", applied, taken)
		}
	}
}

// silentStreams opens so many streams, each of a connection of its own, and has
// each propose so much; none of them reads.
func silentStreams(t testing.TB, s *api.Server, streams, proposals int) []silentStream {
	t.Helper()
	var all []silentStream
	for range streams {
		stream := openStream(t, s)
		send(t, stream, 0, strings.Split(strings.Repeat("x", proposals), "")...)
		all = append(all, stream)
	}
	return all
}

type silentStream = hostv1.Host_ProposalsClient

// What the clients of a host do not read is bounded for all of them together, and
// a client that reads gets its results meanwhile.
func TestResultsOfAllClientsAreBounded(t *testing.T) {
	const streams, many, large, most = 20, 200, 64 << 10, 8 << 20
	svc := &fakeService{hold: true}
	svc.result = func(data []byte) server.Result {
		return server.Result{Index: 1, Data: make([]byte, len(data)*large)}
	}
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: svc, Limits: api.Limits{MaxResultBytes: most}, Metrics: r})
	silent := silentStreams(t, s, streams, many)
	within(t, "all proposals are with the service", func() bool { return svc.heldCount() == streams*many })
	svc.release(nil)
	if kept := metric(t, r, "pontoon_api_results_bytes"); kept > most || kept < most/4 {
		t.Errorf("%.0f bytes of results wait, want up to %d", kept, most)
	}
	svc.set(func(f *fakeService) { f.hold = false })
	reads := openStream(t, s)
	for id := range uint64(5) {
		send(t, reads, id, "x")
		if got := receive(t, reads, 1)[id].GetResponse(); len(got.GetData()) != large || got.GetResultLost() {
			t.Errorf("a client that reads gets %d bytes, %q", len(got.GetData()), got.GetError())
		}
	}
	whole := 0
	for _, stream := range silent {
		for _, a := range receive(t, stream, many) {
			switch {
			case len(a.GetResponse().GetData()) == large:
				whole++
			case !a.GetResponse().GetResultLost() || a.GetFailure() != nil:
				t.Errorf("an answer is %v", a)
			}
		}
	}
	if whole == 0 || whole == streams*many {
		t.Errorf("%d results of %d arrived", whole, streams*many)
	}
	within(t, "nothing is kept", func() bool { return metric(t, r, "pontoon_api_results_bytes") == 0 })
}

// The stream of a client that does not read loses its results, is ended with a
// reason, and gives back all that it had.
func TestAClientThatDoesNotReadIsEnded(t *testing.T) {
	const many, large = 100, 64 << 10
	svc := &fakeService{hold: true}
	svc.result = func([]byte) server.Result { return server.Result{Index: 1, Data: make([]byte, large)} }
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: svc, Metrics: r, Limits: api.Limits{
		MaxPending: 2 * many, SlowAfter: 20 * time.Millisecond, StalledAfter: 200 * time.Millisecond,
	}})
	silent := silentStreams(t, s, 1, many)[0]
	within(t, "all proposals are with the service", func() bool { return svc.heldCount() == many })
	svc.release(nil)
	within(t, "the results are given up", func() bool {
		return metric(t, r, "pontoon_api_results_left_out_total") > many/2 && metric(t, r, "pontoon_api_results_bytes") < 4*large
	})
	within(t, "the stream is ended", func() bool { return metric(t, r, "pontoon_api_streams") == 0 })
	var end error
	for end == nil {
		_, end = silent.Recv()
	}
	if f := failureIn(t, end); f.GetReason() != "slow_client" || f.GetOutcome() != hostv1.Outcome_OUTCOME_UNKNOWN {
		t.Errorf("the stream ends with %v, %v", end, f)
	}
	if kept := metric(t, r, "pontoon_api_results_bytes"); kept != 0 {
		t.Errorf("%.0f bytes are kept", kept)
	}
	// All that it had in flight may be taken again.
	next := openStream(t, s)
	send(t, next, 0, strings.Split(strings.Repeat("x", many), "")...)
	within(t, "there is room again", func() bool { return svc.heldCount() == many })
	svc.release(nil)
	receive(t, next, many)
}

// A client that does not even read why its stream was ended loses its connection,
// and with it what was on its way.
func TestTheConnectionOfAClientThatReadsNothingIsClosed(t *testing.T) {
	svc := &fakeService{result: func([]byte) server.Result { return server.Result{Index: 1, Data: make([]byte, 33<<10)} }}
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: svc, Metrics: r, Limits: api.Limits{
		SlowAfter: 10 * time.Millisecond, StalledAfter: 50 * time.Millisecond,
	}})
	_ = silentStreams(t, s, 1, 16)
	within(t, "the connection is closed", func() bool { return metric(t, r, "pontoon_api_connections_closed_total") == 1 })
}

// Refusals that are not read do not pile up either: when those of all clients are
// too many, a stream ends, which refuses the rest of its proposals in one word.
func TestRefusalsAreBounded(t *testing.T) {
	const batch, streams = 16 << 10, 8
	svc := &fakeService{hold: true}
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: svc, Limits: api.Limits{MaxPending: 1}, Metrics: r})
	first := openStream(t, s)
	send(t, first, 0, "x")
	within(t, "all places are taken", func() bool { return svc.heldCount() == 1 })
	silent := silentStreams(t, s, streams, batch)
	within(t, "a stream is refused as a whole", func() bool { return metric(t, r, "pontoon_api_streams_refused_total") > 0 })
	ended := 0
	for _, stream := range silent {
		_ = stream.CloseSend()
		answers, err := 0, error(nil)
		for err == nil {
			var got *hostv1.ProposalResultBatch
			got, err = stream.Recv()
			answers += len(got.GetResults())
		}
		switch {
		case err != io.EOF:
			refusedAsNotApplied(t, err)
			ended++
		case answers != batch:
			t.Errorf("a stream that was not ended got %d of %d answers", answers, batch)
		}
	}
	if ended == 0 || ended == streams {
		t.Errorf("%d of %d streams were ended", ended, streams)
	}
	svc.release(nil)
	receive(t, first, 1)
}
