package plugincheck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/plugincheck/bench"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
)

// measureTime is how long a check of the level Performance measures by default.
const measureTime = 30 * time.Second

// Bench is a bench of the subject beside the shipped plugin of its kind, which is one of
// backends. It starts the subject once, to learn what it is. The plugins log to logs.
func (s *Subject) Bench(ctx context.Context, backends []backend.Backend, logs io.Writer) (*bench.Bench, error) {
	info, err := describe(ctx, s, logs)
	if err != nil {
		return nil, err
	}
	return newBench(s, info, backends, logs)
}

func newBench(s *Subject, info plugins.Info, backends []backend.Backend, logs io.Writer) (*bench.Bench, error) {
	config, err := s.Hints.section()
	if err != nil {
		return nil, err
	}
	b := &bench.Bench{
		Kind: s.Kind, Duration: cmp.Or(s.Measure, measureTime),
		Plugin: bench.Contestant{Spec: catalog.Spec{Kind: s.Kind, Command: s.Command, SHA256: s.SHA256}, Config: config},
		Lane:   catalog.Options{Logger: slog.New(slog.NewTextHandler(logs, nil)), Backends: backends},
	}
	switch s.Kind {
	case plugins.StateMachine:
		err = s.Hints.benchMachine(&b.Plugin)
	case plugins.Transport:
		h, problem := transportHarness(&s.Hints, config, info)
		b.Plugin.Listen, b.Plugin.URL, err = h.Listen, h.URL, problem
	}
	return b, err
}

// benchMachine says what a state machine is asked for: without commands of its own for random
// bytes.
func (h *Hints) benchMachine(c *bench.Contestant) error {
	query, err := decode(h.Observe)
	if err != nil {
		return fmt.Errorf("observe: %w", err)
	}
	if h.Observe != "" {
		c.Query = query
	}
	if len(h.Commands) == 0 {
		c.Command, c.Random = bench.RandomCommand, true
		return nil
	}
	commands, err := NewSeries(h.Commands)
	if err != nil {
		return fmt.Errorf("commands: %w", err)
	}
	c.Command = commands.Command
	return nil
}

// testPerformance measures the subject. It says how it compares, and fails only if the subject
// does not get done in the times that the protocol gives it, or does something else than it was
// asked for: being slower than the shipped plugin breaks no rule.
func testPerformance(t *testing.T, b *bench.Bench) {
	report, err := b.Run(t.Context())
	var f *bench.Fault
	switch {
	case errors.As(err, &f) && f.Shipped:
		t.Skip(err)
	case errors.As(err, &f) && len(f.Rules) > 0:
		checks(t, f.Rules...)
		t.Fatal(err)
	case err != nil:
		t.Fatal(err)
	}
	for _, row := range report.Rows {
		t.Run(row.Name, func(t *testing.T) { t.Log(row.Sentence(report)) })
	}
	for _, s := range report.Skipped {
		t.Run(s.Name, func(t *testing.T) { t.Skip(s.Reason) })
	}
}
