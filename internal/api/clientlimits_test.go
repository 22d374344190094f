package api

import (
	"bytes"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/proposalwire"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// fullService has no room.
type fullService struct{ server.Service }

func (fullService) Full(int) error {
	return &server.Error{Err: server.ErrTooManyRequests, Detail: "the host's"}
}

// limitedStream is a stream of a writer that may make two requests in a second, and
// whose host has room for little.
func limitedStream(t *testing.T) *proposalStream {
	t.Helper()
	guard, err := access.New(&access.Policy{Anonymous: access.Write, Limits: map[string]access.Limit{"app": {RequestsPerSecond: 2}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := whole(Limits{MaxValueBytes: 2 * earlyBytes, MaxInFlightBytes: 1 << 20, MaxPendingBytes: 1 << 20})
	who := access.Identity{Name: "app", Role: access.Write}
	return &proposalStream{
		svc: hasRoom{}, guard: guard, limited: guard.Client(who, time.Now()), limits: l, end: newEnding(), wake: make(chan struct{}, 1),
		demands: demands{guard: guard, classes: someClasses(), who: who, said: map[*access.Class]denial{}},
		bounds:  newBounds(l, nil), lane: lanes(newPool(amount{int64(l.MaxPending), l.MaxPendingBytes}), "app")[0],
	}
}

// A proposal on a stream that is refused is a request of its client, whatever it is
// refused for: a client that sends many comes up against its own limit. Each counts once.
func TestRefusedProposalsCountAgainstTheLimitOfTheirClient(t *testing.T) {
	const all, allowed = 10, 2
	small, large := []byte("put: x"), make([]byte, 2*earlyBytes+1)
	for name, c := range map[string]struct {
		data    []byte
		early   bool // refused by its head
		prepare func(*proposalStream)
		reason  string
	}{
		"class":                {data: []byte("admin: x"), reason: "permission_denied"},
		"size":                 {data: large, reason: "too_large"},
		"room of the host":     {data: large[:earlyBytes], early: true, prepare: func(s *proposalStream) { s.svc = fullService{} }, reason: "the host's"},
		"room of the stream":   {data: small, prepare: func(s *proposalStream) { s.bytes = s.limits.MaxInFlightBytes }, reason: "on this stream"},
		"room of all, by head": {data: large[:earlyBytes], early: true, prepare: func(s *proposalStream) { greedy([]*lane{s.lane}, 1000) }, reason: "share"},
		"room of all":          {data: small, prepare: func(s *proposalStream) { greedy([]*lane{s.lane}, 1) }, reason: "share"},
		"a stop":               {data: small, prepare: func(s *proposalStream) { s.end.drain() }, reason: "stopping"},
	} {
		t.Run(name, func(t *testing.T) {
			s := limitedStream(t)
			if c.prepare != nil {
				c.prepare(s)
			}
			batch := proposalBatch{arrived: time.Now()}
			for id := range uint64(all) {
				if !c.early {
					batch.proposals = append(batch.proposals, proposal{proposalwire.Proposal{ID: id, Data: c.data}})
					continue
				}
				err := s.full(len(c.data))
				if err == nil {
					t.Fatal("it has room")
				}
				batch.refused = append(batch.refused, refusedProposal{id, err})
			}
			if _, ok := s.admit(&batch); !ok {
				t.Fatal("the stream takes no more")
			}
			answers, _ := s.answers.pop(nil)
			own, limited := 0, 0
			for _, a := range answers {
				switch {
				case bytes.Contains(a.Failure, []byte("requests_per_second is 2")):
					limited++
				case bytes.Contains(a.Failure, []byte(c.reason)):
					own++
				default:
					t.Errorf("answered with %q", a.Failure)
				}
			}
			if own != allowed || limited != all-allowed {
				t.Errorf("%d refused as they are and %d by the client's limit of %d a second", own, limited, allowed)
			}
			if got := s.guard.State(time.Now()).Limited; got != uint64(limited) {
				t.Errorf("%d are counted as over the limit, and %d were", got, limited)
			}
		})
	}
}
