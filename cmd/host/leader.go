package main

import (
	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/client"
)

func newLeaderTransfer() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "transfer [ID]",
		Short: "Hand the leadership to a member, or to one that is there to take it",
		Example: `  host leader transfer
  host leader transfer 2`,
		Args: args(cobra.MaximumNArgs(1)),
	}
	flags, out := addCluster(cmd), addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, given []string) error {
		to := ""
		if len(given) == 1 {
			id, err := hexID(cmd, given[0])
			if err != nil {
				return err
			}
			to = id
		}
		return flags.with(cmd, func(c *client.Client) error {
			leader, err := c.TransferLeader(cmd.Context(), to)
			if err != nil {
				return err
			}
			return out.line(cmd, map[string]string{"leader": leader}, "%s\n", printable(leader))
		})
	}
	return cmd
}
