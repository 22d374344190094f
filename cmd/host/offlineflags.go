package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/maintenance"
	"github.com/pontoon-raft/pontoon/plugins"
)

// offlineFlags say which stopped node a command is about: by its data
// directory alone, or by its configuration.
type offlineFlags struct{ *configFlags }

func addOffline(cmd *cobra.Command) offlineFlags {
	return offlineFlags{addConfig(cmd)}
}

// node reads the configuration; nil if none was given.
func (f offlineFlags) node(cmd *cobra.Command) (*maintenance.Node, *core.Config, error) {
	if f.path == "" {
		return nil, nil, nil
	}
	c, o, err := f.load(cmd)
	if err != nil {
		return nil, nil, err
	}
	warnIgnored(cmd.ErrOrStderr(), o)
	h := &c.Host
	return &maintenance.Node{
		ClusterID: h.ClusterID, NodeID: h.ID, Name: h.Name,
		Limits: h.Limits, Tick: h.Tick, Election: h.Election,
		Spec: pluginSpec(plugins.Storage, &h.Storage), Config: h.Storage.Config,
		Backends: backends(), RuntimeDir: h.RuntimeDir,
	}, h, nil
}

// need is node for commands that cannot do without a configuration.
func (f offlineFlags) need(cmd *cobra.Command) (*maintenance.Node, *core.Config, error) {
	if f.path == "" {
		return nil, nil, &usageError{cmd.CommandPath(), "no configuration file: give --config"}
	}
	return f.node(cmd)
}

// place finds the store, and the node if a configuration was given.
func (f offlineFlags) place(cmd *cobra.Command) (maintenance.Place, *maintenance.Node, error) {
	node, c, err := f.node(cmd)
	if err != nil {
		return maintenance.Place{}, nil, err
	}
	dir := f.dataDir
	if c != nil {
		dir = c.DataDir
	}
	if dir == "" {
		return maintenance.Place{}, nil, &usageError{cmd.CommandPath(), "which node? give --data-dir or --config"}
	}
	place, err := maintenance.Locate(dir)
	return place, node, err
}

// list shows ids in a cell.
func list(ids []string) string {
	if len(ids) == 0 {
		return "-"
	}
	return strings.Join(ids, ",")
}

// verdictError is the end of a check whose verdict was printed.
func verdictError(v maintenance.Verdict) error {
	if v.Sound {
		return nil
	}
	return fmt.Errorf("%w: %s", errDamaged, v.Dir)
}
