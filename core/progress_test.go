package core_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// narrow is a transport over a path that swallows what is large, and says
// nothing.
type narrow struct {
	transport.Transport
	on *atomic.Bool
}

func (n narrow) Send(ctx context.Context, envelopes []transport.Envelope) error {
	kept := envelopes[:0:0]
	for _, e := range envelopes {
		if !n.on.Load() || len(e.Payload) < 1000 {
			kept = append(kept, e)
		}
	}
	return n.Transport.Send(ctx, kept)
}

// narrowCluster has three members on such a path.
func narrowCluster(t *testing.T, on *atomic.Bool) *cluster {
	c := newCluster(t, 0, nil)
	c.tune = func(cfg *core.Config) {
		cfg.Metrics = prometheus.NewRegistry()
		c.metrics[member.ID(cfg.ID)] = cfg.Metrics
		cfg.Backends[2] = backend.Transport("network", func(backend.Env) transport.Transport { return narrow{c.network.New(), on} })
	}
	for id := range member.ID(3) {
		c.members = append(c.members, c.member(id+1))
	}
	for _, m := range c.members {
		c.start(m.ID, true)
	}
	return c
}

// warns is what a member's status says for a reason; empty if nothing.
func (c *cluster) warns(id member.ID, reason string) string {
	for _, w := range c.service(id).Status().Warnings {
		if w.Reason == reason {
			return w.Text
		}
	}
	return ""
}

// gauge is the sum of a metric of a member.
func (c *cluster) gauge(id member.ID, name string) (sum float64) {
	for _, m := range c.gathered(id, name) {
		sum += m.GetGauge().GetValue()
	}
	return sum
}

// counter is what a member has counted of requests with this result.
func (c *cluster) counter(id member.ID, name, result string) (n float64) {
	for _, m := range c.gathered(id, name) {
		if m.GetLabel()[0].GetValue() == result {
			n += m.GetCounter().GetValue()
		}
	}
	return n
}

// gathered are a member's metrics of that name.
func (c *cluster) gathered(id member.ID, name string) []*dto.Metric {
	families, err := c.metrics[id].Gather()
	if err != nil {
		c.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()
		}
	}
	return nil
}

// readyz is the answer of a member's admin port.
func (c *cluster) readyz(id member.ID) (int, string) {
	resp, err := http.Get("http://" + c.nodes[id].host.AdminAddr().String() + "/readyz")
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// A path that swallows large messages lets heartbeats pass, so there is a
// leader, and nothing is committed any more. The leader knows that and says why,
// the followers hear it from it; all of them are not ready. When the path is
// well again so are they, by themselves.
func TestNothingIsCommittedOverANarrowPath(t *testing.T) {
	var on atomic.Bool
	c := narrowCluster(t, &on)
	leader := c.leader()
	c.propose(leader, "small")
	if age := c.gauge(leader, "pontoon_oldest_uncommitted_seconds"); age > 1 {
		t.Errorf("at rest the oldest uncommitted entry is %v s old", age)
	}
	on.Store(true)
	c.service(leader).ProposeAsync(make([]byte, 5000), 0, func(server.Result, error) {})
	for _, m := range c.members {
		c.eventually("no member to be ready", func() bool {
			code, body := c.readyz(m.ID)
			return code == http.StatusServiceUnavailable && strings.Contains(body, "oldest uncommitted entry")
		})
		if w := c.warns(m.ID, server.WarnCommitStalled); w == "" {
			t.Errorf("the status of %s does not warn", m.ID)
		}
	}
	if w := c.warns(leader, server.WarnCommitStalled); !strings.Contains(w, "what is large may not reach it") && !strings.Contains(w, "rejects appends") {
		t.Errorf("the leader does not say why: %s", w)
	}
	c.eventually("the metrics to say so", func() bool {
		return c.gauge(leader, "pontoon_oldest_uncommitted_seconds") >= 2 && c.gauge(leader, "pontoon_peer_stalled") == 2
	})
	if lost := c.service(leader).Status().Role; lost != "leader" {
		t.Errorf("the leader became a %s", lost)
	}
	on.Store(false)
	c.leader() // all are ready
	for _, m := range c.members {
		c.eventually("no warning", func() bool { return len(c.service(m.ID).Status().Warnings) == 0 })
	}
}

// A follower that alone has a narrow path does not stop the others: all are
// ready, and the leader's status names it.
func TestAFollowerBehindANarrowPathIsNamed(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	f := c.other(leader)
	c.network.Drop(func(e transport.Envelope) bool { return member.ID(e.To) == f && len(e.Payload) >= 1000 })
	c.propose(leader, strings.Repeat("x", 5000))
	c.eventually("a warning", func() bool {
		return strings.HasPrefix(c.warns(leader, server.WarnPeerStalled), f.String()+" has got nothing")
	})
	if w := c.warns(leader, server.WarnPeerStalled); !strings.Contains(w, "messages to it are lost") && !strings.Contains(w, "rejects appends") {
		t.Errorf("the leader does not say why: %s", w)
	}
	if err := c.service(leader).Ready(); err != nil {
		t.Errorf("the leader is not ready: %v", err)
	}
	c.network.Drop(nil)
	c.eventually("no warning", func() bool { return c.warns(leader, server.WarnPeerStalled) == "" })
}
