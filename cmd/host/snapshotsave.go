package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/internal/maintenance"
)

// The members that snapshot save may be told to take, beside an id.
const (
	fromFollower = "follower"
	fromLeader   = "leader"
)

// savedSnapshot is the JSON of snapshot save.
type savedSnapshot struct {
	File    string  `json:"file"`
	Member  string  `json:"member"`
	Index   uint64  `json:"index"`
	Term    uint64  `json:"term"`
	Bytes   uint64  `json:"bytes"` // of the file
	SHA256  string  `json:"sha256"`
	Seconds float64 `json:"seconds"`
}

func newSnapshotSave() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "save FILE",
		Short: "Save a snapshot of a running member: a backup",
		Long: `save asks a running member for a snapshot and writes it into FILE, which must not
exist yet, or to standard output if FILE is "-". The snapshot has every write
that was acknowledged before the command began: the member makes one, if it has
none that does. With --newest it is the newest one that the member has.

The member is a follower, if one serves: the leader's disk is busy enough. With
--from leader, or the id of a member, it is that one.

The file is whole or not there. It is the form that "host snapshot restore" reads,
and "host snapshot inspect" checks it.`,
		Example: `  host snapshot save backup.pontoon
  host snapshot save backup.pontoon --from leader
  host snapshot save - | gzip > backup.pontoon.gz`,
		Args: args(cobra.ExactArgs(1)),
	}
	flags, out := addCluster(cmd), addOutput(cmd)
	from := cmd.Flags().String("from", fromFollower, "the `member`: follower, leader, or its id in hex")
	newest := cmd.Flags().Bool("newest", false, "the newest snapshot that the member has, whatever it lacks; none is made")
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		return flags.with(cmd, func(c *client.Client) error {
			saved, err := writeSnapshot(cmd, c, *from, *newest, given[0])
			if err != nil || given[0] == "-" {
				return err
			}
			return out.line(cmd, saved, "snapshot %d of member %s is in %s: %d bytes, sha256 %s\n", saved.Index, saved.Member, saved.File, saved.Bytes, saved.SHA256)
		})
	}
	return cmd
}

func writeSnapshot(cmd *cobra.Command, c *client.Client, from string, newest bool, file string) (savedSnapshot, error) {
	ctx, begun, line := cmd.Context(), time.Now(), newProgress(cmd.ErrOrStderr())
	member, err := sourceOf(ctx, cmd, c, from)
	if err != nil {
		return savedSnapshot{}, err
	}
	defer line.clear()
	line.show("member %s makes a snapshot", member.Member.GetId())
	s, err := c.ReadSnapshot(ctx, member.Endpoint, newest)
	if err != nil {
		return savedSnapshot{}, err
	}
	defer s.Close()
	in := &watchedReader{in: s, line: line, of: s.Bytes(), begun: time.Now()}
	content := func(w io.Writer) error {
		_, err := io.Copy(w, in)
		return err
	}
	var made maintenance.Exported
	if file == "-" {
		made, err = maintenance.WriteExportTo(cmd.OutOrStdout(), content)
	} else {
		made, err = maintenance.WriteExport(file, content)
	}
	return savedSnapshot{
		File: file, Member: member.Member.GetId(), Index: s.Index(), Term: s.Term(),
		Bytes: made.Bytes, SHA256: made.SHA256, Seconds: rounded(time.Since(begun).Seconds()),
	}, err
}

// sourceOf is the member that a snapshot is taken from.
func sourceOf(ctx context.Context, cmd *cobra.Command, c *client.Client, from string) (client.MemberStatus, error) {
	id := ""
	if from != fromFollower && from != fromLeader {
		var err error
		if id, err = hexID(cmd, from); err != nil {
			return client.MemberStatus{}, err
		}
	}
	rows, err := c.StatusAll(ctx)
	if err != nil {
		return client.MemberStatus{}, err
	}
	best, found := bestSource(rows, from, id)
	switch {
	case found:
		return best, nil
	case id != "":
		return best, fmt.Errorf("%w: no member %s answers", errNotFound, id)
	case from == fromLeader:
		return best, fmt.Errorf("%w: no member says that it leads", errUnreachable)
	}
	return best, fmt.Errorf("%w: no follower serves; with --from leader the leader sends a snapshot", errUnreachable)
}

// bestSource is the follower that has applied most, or the leader, or the member with an id. The
// only member of a cluster is taken for a follower.
func bestSource(rows []client.MemberStatus, from, id string) (best client.MemberStatus, found bool) {
	members := 0
	for _, r := range rows {
		if r.Member != nil {
			members++
		}
	}
	for _, r := range rows {
		st := r.Status
		if st == nil || r.Member == nil {
			continue
		}
		leads := st.GetLeader() == r.Member.GetId()
		switch {
		case id != "":
			if r.Member.GetId() != id {
				continue
			}
		case from == fromLeader:
			if !leads {
				continue
			}
		case leads && members > 1, st.GetLeader() == "", st.GetQuarantine() != nil:
			continue
		}
		if !found || st.GetApplied() > best.Status.GetApplied() {
			best, found = r, true
		}
	}
	return best, found
}

// watchedReader shows how far the reading is.
type watchedReader struct {
	in    io.Reader
	line  progress
	begun time.Time
	shown time.Time
	read  uint64
	of    uint64
}

func (w *watchedReader) Read(b []byte) (int, error) {
	n, err := w.in.Read(b)
	w.read += uint64(n)
	if now := time.Now(); now.Sub(w.shown) >= 100*time.Millisecond || errors.Is(err, io.EOF) {
		w.shown = now
		rate := float64(w.read) / max(now.Sub(w.begun).Seconds(), 0.001) / (1 << 20)
		w.line.show("%d of %d MiB, %.0f MiB/s", w.read>>20, w.of>>20, rate)
	}
	return n, err
}

func newSnapshotInspect() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Check an exported or saved snapshot and say what it is",
		Long: `inspect reads all of a file that "host snapshot save" or "host snapshot export" has
written, compares its checksum, and says of which cluster and which place in its log it
is. Exit code 4 if it is damaged.`,
		Example: `  host snapshot inspect backup.pontoon
  host snapshot inspect backup.pontoon -o json | jq -r .sha256`,
		Args: args(cobra.ExactArgs(1)),
	}
	out := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		e, err := maintenance.InspectExport(given[0])
		if err != nil {
			return err
		}
		return out.rows(cmd, e, func(w io.Writer) {
			row(w, "cluster", e.ClusterID)
			row(w, "index", e.Index)
			row(w, "term", e.Term)
			row(w, "state machine", e.StateMachine)
			row(w, "members", list(e.Members))
			row(w, "bytes", e.Bytes)
			row(w, "sha256", e.SHA256)
		})
	}
	return cmd
}
