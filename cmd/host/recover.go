package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/internal/maintenance"
)

func newRecover() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "recover --config FILE --force-new-cluster",
		Short: "Make the last survivor of a cluster a cluster of its own",
		Long: `recover --force-new-cluster is for a cluster that has lost its majority for
good. On one stopped member it removes all others from the membership, so that this
one can go on alone; add new members to it afterwards.

Everything in this member's log counts as committed from then on. What only the
lost members had is gone, acknowledged or not. Choose the member whose log goes
furthest, as host log verify says of each: the one whose last entry has the largest
term, and among those with the same term the one with the largest index. A longer log
of an earlier term lacks what was acknowledged in the later one.

It is another cluster from then on, with a number of its own: should a lost member
come back with its data, the two refuse each other. Copy the data directory before.

It asks for a confirmation, typed in full, on standard input.`,
		Example: `  host recover --config n1.yaml --force-new-cluster
  echo "force new cluster a3" | host recover --config n1.yaml --force-new-cluster`,
		Args:    args(cobra.NoArgs),
		GroupID: groupOffline,
	}
	flags, out := addOffline(cmd), addOutput(cmd)
	force := cmd.Flags().Bool("force-new-cluster", false, "remove all other members")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !*force {
			return &usageError{cmd.CommandPath(), "say what is to be done: --force-new-cluster"}
		}
		place, node, err := flags.needPlace(cmd)
		if err != nil {
			return err
		}
		plan, err := maintenance.PlanRecovery(cmd.Context(), place, *node)
		if err != nil {
			return err
		}
		if err := confirm(cmd.InOrStdin(), cmd.ErrOrStderr(), plan); err != nil {
			return err
		}
		if err := maintenance.ForceNewCluster(cmd.Context(), place, *node, plan); err != nil {
			return err
		}
		return out.line(cmd, plan, "member %s is cluster %s alone, from term %d on; removed: %s\n", plan.Self, plan.ClusterID, plan.Term, list(plan.Removed))
	}
	return cmd
}

// confirm asks for the words that name what is about to happen.
func confirm(in io.Reader, w io.Writer, plan maintenance.Recovery) error {
	words := "force new cluster " + plan.ClusterID
	fmt.Fprintf(w, "Members %s will be removed from cluster %s for good, and member %s goes on alone with a log\n"+
		"that ends at %d in term %d, %d entries of which were not known to be committed. No other survivor may have\n"+
		"a last entry of a later term, or of the same term and a larger index: what only that one has is lost.\nType %q to go on: ",
		list(plan.Removed), plan.ClusterID, plan.Self, plan.LastIndex, plan.LastTerm, plan.Uncommitted, words)
	line, err := bufio.NewReader(io.LimitReader(in, 1<<10)).ReadString('\n')
	if err != nil && err != io.EOF {
		return err
	}
	fmt.Fprintln(w)
	if strings.TrimSpace(line) != words {
		return fmt.Errorf("%w: not confirmed, nothing was changed", maintenance.ErrRefused)
	}
	return nil
}
