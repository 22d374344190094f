package demo

import (
	"context"
	"fmt"
	"time"
)

// Client is what the demo asks of a cluster, through some of its members.
type Client interface {
	// Put returns when the write is durable on a quorum. It may be repeated.
	Put(ctx context.Context, key, value string) error
	// Get answers with every acknowledged write; ok is false without the key.
	Get(ctx context.Context, key string) (value string, ok bool, err error)
	// Members asks every member what it knows of itself.
	Members(ctx context.Context) ([]Member, error)
	Close() error
}

// Member is what one member said of itself.
type Member struct {
	ID, Name        string
	Reachable       bool
	Role            string
	Commit, Applied uint64
	// Plugins by kind.
	Plugins map[string]Plugin
}

// Plugin is one plugin of a member.
type Plugin struct {
	Name  string
	PID   int
	State string
}

// leaderRole is the role of the leader.
const leaderRole = "leader"

// ready reports whether all three plugins serve.
func (m Member) ready() bool {
	for _, p := range m.Plugins {
		if p.State != "ready" {
			return false
		}
	}
	return m.Reachable && len(m.Plugins) == 3
}

// poll is how often the demo looks whether something has happened.
const poll = 20 * time.Millisecond

// await asks again and again until done is satisfied with the answer. It ends
// early if a node dies that should be running.
func (d *demo) await(ctx context.Context, what string, done func([]Member) bool) error {
	whole := ctx
	ctx, cancel := context.WithTimeout(ctx, d.settings.Patience)
	defer cancel()
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		members, err := d.client.Members(ctx)
		if err == nil && done(members) {
			return nil
		}
		if dead := d.unexpectedlyDead(); dead != nil {
			return dead.died()
		}
		select {
		case <-ctx.Done():
			if whole.Err() != nil {
				return whole.Err()
			}
			return fmt.Errorf("%s: not within %v (%s)", what, d.settings.Patience, describe(members, err))
		case <-tick.C:
		}
	}
}

func describe(members []Member, err error) string {
	if err != nil {
		return err.Error()
	}
	text := "last seen:"
	for _, m := range members {
		text += fmt.Sprintf(" %s reachable=%v role=%s applied=%d/%d", m.Name, m.Reachable, m.Role, m.Applied, m.Commit)
	}
	return text
}

func (d *demo) unexpectedlyDead() *node {
	for _, n := range d.nodes {
		if n.cmd != nil && n != d.down && !n.running() {
			return n
		}
	}
	return nil
}

// leaderOf returns the node that leads, or nil unless exactly one does.
func (d *demo) leaderOf(members []Member) *node {
	var leader *node
	for _, m := range members {
		if !m.Reachable || m.Role != leaderRole {
			continue
		}
		if leader != nil {
			return nil
		}
		leader = d.byID(m.ID)
	}
	return leader
}

func (d *demo) byID(id string) *node {
	for _, n := range d.nodes {
		if n.id == id {
			return n
		}
	}
	return nil
}

// caughtUp reports whether every member is up and has applied what any of
// them knows to be committed.
func caughtUp(members []Member) bool {
	var commit uint64
	for _, m := range members {
		commit = max(commit, m.Commit)
	}
	for _, m := range members {
		if !m.ready() || m.Applied < commit {
			return false
		}
	}
	return commit > 0
}

// say prints one line of the story.
func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.settings.Out, format+"\n", args...) }

// rounded is a duration for people.
func rounded(t time.Duration) time.Duration {
	if t < time.Second {
		return t.Round(100 * time.Microsecond)
	}
	return t.Round(time.Millisecond)
}
