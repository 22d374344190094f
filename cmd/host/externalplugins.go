package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/hostconfig"
	"github.com/pontoon-raft/pontoon/plugins"
)

// describeTime is how long all external plugins together may take to say what
// they are.
const describeTime = 15 * time.Second

// checkPlugins starts the executables that a configuration names until they have described
// themselves, and judges the section of each plugin. It opens no plugin, and leaves no
// process running. The notes are about plugins whose sections cannot be judged.
func checkPlugins(ctx context.Context, path string, c *hostconfig.Config) (notes []string, err error) {
	describe, end, err := describer(ctx, catalog.Options{RuntimeDir: c.Host.RuntimeDir, Limits: c.Host.Limits})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, end()) }()
	var failed []error
	var problems []hostconfig.Problem
	for _, p := range configuredPlugins(c) {
		info, err := describe(p.spec)
		if errors.Is(err, errStartedElsewhere) {
			notes = append(notes, fmt.Sprintf("%s and its section are not judged: %v", p.key, err))
			continue
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		found, err := sectionProblems(path, p, info)
		if problems = append(problems, found...); err != nil {
			notes = append(notes, err.Error())
		}
	}
	return notes, together(path, failed, problems)
}

// together is one error of plugins that did not start and of sections that are wrong.
func together(path string, failed []error, problems []hostconfig.Problem) error {
	started := errors.Join(failed...)
	switch {
	case len(problems) == 0 && started == nil:
		return nil
	case len(problems) == 0:
		return fmt.Errorf("%s: %w", path, started)
	case started != nil:
		problems = append(problems, hostconfig.Problem{Place: path, Text: started.Error()})
	}
	return &hostconfig.InvalidError{Problems: problems}
}

// pluginSpec is a plugin in the words of the catalog, for commands that start one
// without a host.
func pluginSpec(kind plugins.Kind, p *core.PluginConfig) catalog.Spec {
	return catalog.Spec{
		Kind: kind, Name: p.Name, Command: p.Command, SHA256: p.SHA256, Catalog: p.Catalog, Address: p.Address,
		Isolation: catalog.Isolation(p.Isolation), Env: p.Env,
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

// errStartedElsewhere: a command does not attach to a plugin, which takes one host at a time.
var errStartedElsewhere = errors.New("it has an address, so it is started elsewhere, and only its host attaches to it")

// describer returns a function that returns what plugins say of themselves, all of them within
// describeTime. No process is left of it after end.
func describer(ctx context.Context, o catalog.Options) (describe func(catalog.Spec) (plugins.Info, error), end func() error, err error) {
	o.Logger, o.Backends = slog.New(slog.DiscardHandler), backends()
	c, err := catalog.New(o)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, describeTime)
	describe = func(spec catalog.Spec) (plugins.Info, error) { return describeBy(ctx, c, spec) }
	return describe, func() error {
		cancel()
		return c.Close()
	}, nil
}

// describeBy starts an executable until it has said what it is, and stops it. A shipped
// backend needs no process.
func describeBy(ctx context.Context, c *catalog.Catalog, spec catalog.Spec) (plugins.Info, error) {
	if spec.Address != "" {
		return plugins.Info{}, fmt.Errorf("%s plugin %s: %w", spec.Kind, spec.Address, errStartedElsewhere)
	}
	if len(spec.Command) == 0 && spec.Catalog == "" {
		spec.Isolation = catalog.Inproc
	}
	slot, err := c.Slot(spec)
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
