package courier

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// pinger is a transport whose ping ends with an answer, or with its context.
type pinger struct {
	transport.Transport
	waits  bool
	answer error
}

func (p pinger) Describe() plugins.Info {
	return plugins.Info{Capabilities: []plugins.Capability{transport.CapabilityPing}}
}

func (p pinger) Ping(ctx context.Context, _ transport.Peer) error {
	if p.waits {
		<-ctx.Done()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return p.answer
}

// A member is reached if it is by one of the transports, even if the path of another
// one swallows the question. No transport that cannot tell makes it unreached.
func TestAMemberAnswersByOneOfTheTransports(t *testing.T) {
	lost, there := pinger{waits: true}, pinger{}
	mute, away := pinger{answer: transport.ErrCannotPing}, pinger{answer: transport.ErrUnreachable}
	for name, c := range map[string]struct {
		by   [2]pinger
		want error
	}{
		"the second": {[2]pinger{lost, there}, nil},
		"the first":  {[2]pinger{there, lost}, nil},
		"neither":    {[2]pinger{away, away}, transport.ErrUnreachable},
		"both lost":  {[2]pinger{lost, lost}, context.DeadlineExceeded},
		"one asks":   {[2]pinger{mute, away}, transport.ErrUnreachable},
		"none asks":  {[2]pinger{mute, mute}, transport.ErrCannotPing},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				courier := &Courier{logger: slog.New(slog.DiscardHandler)}
				for _, p := range c.by {
					k := &carrier{courier: courier, reach: reach{known: true, schemes: []string{"a"}}}
					var running transport.Transport = p
					k.transport.Store(&running)
					courier.carriers = append(courier.carriers, k)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := courier.Ping(ctx, member.Member{ID: 2, PeerURLs: []string{"a://b:1"}}); !errors.Is(err, c.want) {
					t.Errorf("got %v, want %v", err, c.want)
				}
			})
		})
	}
}
