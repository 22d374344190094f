package main

import (
	"errors"
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

// errStorageElsewhere: which program has the store is not known, nor whether it runs.
var errStorageElsewhere = errors.New("the storage has an address, so its plugin is started elsewhere; for this command give its command and sha256, or its name, in the configuration")

// need reads the configuration, without which it is an error.
func (f offlineFlags) need(cmd *cobra.Command) (*maintenance.Node, *core.Config, error) {
	c, o, err := f.load(cmd)
	if err != nil {
		return nil, nil, err
	}
	warnIgnored(cmd, o)
	h := &c.Host
	if h.Storage.Address != "" {
		return nil, nil, errStorageElsewhere
	}
	return &maintenance.Node{
		ClusterID: h.ClusterID, NodeID: h.ID, Name: h.Name,
		Limits: h.Limits, Tick: h.Tick, Election: h.Election,
		Spec: pluginSpec(plugins.Storage, &h.Storage), Config: h.Storage.Config,
		Backends: backends(), RuntimeDir: h.RuntimeDir,
	}, h, nil
}

// needPlace finds the store of the node that is configured.
func (f offlineFlags) needPlace(cmd *cobra.Command) (maintenance.Place, *maintenance.Node, error) {
	node, c, err := f.need(cmd)
	if err != nil {
		return maintenance.Place{}, nil, err
	}
	place, err := maintenance.Locate(c.DataDir)
	if next := c.NextStorage; next != nil && place.Backend == next.Name { // its host has moved the store
		node.Spec, node.Config = pluginSpec(plugins.Storage, next), next.Config
	}
	return place, node, err
}

// place finds the store, and the node if a configuration was given.
func (f offlineFlags) place(cmd *cobra.Command) (maintenance.Place, *maintenance.Node, error) {
	switch {
	case f.path != "":
		return f.needPlace(cmd)
	case f.dataDir == "":
		return maintenance.Place{}, nil, &usageError{cmd.CommandPath(), "which node? give --data-dir or --config"}
	}
	place, err := maintenance.Locate(f.dataDir)
	return place, nil, err
}

// list shows ids in a cell.
func list(ids []string) string { return orDash(strings.Join(ids, ",")) }

// verdictError is the end of a check whose verdict was printed.
func verdictError(v maintenance.Verdict) error {
	if v.Sound {
		return nil
	}
	return fmt.Errorf("%w: %s", errDamaged, v.Dir)
}
