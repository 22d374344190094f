package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/hostconfig"
)

// describeTime is how long all external plugins together may take to say what
// they are.
const describeTime = 15 * time.Second

// checkExternal finds out whether the executables of others that a
// configuration names are those that are meant, and start far enough to say what
// they are. Nothing is opened, and nothing is left running.
func checkExternal(ctx context.Context, c *hostconfig.Config) (err error) {
	s := hostSettings(c, nil, nil)
	specs := []catalog.Spec{s.Storage.Spec, s.StateMachine.Spec}
	for _, t := range s.Transports {
		specs = append(specs, t.Spec)
	}
	external, err := catalog.New(catalog.Options{
		Logger: slog.New(slog.DiscardHandler), RuntimeDir: s.RuntimeDir, Backends: s.Backends, Limits: s.Limits,
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
			problems = append(problems, describes(ctx, external, spec))
		}
	}
	return errors.Join(problems...)
}

// describes starts a plugin, which then has described itself, and stops it.
func describes(ctx context.Context, external *catalog.Catalog, spec catalog.Spec) error {
	slot, err := external.Slot(spec)
	if err != nil {
		return err
	}
	in, err := slot.Start(ctx)
	if err != nil {
		return err
	}
	_ = in.Stop(ctx) // what it thinks of its end is not what was asked
	return nil
}
