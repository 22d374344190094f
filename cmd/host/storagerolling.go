package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/client"
)

// The limits of a rolling migration.
const (
	// healthPatience is for how long the cluster may be not well before the next member is
	// asked: it has elected a leader meanwhile, or will not.
	healthPatience = 30 * time.Second
	// catchUpPatience is for how long a member that was moved may apply nothing while it lags.
	catchUpPatience = 2 * time.Minute
	// migrationLook is how often the members are looked at.
	migrationLook = 250 * time.Millisecond
)

// A rollingMigration moves the stores of a cluster, one member after the other.
type rollingMigration struct {
	cmd   *cobra.Command
	c     *client.Client
	to    string
	force bool
	shown progress
	done  []migratedMember
}

// migrateRolling is the work of storage migrate --rolling.
func migrateRolling(cmd *cobra.Command, flags *clusterFlags, out *format, to string, force bool) error {
	for _, name := range []string{"config", "data-dir", "set", "from", "command", "sha256"} {
		if cmd.Flags().Changed(name) {
			return &usageError{cmd.CommandPath(), "--rolling is for a cluster that serves, and --" + name + " for a stopped node: each member has the next storage in plugins.storage.next of its own file"}
		}
	}
	if !cmd.Flags().Changed("timeout") {
		flags.timeout = restartTimeout
	}
	return flags.with(cmd, func(c *client.Client) error {
		r := &rollingMigration{cmd: cmd, c: c, to: to, force: force, shown: newProgress(cmd.ErrOrStderr()), done: []migratedMember{}}
		err := r.run(cmd.Context())
		r.shown.clear()
		shown := map[string]any{"to": to, "members": r.done}
		return errors.Join(out.print(cmd, shown, r.lines), err)
	})
}

// lines are the members that are done, for people.
func (r *rollingMigration) lines(w io.Writer) error {
	for _, m := range r.done {
		if m.Unchanged {
			fmt.Fprintf(w, "member %s %s: %s already\n", printable(m.ID), printable(m.Name), printable(m.To))
			continue
		}
		fmt.Fprintf(w, "member %s %s: %s to %s in %v; the store before is in %s of its data directory: never start a member with it\n", printable(m.ID), printable(m.Name),
			printable(m.From), printable(m.To), (time.Duration(m.ForMs) * time.Millisecond).Round(time.Millisecond), printable(orDash(m.Left)))
	}
	return nil
}

// migratedMember is the JSON of one member.
type migratedMember struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	From      string `json:"from"`
	To        string `json:"to"`
	Unchanged bool   `json:"unchanged"` // it had been moved before
	Entries   uint64 `json:"entries"`   // how many were compared, of the store and of the copy
	Bytes     uint64 `json:"bytes"`
	ForMs     uint64 `json:"for_ms"`
	Left      string `json:"left"` // the folder of the store before
}

// run moves all members that are not done.
func (r *rollingMigration) run(ctx context.Context) error {
	for {
		m, err := r.next(ctx)
		if err != nil || m == nil {
			return err
		}
		moved, err := r.move(ctx, m)
		if err != nil {
			return fmt.Errorf("member %s: %w", m.name(), err)
		}
		if err := r.settle(ctx, m); err != nil {
			return fmt.Errorf("member %s: %w", m.name(), err)
		}
		r.done = append(r.done, moved)
	}
}

// next is the member that is moved next, nil if all are done: one whose move is under way,
// or else a follower, and the leader last. It waits until the others are a quorum without it.
func (r *rollingMigration) next(ctx context.Context) (*migrating, error) {
	end := time.Now().Add(healthPatience)
	for {
		v, err := r.look(ctx)
		if err == nil {
			r.noteDone(v)
			m := v.first(r.to)
			if err = v.mayMove(m, r.force); err == nil {
				return m, nil
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case time.Now().After(end):
			return nil, err
		}
		r.shown.show("waiting: %s", printable(fmt.Sprint(err)))
		sleep(ctx, migrationLook)
	}
}

// noteDone remembers the members that had been moved before.
func (r *rollingMigration) noteDone(v *clusterView) {
	for _, m := range v.members {
		known := func(d migratedMember) bool { return d.ID == m.id() }
		if m.isDone(r.to) && !slices.ContainsFunc(r.done, known) {
			r.done = append(r.done, migratedMember{ID: m.id(), Name: m.row.Member.GetName(), From: r.to, To: r.to, Unchanged: true})
		}
	}
}

// look asks all members.
func (r *rollingMigration) look(ctx context.Context) (*clusterView, error) {
	rows, err := r.c.StatusAll(ctx)
	if err != nil {
		return nil, err
	}
	return viewOf(rows), nil
}

// settle waits until a member that was moved has applied what the leader had committed, and
// the leader appends to it as to others.
func (r *rollingMigration) settle(ctx context.Context, m *migrating) error {
	way := catchingUp{got: time.Now()}
	for {
		v, err := r.look(ctx)
		if err == nil {
			now := v.member(m.id())
			if now == nil && len(v.members) > 0 {
				return fmt.Errorf("%w: it was moved, and is not a member of the cluster any more", errPrecondition)
			}
			way.see(v.commit, now.status().GetApplied(), time.Now())
			if way.isThere() && now.isDone(r.to) && v.isWell(now) {
				r.shown.clear()
				return nil
			}
			err = fmt.Errorf("it has applied entry %d, and the leader had committed %d", way.applied, way.goal)
		}
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Since(way.got) > catchUpPatience:
			return fmt.Errorf("it was moved, and does not catch up: %w", err)
		}
		r.shown.show("member %s: %s", m.name(), printable(err.Error()))
		sleep(ctx, migrationLook)
	}
}

// catchingUp is how far a member is on its way to what the leader had committed first.
type catchingUp struct {
	goal, applied uint64
	got           time.Time // when it last came nearer
}

// see takes one look. Entries after the goal bring a member no nearer: under load they have no
// end.
func (c *catchingUp) see(commit, applied uint64, at time.Time) {
	if c.goal == 0 {
		c.goal = commit
	}
	if applied > c.applied {
		if !c.isThere() {
			c.got = at
		}
		c.applied = applied
	}
}

func (c *catchingUp) isThere() bool { return c.goal > 0 && c.applied >= c.goal }

// sleep waits, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
