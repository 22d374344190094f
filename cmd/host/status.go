package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
)

// clusterStatus is the JSON of status.
type clusterStatus struct {
	ClusterID string         `json:"cluster_id"`
	Leader    string         `json:"leader"`
	Members   []memberStatus `json:"members"`
	term      uint64         // in which leader leads
}

type memberStatus struct {
	ID            string         `json:"id"`
	Name          string         `json:"name"`
	Role          string         `json:"role"`
	Leader        string         `json:"leader"`  // as this member sees it; empty if it knows none
	Promote       bool           `json:"promote"` // a learner that becomes a voter
	Term          uint64         `json:"term"`
	Commit        uint64         `json:"commit"`
	Applied       uint64         `json:"applied"`
	FirstIndex    uint64         `json:"first_index"`
	LastIndex     uint64         `json:"last_index"`
	SnapshotIndex uint64         `json:"snapshot_index"`
	Reachable     bool           `json:"reachable"`
	Error         string         `json:"error"`
	Plugins       []pluginStatus `json:"plugins"`
	Links         []linkStatus   `json:"links"`
	// Progress is what a leader knows of its followers.
	Progress      []peerProgress `json:"progress"`
	Warnings      []warning      `json:"warnings"`
	UncommittedMs uint64         `json:"uncommitted_ms"`
	TickAgeMs     uint64         `json:"tick_age_ms"`
	// Level is the feature level of the cluster, LevelUnderstood the highest one that
	// the member understands; both 0 of a build before levels.
	Level           uint64 `json:"level"`
	LevelUnderstood uint64 `json:"level_understood"`
	// The cluster applies commands by CommandVersion. CommandVersions is the range that the
	// member's state machine applies, null if the state machine has not said it.
	CommandVersion  uint32           `json:"command_version"`
	CommandVersions *commandVersions `json:"command_versions"`
	// Durable is the index up to which the state on the state machine's disk survives a loss
	// of power; null if it says none.
	Durable *uint64 `json:"durable"`
	// Quarantine is null of a member that is not quarantined.
	Quarantine *quarantineStatus `json:"quarantine"`
	// StorageMove is the last move of the store to another storage; null if there was none in
	// the life of the host.
	StorageMove *storageMoveStatus `json:"storage_move"`
}

// storageMoveStatus is how far a move of a store is, or how it has ended.
type storageMoveStatus struct {
	From         string `json:"from"`
	To           string `json:"to"`
	Phase        string `json:"phase"`
	Entries      uint64 `json:"entries"`
	EntriesTotal uint64 `json:"entries_total"`
	Bytes        uint64 `json:"bytes"`
	ForMs        uint64 `json:"for_ms"`
	Left         string `json:"left"`
	Error        string `json:"error"`
}

func storageMoveOf(st *hostv1.StatusResponse) *storageMoveStatus {
	m := st.GetStorageMove()
	if m == nil {
		return nil
	}
	return &storageMoveStatus{m.GetFrom(), m.GetTo(), m.GetPhase(), m.GetEntries(), m.GetEntriesTotal(), m.GetBytes(), m.GetForMs(), m.GetLeft(), m.GetError()}
}

// commandVersions is a range of versions, both ends included.
type commandVersions struct {
	Least    uint32 `json:"least"`
	Greatest uint32 `json:"greatest"`
}

func commandVersionsOf(st *hostv1.StatusResponse) *commandVersions {
	v := st.GetCommandVersions()
	if v == nil {
		return nil
	}
	return &commandVersions{Least: v.GetLeast(), Greatest: v.GetGreatest()}
}

// quarantineStatus is the entry over which, or after which, a member is quarantined.
type quarantineStatus struct {
	Index     uint64 `json:"index"`
	Term      uint64 `json:"term"`
	Bytes     uint64 `json:"bytes"`
	SHA256    string `json:"sha256"`
	Tries     uint32 `json:"tries"`
	LastWords string `json:"last_words"`
	SinceMs   uint64 `json:"since_ms"`
	RetryMs   uint64 `json:"retry_ms"`
	Parted    bool   `json:"parted"`
}

func quarantineOf(st *hostv1.StatusResponse) *quarantineStatus {
	q := st.GetQuarantine()
	if q == nil {
		return nil
	}
	return &quarantineStatus{
		Index: q.GetIndex(), Term: q.GetTerm(), Bytes: q.GetBytes(), SHA256: q.GetSha256(),
		Tries: q.GetTries(), LastWords: q.GetLastWords(), SinceMs: q.GetSinceMs(), RetryMs: q.GetRetryMs(), Parted: q.GetParted(),
	}
}

// warning is one thing that is not well with a member that runs.
type warning struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// linkStatus is how a member reaches another one.
type linkStatus struct {
	ID        string   `json:"id"`
	Transport string   `json:"transport"`
	Active    bool     `json:"active"`
	Usable    []string `json:"usable"`
	Error     string   `json:"error"`
}

type pluginStatus struct {
	Kind     string `json:"kind"`
	Name     string `json:"name"`
	Version  string `json:"version"`
	PID      int32  `json:"pid"`
	State    string `json:"state"`
	Attached bool   `json:"attached"`
	Restarts uint32 `json:"restarts"`
	Warning  string `json:"warning"`
	// LastError is why it ended or did not start, the first time since it last got anywhere.
	LastError string `json:"last_error"`
	// Work is null of a plugin that does not say that it is at long work.
	Work *pluginWork `json:"work"`
	// Record is null of a plugin that is not recorded.
	Record *pluginRecord `json:"record"`
}

// pluginRecord is the record of what a host and its plugin say to each other.
type pluginRecord struct {
	Path    string `json:"path"`
	Bytes   uint64 `json:"bytes"`
	Gaps    uint64 `json:"gaps"`
	Failure string `json:"failure"`
}

// pluginWork is long work of a plugin, by its own word.
type pluginWork struct {
	What     string `json:"what"`
	Progress uint64 `json:"progress"`
	ForMs    uint64 `json:"for_ms"`
	StillMs  uint64 `json:"still_ms"`
}

func newStatus() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show every member and its plugins",
		Long: `status asks every member what it knows of itself. A member that cannot be
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
			if err == nil && *check && !s.healthy() {
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

// summarise puts the members' answers together. The leader is the one that the
// member with the highest term follows.
func summarise(rows []client.MemberStatus) clusterStatus {
	s := clusterStatus{Members: []memberStatus{}}
	for _, r := range rows {
		st := r.Status
		if st == nil {
			continue
		}
		s.ClusterID = cmp.Or(s.ClusterID, st.GetClusterId())
		if st.GetLeader() != "" && st.GetTerm() >= s.term {
			s.Leader, s.term = st.GetLeader(), st.GetTerm()
		}
	}
	for _, r := range rows {
		s.Members = append(s.Members, memberOf(r, s.ClusterID))
	}
	return s
}

// memberOf is one row. An endpoint that no member claims and at which none
// answers is shown by its address.
func memberOf(r client.MemberStatus, cluster string) memberStatus {
	m := memberStatus{Name: r.Endpoint, Promote: r.Member.GetPromote(), Plugins: []pluginStatus{}, Links: []linkStatus{}, Progress: []peerProgress{}, Warnings: []warning{}}
	if r.Member != nil {
		m.ID, m.Name = r.Member.GetId(), r.Member.GetName()
	}
	if r.Err != nil {
		m.Error = plainly(r.Err)
	}
	st := r.Status
	if st == nil {
		return m
	}
	m = memberStatus{
		ID: st.GetId(), Name: st.GetName(), Role: st.GetRole(), Leader: st.GetLeader(), Promote: r.Member.GetPromote(), Term: st.GetTerm(),
		Commit: st.GetCommit(), Applied: st.GetApplied(),
		FirstIndex: st.GetFirstIndex(), LastIndex: st.GetLastIndex(), SnapshotIndex: st.GetSnapshotIndex(), Durable: st.Durable,
		Reachable: true, Plugins: pluginsOf(st), Links: linksOf(st), Progress: progressOf(st),
		Warnings: warningsOf(st), UncommittedMs: st.GetUncommittedMs(), TickAgeMs: st.GetTickAgeMs(),
		Level: st.GetLevel(), LevelUnderstood: st.GetLevelUnderstood(), Quarantine: quarantineOf(st), StorageMove: storageMoveOf(st),
		CommandVersion: st.GetCommandVersion(), CommandVersions: commandVersionsOf(st),
	}
	if st.GetClusterId() != cluster {
		m.Error = fmt.Sprintf("%s is a member of another cluster, %s", r.Endpoint, st.GetClusterId())
	}
	return m
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

func pluginsOf(st *hostv1.StatusResponse) []pluginStatus {
	all := []pluginStatus{}
	for _, p := range st.GetPlugins() {
		var work *pluginWork
		if w := p.GetWork(); w != nil {
			work = &pluginWork{w.GetWhat(), w.GetProgress(), w.GetForMs(), w.GetStillMs()}
		}
		var record *pluginRecord
		if r := p.GetRecord(); r != nil {
			record = &pluginRecord{r.GetPath(), r.GetBytes(), r.GetGaps(), r.GetFailure()}
		}
		all = append(all, pluginStatus{
			Kind: p.GetKind(), Name: p.GetName(), Version: p.GetVersion(),
			PID: p.GetPid(), State: p.GetState(), Attached: p.GetAttached(), Restarts: p.GetRestarts(), Warning: p.GetWarning(), LastError: p.GetLastError(), Work: work, Record: record,
		})
	}
	return all
}

func linksOf(st *hostv1.StatusResponse) []linkStatus {
	all := []linkStatus{}
	for _, l := range st.GetLinks() {
		all = append(all, linkStatus{
			ID: l.GetId(), Transport: l.GetTransport(), Active: l.GetActive(),
			Usable: append([]string{}, l.GetUsable()...), Error: l.GetError(),
		})
	}
	return all
}

func warningsOf(st *hostv1.StatusResponse) []warning {
	all := []warning{}
	for _, w := range st.GetWarnings() {
		all = append(all, warning{Reason: w.GetReason(), Message: w.GetMessage()})
	}
	return all
}

func (s clusterStatus) table(w io.Writer) error {
	fmt.Fprintf(w, "cluster %s, leader %s%s\n", printable(orDash(s.ClusterID)), printable(orDash(s.Leader)), s.level())
	err := table(w, func(w io.Writer) {
		row(w, "ID", "NAME", "ROLE", "TERM", "COMMIT", "APPLIED", "SNAPSHOT", "PLUGINS")
		for _, m := range s.Members {
			if !m.Reachable {
				row(w, orDash(m.ID), orDash(m.Name), "unreachable", "-", "-", "-", "-", m.Error)
				continue
			}
			row(w, m.ID, orDash(m.Name), m.role(), m.Term, m.Commit, m.Applied, m.SnapshotIndex, s.note(m))
		}
	})
	return errors.Join(err, s.progress(w))
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

// role says for people what becomes of a learner.
func (m memberStatus) role() string {
	if m.Promote {
		return m.Role + ", until it has caught up"
	}
	return m.Role
}

// note says for people that a plugin is recorded, and what is wrong with that.
func (r *pluginRecord) note() string {
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
func (s clusterStatus) note(m memberStatus) string {
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
		if to := m.carriedBy(p.Name); p.Kind == "transport" && transports > 1 && len(to) > 0 {
			text += " to " + strings.Join(to, " ")
		}
		if p.State != pluginReady {
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
			text += r.note()
		}
		parts = append(parts, text)
	}
	for _, l := range m.Links {
		if l.Error != "" {
			parts = append(parts, "no way to "+l.ID+": "+l.Error)
		}
	}
	if text := s.astray(m); text != "" {
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
func (m memberStatus) carriedBy(transport string) []string {
	var ids []string
	for _, l := range m.Links {
		if l.Transport == transport {
			ids = append(ids, l.ID)
		}
	}
	return ids
}
