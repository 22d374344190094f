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
	"github.com/pontoon-raft/pontoon/plugins/backend"
)

// describeTime is how long all external plugins together may take to say what
// they are.
const describeTime = 15 * time.Second

// checkPlugins starts the executables that a configuration names until they have described
// themselves, and judges the section of each plugin. It opens no plugin, and leaves no
// process running. The notes are about plugins whose sections cannot be judged.
func checkPlugins(ctx context.Context, path string, c *hostconfig.Config) (notes []string, err error) {
	started, err := catalog.New(catalog.Options{
		Logger: slog.New(slog.DiscardHandler), RuntimeDir: c.Host.RuntimeDir, Backends: backends(), Limits: c.Host.Limits,
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, started.Close()) }()
	ctx, cancel := context.WithTimeout(ctx, describeTime)
	defer cancel()
	var failed []error
	var problems []hostconfig.Problem
	for _, p := range configuredPlugins(c) {
		info, err := describe(ctx, started, p.spec)
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

// describe returns what a plugin says of itself: an executable is started for it, and
// stopped. A shipped backend needs no process.
func describe(ctx context.Context, external *catalog.Catalog, spec catalog.Spec) (plugins.Info, error) {
	if spec.Address != "" {
		return plugins.Info{}, fmt.Errorf("%s plugin %s: %w", spec.Kind, spec.Address, errStartedElsewhere)
	}
	if info, shipped := shippedInfo(spec); shipped {
		return info, nil
	}
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

func shippedInfo(spec catalog.Spec) (plugins.Info, bool) {
	for _, b := range backends() {
		if len(spec.Command) > 0 || spec.Catalog != "" || b.Kind != spec.Kind || b.Name != spec.Name {
			continue
		}
		switch env := (backend.Env{}); b.Kind {
		case plugins.Storage:
			return b.NewStorage(env).Describe(), true
		case plugins.Transport:
			return b.NewTransport(env).Describe(), true
		case plugins.StateMachine:
			return b.NewStateMachine(env).Describe(), true
		}
	}
	return plugins.Info{}, false
}
