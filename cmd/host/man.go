package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/cmd/host/man"
)

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages of all commands",
		Long: `man writes a page of section 1 for each command into DIR, which is made if it is
missing. Pages of these names that are there are overwritten.`,
		Example: `  host man /usr/local/share/man/man1`,
		Args:    args(cobra.ExactArgs(1)),
		GroupID: groupServer,
		RunE: func(cmd *cobra.Command, given []string) error {
			if err := os.MkdirAll(given[0], 0o755); err != nil {
				return err
			}
			return man.Write(cmd.Root(), given[0])
		},
	}
}
