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
	groupPlugins = "plugins"
)

func newRoot() *cobra.Command {
	root := withoutWork(&cobra.Command{
		Use:   nameInTexts,
		Short: "A Raft host whose transport, storage and state machine are plugins",
		Long: `This program runs one member of a Raft cluster. Its transport, its storage and its
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
		&cobra.Group{ID: groupPlugins, Title: "Writing plugins:"},
		&cobra.Group{ID: groupOffline, Title: "On the files of a stopped node:"},
	)
	root.AddCommand(
		newServe(), newDemo(),
		group("config", "Check and show a host's configuration", groupServer,
			newConfigValidate(), newConfigShow()),
		group("cert", "Make and show certificates for TLS between members and for clients", groupServer,
			newCertInit(), newCertShow()),
		group("token", "Make, list and end the tokens by which clients prove their names", groupServer,
			newTokenCreate(), newTokenList(), newTokenRevoke(), newTokenRotate()),
		newStatus(), newTop(), newEvents(),
		group("member", "List, add, change and remove members", groupCluster,
			newMemberList(), newMemberAdd(), newMemberUpdate(), newMemberRemove()),
		group("leader", "Move the leadership", groupCluster,
			newLeaderTransfer()),
		group("bench", "Measure a cluster under load", groupData,
			newBenchPropose(), newBenchQuery()),
		group("kv", "Use the key-value state machine that ships with the host", groupData,
			newKVPut(), newKVGet(), newKVDelete(), newKVRange()),
		newSQL(),
		group("plugin", "Make and check a plugin, and look after those of a running member", groupPlugins,
			newPluginNew(), newPluginCheck(), newPluginBench(), newPluginReplay(), newPluginDescribe(), newPluginList(), newPluginLogs(), newPluginRestart(), newPluginUpgrade(),
			newPluginAdd(), newPluginVerify(), newPluginPin(), newPluginRemove()),
		newDev(),
		newWatch(), newPropose(), newQuery(), newVersion(), newMan(),
		group("log", "Look at the log of a stopped node, also a damaged one", groupOffline,
			newLogInspect(), newLogDump(), newLogVerify()),
		group("snapshot", "Save a snapshot of a running member, and look at those of a stopped node", groupOffline,
			newSnapshotList(), newSnapshotVerify(), newSnapshotExport(), newSnapshotRestore(), newSnapshotSave(), newSnapshotInspect()),
		group("storage", "Change the storage backend of a stopped node, or of a cluster", groupOffline,
			newStorageMigrate()),
		newRecover(),
		group("audit", "Read and check the record of what clients asked for", groupOffline,
			newAuditTail(), newAuditVerify()),
	)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{cmd.CommandPath(), err.Error()}
	})
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	return root
}

// group makes a command that only has commands below it, in a group of --help.
func group(use, short, of string, below ...*cobra.Command) *cobra.Command {
	cmd := withoutWork(&cobra.Command{Use: use, Short: short, GroupID: of})
	cmd.AddCommand(below...)
	return cmd
}

// withoutWork has a command say which commands are below it.
func withoutWork(cmd *cobra.Command) *cobra.Command {
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
