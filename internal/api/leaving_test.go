package api_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"golang.org/x/net/http2"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/api"
)

// shareOfAStop is the least that a host which stops has left for its clients when
// nothing else takes its time.
const shareOfAStop = 2 * time.Second

// A client that has all its answers and stands still does not say that it has heard of
// the stop. gRPC would wait for its word until the time of the stop is over, and clients
// would be told of requests in flight that there are not.
func TestStopDoesNotWaitForAClientThatStandsStill(t *testing.T) {
	const room = 64 << 10
	for name, ask := range map[string]func(t *testing.T, c *rawClient){
		"after an answer": func(_ *testing.T, c *rawClient) { c.take(c.query(10), room) },
		"with an open stream": func(t *testing.T, c *rawClient) {
			if _, err := c.begin(hostv1.Host_Proposals_FullMethodName); err != nil {
				t.Fatal(err)
			}
			c.take(c.query(10), room) // the server has the stream
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, api.Options{Service: &fakeService{}})
			ask(t, dialRaw(t, s, room))
			ctx, cancel := context.WithTimeout(t.Context(), shareOfAStop)
			defer cancel()
			if err := s.Stop(ctx); err != nil {
				t.Errorf("Stop() = %v", err)
			}
		})
	}
}

// A client that does not take its answer has the stop wait for as long as it may, and is
// what the error tells of.
func TestStopSaysThatAnAnswerWasNotTaken(t *testing.T) {
	s := start(t, api.Options{Service: &fakeService{}})
	c := dialRaw(t, s, 0)
	stream := c.query(10)
	for { // the head of the answer needs no room
		f, err := c.framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if f.Header().StreamID == stream && f.Header().Type == http2.FrameHeaders {
			break
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), shareOfAStop)
	defer cancel()
	if err := s.Stop(ctx); !errors.Is(err, api.ErrUnanswered) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Stop() = %v, want %v and the end of its time", err, api.ErrUnanswered)
	}
}

// A request that takes longer than a client has to leave is answered all the same.
func TestAStopAnswersWhatTakesLong(t *testing.T) {
	svc := &fakeService{hold: true}
	s := start(t, api.Options{Service: svc})
	answered := make(chan error, 1)
	go func() {
		_, err := hostClient(t, s).Propose(t.Context(), &hostv1.ProposeRequest{Data: []byte("x")})
		answered <- err
	}()
	within(t, "proposal held", func() bool { return svc.heldCount() == 1 })
	stopped := make(chan error, 1)
	go func() { stopped <- s.Stop(context.Background()) }()
	select {
	case err := <-answered:
		t.Errorf("the request ended with %v before its answer", err)
	case err := <-stopped:
		t.Errorf("Stop() = %v before the answer", err)
	case <-time.After(time.Second): // twice what a client has to leave
	}
	svc.release(nil)
	if err := <-answered; err != nil {
		t.Errorf("the request ended with %v", err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Stop() = %v", err)
	}
}
