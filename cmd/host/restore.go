package main

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/maintenance"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
)

func newSnapshotRestore() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "restore FILE --config FILE",
		Short: "Begin a node's data with an exported snapshot",
		Long: `restore makes the data of one member from an exported snapshot. Its data directory
must be empty.

The restored cluster has the snapshot's data and the members of the configuration:
exactly those of cluster.members, with their addresses, as voters. Who the members
were when the snapshot was taken does not matter. Restore the same file with the same
list of members on each of them, and start them. What came after the snapshot
is gone.

It is a cluster of its own. The cluster that the snapshot came from may go on
beside it: members of the one refuse those of the other, even at addresses that
were mixed up. For a drill beside a live cluster give it another id as well, so
that clients and certificates tell them apart: --new-cluster-id, on every
member the same, and cluster.id in the configuration.

With --drill nothing is made that stays: the state machine of the configuration is
restored from the file in a directory of its own, its state's hash is printed, and
all is removed. So each backup can be tried, also on the machine of a member.`,
		Example: `  host snapshot restore backup.pontoon --config n1.yaml
  host snapshot restore backup.pontoon --config drill1.yaml --new-cluster-id d811
  host snapshot restore backup.pontoon --config n1.yaml --drill`,
		Args: args(cobra.ExactArgs(1)),
	}
	flags, out := addOffline(cmd), addOutput(cmd)
	newID := cmd.Flags().String("new-cluster-id", "", "another `id` for the restored cluster, in hex, or the word random")
	drill := cmd.Flags().Bool("drill", false, "restore a state machine for trial, and print the hash of its state")
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		if *drill {
			return drillSnapshot(cmd, flags, out, given[0])
		}
		cluster, err := newClusterID(cmd, *newID)
		if err != nil {
			return err
		}
		node, c, err := flags.need(cmd)
		if err != nil {
			return err
		}
		r, err := maintenance.RestoreSnapshot(cmd.Context(), maintenance.Restore{
			File: given[0], DataDir: c.DataDir, Node: *node,
			Members: foundingMembers(c.Members), NewClusterID: cluster,
		})
		if err != nil {
			return err
		}
		return out.print(cmd, r, func(w io.Writer) error {
			return writeRestored(w, r, cluster != 0 && cluster != node.ClusterID)
		})
	}
	return cmd
}

// drillSnapshot restores the configured state machine from a file, for trial.
func drillSnapshot(cmd *cobra.Command, flags offlineFlags, out *format, file string) error {
	node, c, err := flags.need(cmd)
	if err != nil {
		return err
	}
	node.Spec, node.Config = pluginSpec(plugins.StateMachine, &c.StateMachine), c.StateMachine.Config
	d, err := maintenance.Drill(cmd.Context(), file, *node)
	if err != nil {
		return err
	}
	hash := "it has no hash of its state"
	if d.Hash != "" {
		hash = d.HashName + " of its state is " + d.Hash
	}
	return out.line(cmd, d, "%s %s is restored from the snapshot of index %d, %d bytes, and removed again: %s\n",
		d.Plugin, d.Version, d.Snapshot.Index, d.Snapshot.Bytes, hash)
}

// newClusterID reads the flag; 0 if it was not given.
func newClusterID(cmd *cobra.Command, text string) (uint64, error) {
	switch text {
	case "":
		return 0, nil
	case "random":
		var b [8]byte
		_, _ = rand.Read(b[:]) // never fails
		return max(binary.BigEndian.Uint64(b[:]), 1), nil
	}
	id, err := parseID("--new-cluster-id", text)
	if err != nil {
		return 0, &usageError{cmd.CommandPath(), err.Error()}
	}
	return id, nil
}

// foundingMembers are the members of a restored cluster.
func foundingMembers(configured []core.MemberConfig) []member.Member {
	all := make([]member.Member, len(configured))
	for i, m := range configured {
		all[i] = member.Member{ID: member.ID(m.ID), Name: m.Name, PeerURLs: m.PeerURLs, ClientAddress: m.ClientAddress}
	}
	return all
}

// writeRestored says what was made, and what is to be set before a start.
func writeRestored(w io.Writer, r maintenance.Restored, otherID bool) error {
	s := r.Snapshot
	_, err := fmt.Fprintf(w, "%s begins with the snapshot at %d, term %d, as cluster %s of members %s (founding %s, store %s)\n"+
		"founding must be the same on all members: it is, with the same file, cluster id, members and peer URLs\n",
		r.DataDir, s.Index, s.Term, r.ClusterID, list(s.Voters), r.Founding, r.StoreID)
	if err == nil && otherID {
		_, err = fmt.Fprintf(w, "set cluster.id: %s in the configuration of every member before you start it, and restore the others with --new-cluster-id %s\n",
			r.ClusterID, r.ClusterID)
	}
	return err
}
