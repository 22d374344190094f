package api_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/net/http2"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/api"
)

const resultsBytes = "pontoon_api_results_bytes"

// query asks for an answer of so many bytes and returns the stream.
func (c *rawClient) query(size int) uint32 {
	c.t.Helper()
	c.call(hostv1.Host_Query_FullMethodName, &hostv1.QueryRequest{
		Data: []byte(strings.Repeat("x", size)), Consistency: hostv1.Consistency_CONSISTENCY_STALE,
	})
	return c.next - 2
}

// take makes room for the answer on a stream and reads it to its end.
func (c *rawClient) take(stream uint32, room uint32) {
	c.t.Helper()
	for _, of := range []uint32{0, stream} {
		if err := c.framer.WriteWindowUpdate(of, room); err != nil {
			c.t.Fatal(err)
		}
	}
	for {
		f, err := c.framer.ReadFrame()
		if err != nil {
			c.t.Fatal(err)
		}
		if h := f.Header(); h.StreamID == stream && h.Type == http2.FrameHeaders && h.Flags.Has(http2.FlagHeadersEndStream) {
			return
		}
	}
}

// An answer that its client does not take counts for as long as it waits, whatever
// else the client reads on that connection. Else a client could have the host keep
// an answer for each of its streams.
func TestWhatAClientReadsDoesNotPayForWhatItDoesNot(t *testing.T) {
	const large, small = 100 << 10, 50 << 10
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: &fakeService{}, Metrics: r})
	c := dialRaw(t, s, 0)
	silent := c.query(large)
	within(t, "the answer waits", func() bool { return metric(t, r, resultsBytes) >= large })
	for range 4 {
		c.take(c.query(small), 2*small)
	}
	if got := metric(t, r, resultsBytes); got < large {
		t.Errorf("%.0f bytes count, and %d wait", got, large)
	}
	c.take(silent, 2*large)
	within(t, "nothing counts after the answer was read", func() bool { return metric(t, r, resultsBytes) == 0 })
}

// A client breaks queries off when their time is up. Their answers count no longer,
// though another stream of the connection has had no answer yet.
func TestAnAnswerThatIsBrokenOffCountsNoLonger(t *testing.T) {
	const large = 100 << 10
	r := prometheus.NewRegistry()
	s := start(t, api.Options{Service: &fakeService{}, Metrics: r})
	c := dialRaw(t, s, 0)
	if _, err := c.begin(hostv1.Host_Proposals_FullMethodName); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		broken := c.query(large)
		within(t, "the answer waits", func() bool { return metric(t, r, resultsBytes) >= large })
		if err := c.framer.WriteRSTStream(broken, http2.ErrCodeCancel); err != nil {
			t.Fatal(err)
		}
		within(t, "it counts no longer", func() bool { return metric(t, r, resultsBytes) == 0 })
	}
}
