package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
)

// describeTime is how long all external plugins together may take to say what
// they are.
const describeTime = 15 * time.Second

// checkExternal finds out whether the executables of others that a
// configuration names are those that are meant, and start far enough to say what
// they are. Nothing is opened, and nothing is left running.
func checkExternal(ctx context.Context, c *core.Config) (err error) {
	specs := pluginSpecs(c)
	external, err := catalog.New(catalog.Options{
		Logger: slog.New(slog.DiscardHandler), RuntimeDir: c.RuntimeDir, Backends: backends(), Limits: c.Limits,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, external.Close()) }()
	ctx, cancel := context.WithTimeout(ctx, describeTime)
	defer cancel()
	var problems []error
	for _, spec := range specs {
		if len(spec.Command) > 0 {
			_, err := describe(ctx, external, spec)
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// pluginSpec is a plugin in the words of the catalog, for commands that start one
// without a host.
func pluginSpec(kind plugins.Kind, p *core.PluginConfig) catalog.Spec {
	return catalog.Spec{
		Kind: kind, Name: p.Name, Command: p.Command, SHA256: p.SHA256, Isolation: catalog.Isolation(p.Isolation), Env: p.Env,
	}
}

// pluginSpecs are all plugins of a configuration.
func pluginSpecs(c *core.Config) []catalog.Spec {
	specs := []catalog.Spec{
		pluginSpec(plugins.Storage, &c.Storage), pluginSpec(plugins.StateMachine, &c.StateMachine),
	}
	for i := range c.Transports {
		specs = append(specs, pluginSpec(plugins.Transport, &c.Transports[i].PluginConfig))
	}
	return specs
}

// describe starts a plugin, which then has described itself, and stops it.
func describe(ctx context.Context, external *catalog.Catalog, spec catalog.Spec) (plugins.Info, error) {
	slot, err := external.Slot(spec)
	if err != nil {
		return plugins.Info{}, err
	}
	in, err := slot.Start(ctx)
	if err != nil {
		return plugins.Info{}, err
	}
	_ = in.Stop(ctx) // what it thinks of its end is not what was asked
	return in.Info(), nil
}
