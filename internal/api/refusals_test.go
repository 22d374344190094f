package api_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/api"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// A large value for which there is no room is refused without being given to the
// service, with the service's reason; a small one, and the next for which there is room,
// are not.
func TestALargeValueWithoutRoomIsRefusedByItsHead(t *testing.T) {
	var observed observer
	svc := &fakeService{full: &server.Error{Err: server.ErrTooManyRequests, Detail: "7 are pending", RetryAfter: time.Second}, room: 1000}
	stream := openStream(t, start(t, api.Options{Service: svc, Refusals: &observed}))
	large := strings.Repeat("x", 1<<20)
	send(t, stream, 1, large)
	send(t, stream, 2, "small")
	got := receive(t, stream, 2)
	f := got[1].GetFailure()
	if f.GetReason() != "too_many_requests" || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED || f.GetRetryAfterMs() != 1000 {
		t.Errorf("the large one: %v", got[1])
	}
	if string(got[2].GetResponse().GetData()) != "small" || len(svc.timeouts) != 1 {
		t.Errorf("the small one: %v; %d were proposed", got[2], len(svc.timeouts))
	}
	within(t, "the refusal to be observed", func() bool { return observed.count.Load() == 1 })
	svc.set(func(f *fakeService) { f.room = 2 << 20 })
	send(t, stream, 3, large)
	if r := receive(t, stream, 1)[3]; len(r.GetResponse().GetData()) != len(large) {
		t.Errorf("with room: %v", r.GetFailure())
	}
	if n := observed.count.Load(); n != 1 {
		t.Errorf("%d refusals were observed, want 1", n)
	}
}

// observer counts what is observed.
type observer struct{ count atomic.Int32 }

func (o *observer) Observe(float64) { o.count.Add(1) }
