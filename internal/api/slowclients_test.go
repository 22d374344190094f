package api_test

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// silentStreams opens so many streams, each of a connection of its own, and has
// each propose so much; none of them reads.
func silentStreams(t testing.TB, s *api.Server, streams, each int) []proposals {
	t.Helper()
	var all []proposals
	for range streams {
		stream := openStream(t, s)
		send(t, stream, 0, strings.Split(strings.Repeat("x", each), "")...)
		all = append(all, stream)
	}
	return all
}

// The results that the clients of a host do not read are bounded for all of them
// together, and a client that reads gets its own meanwhile, though each of the others came
// before it and took what it could.
func TestResultsOfAllClientsAreBounded(t *testing.T) {
	const streams, many, large, most = 20, 800, 16 << 10, 8 << 20
	svc := &fakeService{result: func([]byte) server.Result { return server.Result{Index: 1, Data: make([]byte, large)} }}
	r := prometheus.NewRegistry()
	// No client is slow here, however busy the machine is: that is the next test.
	s := start(t, api.Options{Service: svc, Metrics: r, Limits: api.Limits{
		MaxResultBytes: most, SlowAfter: time.Hour, StalledAfter: time.Hour,
	}})
	kept := func() float64 { return metric(t, r, "pontoon_api_results_bytes") }
	var silent []proposals
	for i := range streams {
		silent = append(silent, silentStreams(t, s, 1, many)...)
		within(t, "all proposals are answered", func() bool { return svc.appliedCount() == uint64((i+1)*many) })
		if kept := kept(); kept > most || kept < most/4 {
			t.Errorf("%.0f bytes of results wait, want up to %d", kept, most)
		}
	}
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
	within(t, "nothing is kept", func() bool { return kept() == 0 })
}

// The stream of a client that does not read loses its results, is ended with a
// reason, and gives back all that it had.
func TestAClientThatDoesNotReadIsEnded(t *testing.T) {
	const many, large = 100, 64 << 10
	svc := &fakeService{hold: true}
	svc.result = func([]byte) server.Result { return server.Result{Index: 1, Data: make([]byte, large)} }
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: svc, Metrics: r, Limits: api.Limits{
		MaxPending: 2 * many, SlowAfter: 20 * time.Millisecond,
		StalledAfter: time.Second, // the client has as long to read why it was ended
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

// A client that proposes little and gets much does not read: the results that
// the host keeps for it are bounded, and those left out say so. Each proposal is
// answered, as applied.
func TestResultsThatAreNotReadAreBounded(t *testing.T) {
	const many, large, most = 200, 256 << 10, 4 << 20
	svc := &fakeService{hold: true}
	svc.result = func([]byte) server.Result { return server.Result{Index: svc.index, Data: make([]byte, large)} }
	s := start(t, api.Options{Service: svc, Limits: api.Limits{MaxInFlightBytes: most}})
	stream := openStream(t, s)
	send(t, stream, 0, strings.Split(strings.Repeat("x", many), "")...)
	within(t, "all proposals to be with the service", func() bool { return svc.heldCount() == many })
	svc.release(nil)
	kept, left := 0, 0
	for _, r := range receive(t, stream, many) {
		switch response := r.GetResponse(); {
		case response.GetResultLost() && strings.Contains(response.GetError(), "wait for this client"):
			left++
		case len(response.GetData()) == large:
			kept += large
		default:
			t.Errorf("got %v", r)
		}
	}
	if kept < most/2 || kept > 2*most || left == 0 {
		t.Errorf("%d bytes were kept and %d results left out, want no more than %d and some", kept, left, most)
	}
}
