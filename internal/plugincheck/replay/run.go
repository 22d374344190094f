package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/pluginrecord"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
)

// DefaultTimeout is how long an answer is waited for.
const DefaultTimeout = time.Minute

// A Subject is a record, and the executable that it is given to.
type Subject struct {
	// Path is that of the record; files before it that have its name and a number belong to it.
	Path string
	// Command is the path of the executable and its arguments, SHA256 the sum of the file.
	Command []string
	SHA256  string
	// Timeout is how long each answer is waited for; 0 means DefaultTimeout.
	Timeout time.Duration
	// Dir is where the plugin's data are while it runs; empty means the directory for
	// temporary files.
	Dir string
	// Logger gets what the plugin logs; nil means nothing.
	Logger *slog.Logger
	// Progress, if not nil, is told how many events of how many were replayed.
	Progress func(event, events uint64)
}

// errDiffers ends a replay that has found a difference.
var errDiffers = errors.New("an answer differs")

// Run replays the record. The error is not about what the plugin has answered.
func (s Subject) Run(ctx context.Context) (*Report, error) {
	s.Timeout = cmp.Or(s.Timeout, DefaultTimeout)
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	files, err := pluginrecord.Open(s.Path)
	if err != nil {
		return nil, err
	}
	defer files.Close()
	began := time.Now()
	plan, err := planOf(files)
	if err != nil {
		return nil, err
	}
	report := &Report{
		Kind: plan.kind, Files: files.Paths(), Recorded: plan.recorded, Command: s.Command, SHA256: s.SHA256,
		Starts: []Start{}, Left: []string{}, Faults: []string{},
	}
	if err := s.play(ctx, files, plan, report); err != nil {
		return nil, err
	}
	report.Seconds = time.Since(began).Seconds()
	if len(report.Starts) == 0 {
		return report, fmt.Errorf("%w: it has no %s. Begin a record before the plugin is started", ErrNothing, beginnings(plan.kind))
	}
	return report, nil
}

// beginnings are the events with which a replay can begin.
func beginnings(kind plugins.Kind) string {
	if kind == plugins.Storage {
		return "Open of an empty store"
	}
	return "Open of an empty state, Restore or SaveSnapshot as a whole"
}

func planOf(files *pluginrecord.Opened) (*plan, error) {
	in, err := files.Series()
	if err != nil {
		return nil, err
	}
	return makePlan(in)
}

// play goes through the record with a catalog and a directory of its own.
func (s *Subject) play(ctx context.Context, files *pluginrecord.Opened, plan *plan, report *Report) (err error) {
	limits, err := pluginrpc.CheckLimits(plan.limits)
	if err != nil {
		return fmt.Errorf("the limits of the record: %w", err)
	}
	dir, err := os.MkdirTemp(s.Dir, "replay")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	c, err := catalog.New(catalog.Options{Logger: s.Logger, Limits: limits})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	in, err := files.Series()
	if err != nil {
		return err
	}
	p := newPlayer(ctx, s, plan, report)
	p.files, p.catalog, p.dir = files, c, dir
	defer p.end()
	err = p.play(in)
	for _, fault := range in.Faults() {
		report.Faults = append(report.Faults, fault.Error())
		report.damaged = report.damaged || !errors.Is(fault, pluginrecord.ErrCut)
	}
	if errors.Is(err, errDiffers) {
		return nil
	}
	return err
}

// play gives each event to what it is about.
func (p *player) play(in *pluginrecord.Series) error {
	for {
		e, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = p.ctx.Err()
		}
		if err != nil {
			return err
		}
		if p.number = in.Number(); p.subject.Progress != nil && p.number%1000 == 0 {
			p.subject.Progress(p.number, p.plan.events)
		}
		if err := p.event(&e); err != nil {
			return err
		}
	}
}
