package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/clusterdoc"
)

// clusterStatus shows the document of a cluster to people.
type clusterStatus struct{ clusterdoc.Document }

func newStatus() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show every member and its plugins",
		Long: `status asks every member what it knows of itself, and says in a word how the
cluster is: HEALTHY, DEGRADED, or UNAVAILABLE if nothing gets committed. A member that cannot be
reached has a row too, with the reason. Exit code 3 if no member answered.

With --check, exit code 4 unless all members answer as members of one cluster,
exactly one leads, all others follow it in its term, all plugins are ready
without a warning, every member has a way to every other, and no member has a
warning. Whatever keeps a member from serving is a warning: "host status" and
the admin port's /readyz know the same reasons. Having no leader for a moment
is none, but a member that names no leader fails the check at once.`,
		Example: `  host status
  host status -o json | jq -r .leader
  host status --check --endpoints 10.0.0.1:7401`,
		Args:    args(cobra.NoArgs),
		GroupID: groupCluster,
	}
	flags, out := addCluster(cmd), addOutput(cmd)
	check := cmd.Flags().Bool("check", false, "exit with 4 unless everything is well")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		return flags.with(cmd, func(c *client.Client) error {
			s, err := askAll(cmd.Context(), c)
			if printErr := out.print(cmd, s, s.table); printErr != nil {
				return printErr
			}
			if err == nil && *check && !s.Healthy() {
				return errUnhealthy
			}
			return err
		})
	}
	return cmd
}

// askAll asks every member. The error says that none answered; the status has
// rows all the same.
func askAll(ctx context.Context, c *client.Client) (clusterStatus, error) {
	rows, err := c.StatusAll(ctx)
	s := summarise(rows)
	for _, m := range s.Members {
		if m.Reachable {
			return s, ctx.Err()
		}
	}
	if ctx.Err() != nil {
		return s, ctx.Err()
	}
	return s, fmt.Errorf("%w: %s", errUnreachable, plainly(err))
}

// summarise makes the one document of the members' answers.
func summarise(rows []client.MemberStatus) clusterStatus {
	answers := make([]clusterdoc.Row, len(rows))
	for i, r := range rows {
		answers[i] = clusterdoc.Row{Endpoint: r.Endpoint, Member: r.Member, Status: r.Status}
		if r.Err != nil {
			answers[i].Error = plainly(r.Err)
		}
	}
	return clusterStatus{clusterdoc.New(answers)}
}

// plainly is an error without what it says of a request's effect: status has
// none.
func plainly(err error) string {
	var refusal *client.Error
	if errors.As(err, &refusal) {
		return refusal.Endpoint + ": " + refusal.Message
	}
	return fmt.Sprint(err)
}

func (s clusterStatus) table(w io.Writer) error {
	fmt.Fprintf(w, "cluster %s, leader %s%s\n", printable(orDash(s.ClusterID)), printable(orDash(s.Leader)), s.level())
	fmt.Fprintln(w, printable(s.verdict()))
	err := table(w, func(w io.Writer) {
		row(w, "ID", "NAME", "ROLE", "TERM", "COMMIT", "APPLIED", "SNAPSHOT", "PLUGINS")
		for _, m := range s.Members {
			if !m.Reachable {
				row(w, orDash(m.ID), orDash(m.Name), "unreachable", "-", "-", "-", "-", m.Error)
				continue
			}
			row(w, m.ID, orDash(m.Name), roleOf(m), m.Term, m.Commit, m.Applied, m.SnapshotIndex, s.note(m))
		}
	})
	return errors.Join(err, s.progress(w))
}

// verdict is how the cluster is and why, in a line.
func (s clusterStatus) verdict() string {
	text := string(s.Verdict)
	if t := s.Tolerance; t.Voters > 0 {
		text += fmt.Sprintf(", tolerates %d failures (%d of %d voters get on, the quorum is %d)", t.Failures, t.Sound, t.Voters, t.Quorum)
	}
	if n := len(s.Reasons); n > 0 {
		text += ": " + s.Reasons[0]
		if n > 1 {
			text += fmt.Sprintf(" (and %d more)", n-1)
		}
	}
	return text
}

// level is the feature level of the cluster and the version of its commands for people;
// empty before there is one.
func (s clusterStatus) level() (text string) {
	var level uint64
	var version uint32
	for _, m := range s.Members {
		level, version = max(level, m.Level), max(version, m.CommandVersion)
	}
	if level > 0 {
		text = fmt.Sprintf(", feature level %d", level)
	}
	if version > 0 {
		text += fmt.Sprintf(", command version %d", version)
	}
	return text
}

// roleOf says for people what becomes of a learner.
func roleOf(m clusterdoc.Member) string {
	if m.Promote {
		return m.Role + ", until it has caught up"
	}
	return m.Role
}

// recordNote says for people that a plugin is recorded, and what is wrong with that.
func recordNote(r *clusterdoc.PluginRecord) string {
	switch {
	case r.Failure != "":
		return " (recorded no more: " + r.Failure + ")"
	case r.Gaps > 0:
		return fmt.Sprintf(" (recorded, with %d gaps)", r.Gaps)
	}
	return " (recorded)"
}

// note is what the last column says: the plugins, and what is wrong with them
// and with the member.
func (s clusterStatus) note(m clusterdoc.Member) string {
	if m.Error != "" {
		return m.Error
	}
	var parts []string
	transports := 0
	for _, p := range m.Plugins {
		if p.Kind == "transport" {
			transports++
		}
	}
	for _, p := range m.Plugins {
		text := p.Name
		if to := carriedBy(m, p.Name); p.Kind == "transport" && transports > 1 && len(to) > 0 {
			text += " to " + strings.Join(to, " ")
		}
		if p.State != clusterdoc.PluginReady {
			text += " " + p.State
		}
		if p.Attached {
			text += " attached"
		}
		if p.Restarts > 0 {
			text += fmt.Sprintf(" (%d restarts)", p.Restarts)
		}
		if p.Warning != "" {
			text += " (" + p.Warning + ")"
		}
		if p.Work != nil {
			text += fmt.Sprintf(" (busy: %s, progress %d)", p.Work.What, p.Work.Progress)
		}
		if r := p.Record; r != nil {
			text += recordNote(r)
		}
		parts = append(parts, text)
	}
	for _, l := range m.Links {
		if l.Error != "" {
			parts = append(parts, "no way to "+l.ID+": "+l.Error)
		}
	}
	if text := s.Astray(m); text != "" {
		parts = append(parts, text)
	}
	if move := m.StorageMove; move != nil && move.Phase != "done" {
		parts = append(parts, strings.TrimSuffix(fmt.Sprintf("store to %s: %s %d of %d entries: %s", move.To, move.Phase, move.Entries, move.EntriesTotal, move.Error), ": "))
	}
	for _, w := range m.Warnings {
		parts = append(parts, w.Message)
	}
	return orDash(strings.Join(parts, ", "))
}

// carriedBy lists the members that a transport carries messages to.
func carriedBy(m clusterdoc.Member, transport string) []string {
	var ids []string
	for _, l := range m.Links {
		if l.Transport == transport {
			ids = append(ids, l.ID)
		}
	}
	return ids
}
