package api_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/api"
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
// another one are taken, by either way. The places of the flood come back,
// round after round.
func TestAFloodLeavesOthersTheirShare(t *testing.T) {
	svc := &fakeService{hold: true}
	s := start(t, api.Options{Service: svc, Limits: api.Limits{MaxPending: 200}})
	flood, other := openStream(t, s), openStream(t, s)
	alone := hostClient(t, s)
	for round := range uint64(3) {
		const many = 300
		send(t, flood, round*many, strings.Split(strings.Repeat("x", many), "")...)
		refused := map[uint64]*hostv1.ProposalResult{}
		for refused[(round+1)*many-1] == nil { // the last refusal comes when there is no room
			maps.Copy(refused, receive(t, flood, 1))
		}
		taken := many - len(refused)
		within(t, "the flood has its share", func() bool { return svc.heldCount() == taken })
		if taken <= 100 || taken > 199 {
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
		for _, r := range refused {
			if f := r.GetFailure(); f.GetReason() != "too_many_requests" || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED || f.GetRetryAfterMs() == 0 {
				t.Fatalf("a refusal: %v", r)
			}
		}
		for id, r := range receive(t, flood, taken) {
			if r.GetFailure() != nil {
				t.Errorf("proposal %d of the flood was taken, and is not applied: %v", id, r)
			}
		}
	}
}
