package server

import (
	"fmt"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
)

// busy is the warning of a state machine that leaves a call unanswered and says what it is busy
// with: nothing is applied meanwhile, however well it gets on.
func (s *Server) busy() (list []Warning) {
	stalled := max(s.ApplyStalled(), s.RestoreStalled().For)
	if stalled < 2*s.cfg.Election {
		return nil
	}
	for _, p := range s.cfg.Plugins() {
		if w := p.Work; w != nil && p.Kind == string(plugins.StateMachine) {
			list = append(list, Warning{WarnBusy, fmt.Sprintf(
				"the state machine has not answered for %v, and nothing is applied: it is busy with %q, and its progress of %d has not risen for %v",
				stalled.Round(time.Second), w.What, w.Progress, w.Still.Round(time.Second))})
		}
	}
	return list
}

// Spared counts a call over which the state machine would have been ended if it had not been
// busy.
func (s *Server) Spared() { s.metrics.spared.Inc() }
