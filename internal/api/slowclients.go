package api

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// errSlowClient: the client has not read its answers for too long.
var errSlowClient = errors.New("answers were not read")

// slowClients looks after the Proposals streams whose clients do not read. The
// answers that wait for such a client lose their results first. Then the stream is ended, and
// at last, if the client does not read the reason either, its connection.
type slowClients struct {
	mu      sync.Mutex
	streams map[*proposalStream]struct{}
}

func (c *slowClients) watch(s *proposalStream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.streams[s] = struct{}{}
}

func (c *slowClients) forget(s *proposalStream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.streams, s)
}

func (c *slowClients) all() []*proposalStream {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Keys(c.streams))
}

// run looks at all streams, four times in the time after which one is slow, until
// the server stops.
func (c *slowClients) run(l Limits, end *ending, log *slog.Logger) {
	for !pause.Until(end.stopping, max(l.SlowAfter/4, time.Millisecond)) {
		now := time.Now()
		for _, s := range c.all() {
			if s.judge(now) {
				log.Warn("a client did not read its answers: its stream is ended", "client", s.client.key, "after", l.StalledAfter)
			}
		}
	}
}

// slowestRate is how many bytes of a message a client has to take in a second, after
// the time that each message has.
const slowestRate = 64 << 10

// judge does to the stream what its client deserves at that time. It reports true
// if it ends the stream.
func (s *proposalStream) judge(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead || s.since.IsZero() {
		return false
	}
	allowed := time.Duration(s.message.bytes) * time.Second / slowestRate
	switch waited := now.Sub(s.since) - allowed; {
	case waited > s.limits.StalledAfter:
		select {
		case <-s.slow:
			return false
		default:
		}
		close(s.slow)
		s.bounds.counts.ended.Add(1)
		giveUp(s.client.conn, s.bounds, s.limits.StalledAfter)
		return true
	case waited > s.limits.SlowAfter:
		s.loseLocked()
	}
	return false
}

// giveUp closes the connection of an ended stream if its client does not read on within
// that time.
func giveUp(conn *clientConn, b *bounds, within time.Duration) {
	if conn == nil {
		return
	}
	before := conn.meter.answered()
	time.AfterFunc(within, func() {
		if conn.meter.answered() == before {
			b.meters.cutOff(conn.meter, closedSlow)
		}
	})
}

func (s *proposalStream) slowness() error {
	return &server.Error{
		Err: errSlowClient,
		Detail: fmt.Sprintf("this client took none of its answers for %v; what was proposed here and has no answer may have been applied",
			s.limits.StalledAfter),
	}
}
