package server

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
)

// An obstacle is one reason why this member does not serve. Ready and the
// warnings of Status come from the same list of them, so that none is known to
// one of the two alone.
type obstacle struct {
	reason string // of the warning
	err    error  // of Ready
	// text is the warning's if it says more than the error.
	text string
	// passing: it is the way of things for a moment, and no warning yet.
	passing bool
}

// warning says it to people.
func (o *obstacle) warning() Warning {
	if o.text != "" {
		return Warning{o.reason, o.text}
	}
	return Warning{o.reason, strings.TrimPrefix(o.err.Error(), ErrNotReady.Error()+": ")}
}

// notReady makes an obstacle of what is missing.
func notReady(reason, text string) obstacle {
	return obstacle{reason: reason, err: &Error{Err: ErrNotReady, Detail: text}}
}

// Ready implements Service.
func (s *Server) Ready() error {
	if list := s.obstacles(); len(list) > 0 {
		return list[0].err
	}
	return nil
}

// obstacles are all reasons why this member does not serve, the most telling one
// first.
func (s *Server) obstacles() (list []obstacle) {
	s.mu.Lock()
	n, first, ledSince := s.node, s.refusing(), s.reigns.Load().lastLost
	if s.attachedAt.After(ledSince) {
		ledSince = s.attachedAt
	}
	s.mu.Unlock()
	if first != nil {
		list = append(list, *first)
	}
	quarantined := s.Quarantined()
	if quarantined != "" {
		list = append(list, notReady(WarnQuarantined, quarantined))
	}
	if n != nil {
		list = append(list, s.obstaclesOf(n.State(), time.Since(ledSince))...)
	}
	for _, text := range pluginsDown(s.cfg.Plugins()) {
		list = append(list, notReady(WarnPluginDown, text))
	}
	switch text := s.outside(); {
	case quarantined != "":
	case !s.machine.isOpen() || s.unread.Load() != nil:
		list = append(list, notReady(WarnCatchingUp, s.catchingUp()))
	case n != nil && text != "":
		list = append(list, notReady(WarnCatchingUp, text))
	}
	return list
}

// obstaclesOf are those of a node, which has known no leader for some time if it
// knows none.
func (s *Server) obstaclesOf(ns node.State, leaderless time.Duration) (list []obstacle) {
	if err := s.Live(); err != nil {
		list = append(list, notReady(WarnRaftStalled, err.Error()))
	}
	switch {
	case ns.LostData != nil:
		list = append(list, obstacle{reason: WarnLostData, err: ns.LostData})
	case ns.Accused != nil:
		list = append(list, notReady(WarnLostData, fmt.Sprintf(
			"this member may have lost data, and does not vote: %v; it ends if that is said on, and serves again if it is taken back", ns.Accused)))
	}
	if slices.Contains(ns.Doubled, s.cfg.ID) {
		list = append(list, notReady(WarnDoubled, doubledText(s.cfg.ID)))
	}
	if ns.Leader == 0 {
		list = append(list, obstacle{
			reason: WarnNoLeader, err: &Error{Err: ErrNoLeader},
			text:    fmt.Sprintf("knows no leader for %v", leaderless.Round(time.Millisecond)),
			passing: leaderless < StallAfter(s.cfg.Election),
		})
	}
	if err := s.committing(ns); err != nil {
		return append(list, obstacle{reason: WarnCommitStalled, err: err}) // and so proposals are unanswered
	}
	if text := s.whyMissing(time.Now()); text != "" && s.Applied() >= ns.Commit { // else they may be answered yet
		list = append(list, notReady(WarnUnanswered, text))
	}
	return list
}

// outside says that this member is not one by what it has applied; empty if it is.
func (s *Server) outside() string {
	_, registry := s.progress.get()
	if _, in := registry.Member(s.cfg.ID); in {
		return ""
	}
	if _, gone := registry.WasRemoved(s.cfg.ID); gone {
		return "this member was removed from the cluster"
	}
	return "this member has not got the entry by which it was added yet: it waits for the log or a snapshot of the leader"
}

// refusing is why no request is taken; nil if requests are. It needs s.mu.
func (s *Server) refusing() *obstacle {
	switch {
	case s.stopping:
		return &obstacle{reason: WarnStopping, err: &Error{Err: ErrStopping}}
	case s.conflict != nil:
		return &obstacle{reason: WarnConflict, err: &Error{Err: ErrNotReady, Detail: s.conflict.Error()}}
	case s.paused:
		return &obstacle{reason: WarnNoStorage, err: &Error{Err: ErrNotReady, Detail: "the storage plugin is being restarted", RetryAfter: s.cfg.Tick}}
	case s.node == nil:
		return &obstacle{reason: WarnNoStorage, err: &Error{Err: ErrNotReady, Detail: "the storage plugin is starting", RetryAfter: s.cfg.Tick}}
	}
	return nil
}

// unavailable is the error of refusing. It needs s.mu.
func (s *Server) unavailable() error {
	if o := s.refusing(); o != nil {
		return o.err
	}
	return nil
}

// catchingUp says what the state machine waits for.
func (s *Server) catchingUp() string {
	if p := s.plea.Load(); p != nil {
		return p.text
	}
	text := "the state machine is catching up"
	if why := s.unread.Load(); why != nil {
		text += ", and the storage cannot be read: " + *why
	}
	return text
}

// pluginsDown names a plugin of each kind of which none works: of two transports
// one is enough.
func pluginsDown(all []PluginStatus) (list []string) {
	named := map[string]bool{}
	for _, p := range all {
		works := func(o PluginStatus) bool { return o.Kind == p.Kind && o.State == "ready" }
		if !named[p.Kind] && !slices.ContainsFunc(all, works) {
			named[p.Kind] = true
			list = append(list, fmt.Sprintf("%s plugin %s is in state %s", p.Kind, p.Name, p.State))
		}
	}
	return list
}
