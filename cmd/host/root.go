package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// The groups of commands in --help.
const (
	groupServer  = "server"
	groupCluster = "cluster"
	groupData    = "data"
	groupOffline = "offline"
)

func newRoot() *cobra.Command {
	root := group(&cobra.Command{
		Use:   "host",
		Short: "A Raft host whose transport, storage and state machine are plugins",
		Long: `host runs one member of a Raft cluster. Its transport, its storage and its
state machine are plugins, each in a process of its own, chosen by a YAML file.

The same program is the client of a running cluster.`,
		Example: `  host demo
  host serve --config configs/single.yaml
  host kv put greeting hello
  host status -o json`,
		SilenceErrors: true,
		SilenceUsage:  true,
	})
	root.AddGroup(
		&cobra.Group{ID: groupServer, Title: "Running a host:"},
		&cobra.Group{ID: groupCluster, Title: "Looking after a cluster:"},
		&cobra.Group{ID: groupData, Title: "Using a cluster:"},
		&cobra.Group{ID: groupOffline, Title: "On the files of a stopped node:"},
	)
	root.AddCommand(
		newServe(), newDemo(), newConfig(), newCert(), newToken(),
		newStatus(), newMember(), newLeader(), newBench(),
		newKV(), newWatch(), newPropose(), newQuery(), newVersion(),
		newLog(), newSnapshot(), newStorage(), newRecover(), newAudit(),
	)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{cmd.CommandPath(), err.Error()}
	})
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	return root
}

// group makes a command that only has commands below it.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 && !cmd.HasParent() {
			return cmd.Help()
		}
		if len(args) == 0 {
			return &usageError{cmd.CommandPath(), "say which command of " + cmd.CommandPath() + ": " + names(cmd)}
		}
		text := fmt.Sprintf("unknown command %q", args[0])
		cmd.SuggestionsMinimumDistance = 2
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			text += fmt.Sprintf(" (did you mean %s?)", strings.Join(near, " or "))
		}
		return &usageError{cmd.CommandPath(), text}
	}
	return cmd
}

func names(cmd *cobra.Command) string {
	var all []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			all = append(all, c.Name())
		}
	}
	return strings.Join(all, ", ")
}

// args turns a wrong number of arguments into a usage error that shows the
// right ones.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if err := check(cmd, given); err != nil {
			return &usageError{cmd.CommandPath(), fmt.Sprintf("%v; it is used as: %s", err, cmd.UseLine())}
		}
		return nil
	}
}
