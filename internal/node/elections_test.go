package node

import (
	"fmt"
	"log/slog"
	"slices"
	"testing"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/events"
)

// Elections and leaders are told with their causes, once each.
func TestElectionsAreToldWithTheirCauses(t *testing.T) {
	for name, c := range map[string]struct {
		loses func(n *trio)
		want  []string
	}{
		"it hears no majority": {func(n *trio) {
			for range 6 * n.core.cfg.ElectionTicks {
				n.must(n.core.Tick())
				n.settle()
			}
		}, []string{"this member leads no longer: check-quorum", "this member begins an election: timeout"}},
		"another one has a higher term": {func(n *trio) {
			n.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(n.term + 1)})
		}, []string{"this member leads no longer: higher-term", "another member leads: 2"}},
		"it hands over": {func(n *trio) {
			n.must(n.core.Transfer(2))
			n.settle()
			n.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(n.term + 1)})
		}, []string{"this member leads no longer: transfer", "another member leads: 2"}},
		"another one hands over to it": {func(n *trio) {
			n.from(2, pb.MsgHeartbeat, &pb.Message{Term: new(n.term + 1)})
			n.from(2, pb.MsgTimeoutNow, &pb.Message{Term: new(n.term + 1)})
		}, []string{"this member leads no longer: higher-term", "another member leads: 2", "this member begins an election: transfer"}},
	} {
		t.Run(name, func(t *testing.T) {
			ring := events.New()
			n := newVoters(t, 3, func(cfg *Config) { cfg.Logger = slog.New(ring.Handler(slog.DiscardHandler)) })
			n.elect()
			c.loses(n)
			var told []string
			all, _, _ := ring.After(0, 100)
			for _, e := range all {
				text := e.Sentence
				if i := slices.IndexFunc(e.Fields, func(f events.Field) bool { return f.Name == "cause" || f.Name == "leader" }); i >= 0 {
					text += fmt.Sprintf(": %v", e.Fields[i].Value)
				}
				told = append(told, text)
			}
			want := append([]string{"this member begins an election: timeout", "this member leads"}, c.want...)
			told = slices.DeleteFunc(told, func(text string) bool { return text == "the membership has changed" })
			if !slices.Equal(told, want) {
				t.Errorf("told is %q, want %q", told, want)
			}
		})
	}
}
