package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/plugincheck/lane"
	"github.com/pontoon-raft/pontoon/plugins"
)

// A Bench is a run.
type Bench struct {
	Kind   plugins.Kind
	Plugin Contestant
	// Duration is how long is measured, over all rounds. Starts and what is made ready come on
	// top of it.
	Duration time.Duration
	// Dir is where the data of the plugins lie; empty for the directory of temporary files.
	Dir string
	// Lane is how plugins are started. Its RuntimeDir is set by Run.
	Lane catalog.Options
	// Progress is told what is measured next.
	Progress func(round, rounds int, what string)
}

// A Side is one of the two plugins.
type Side struct {
	Name    string   `json:"name"`
	Version string   `json:"version"`
	Command []string `json:"command"`
	SHA256  string   `json:"sha256"`
	// CommandBytes is the mean size of the commands, and SnapshotBytes that of the snapshot
	// which is saved and restored; 0 of other kinds than state machines.
	CommandBytes  int `json:"command_bytes"`
	SnapshotBytes int `json:"snapshot_bytes"`
}

// A Skip is a measurement that could not be made.
type Skip struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// A Report has the results of a run.
type Report struct {
	Kind    plugins.Kind `json:"kind"`
	Plugin  Side         `json:"plugin"`
	Shipped Side         `json:"shipped"`
	Dir     string       `json:"dir"`
	Rounds  int          `json:"rounds"`
	Seconds float64      `json:"seconds"`
	Rows    []Row        `json:"rows"`
	Skipped []Skip       `json:"skipped"`
}

const (
	// wantedSlice is how long one plugin is measured in one round by one measurement.
	wantedSlice = 300 * time.Millisecond
	// fewestRounds have a spread that means something.
	fewestRounds = 3
)

// A run is what the rounds of a Bench have in common.
type run struct {
	*Bench
	sides  [2]Contestant // the plugin, and the shipped one
	dir    string
	rounds int
	slice  time.Duration
	report Report
	rates  map[string][]rates
}

// Run measures. Its error is a Fault of one of the plugins, or the end of ctx.
func (b *Bench) Run(ctx context.Context) (_ *Report, err error) {
	began := time.Now()
	dir, err := os.MkdirTemp(b.Dir, "bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, err
	}
	size := meanBytes(b.Plugin.Command)
	r := &run{Bench: b, dir: dir, rounds: 1, rates: map[string][]rates{}}
	r.sides = [2]Contestant{b.Plugin, shipped(b.Kind, size)}
	r.report = Report{Kind: b.Kind, Dir: filepath.Dir(dir), Skipped: []Skip{}}
	for round := 0; round < r.rounds; round++ {
		if err := r.round(ctx, round); err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			return nil, err
		}
	}
	r.report.Rounds, r.report.Seconds = r.rounds, time.Since(began).Round(time.Millisecond).Seconds()
	return &r.report, nil
}

// round starts both plugins and measures them in turn.
func (r *run) round(ctx context.Context, round int) (err error) {
	sockets, err := os.MkdirTemp("", "b")
	if err != nil {
		return err
	}
	defer os.RemoveAll(sockets)
	options := r.Lane
	options.RuntimeDir = sockets
	l, err := lane.New(options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	data, err := os.MkdirTemp(r.dir, "round-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	var places [2]*place
	var lists [2][]measurement
	var players [2]player
	for side := range places {
		p := &place{lane: l, c: &r.sides[side]}
		p.dir, p.kept = filepath.Join(data, fmt.Sprint(side)), filepath.Join(r.dir, fmt.Sprintf("kept-%d", side))
		places[side] = p
		r.tell(round, "start "+nameOf(side, p))
		if players[side], err = begin(ctx, r.Kind, p); err != nil {
			return r.fault(side, p, "its first answers", []string{"P-5"}, err)
		}
		lists[side] = players[side].measurements()
	}
	if round == 0 {
		r.plan(lists, places)
	}
	if err := r.measure(ctx, round, lists, places); err != nil {
		return err
	}
	for side, p := range players {
		if err := inTime(ctx, closeTime, p.close); err != nil {
			return r.fault(side, places[side], "its end", []string{"P-24"}, err)
		}
	}
	return nil
}

// begin starts a plugin and takes its first answers.
func begin(ctx context.Context, kind plugins.Kind, p *place) (player, error) {
	switch kind {
	case plugins.StateMachine:
		return beginMachine(ctx, p)
	case plugins.Storage:
		return beginStore(ctx, p)
	case plugins.Transport:
		return beginLink(ctx, p)
	}
	return nil, fmt.Errorf("nothing measures the kind %q", kind)
}

// plan says how many rounds there are, by what can be measured.
func (r *run) plan(lists [2][]measurement, places [2]*place) {
	count := 0
	for i, m := range lists[0] {
		switch {
		case m.skip != "":
			r.report.Skipped = append(r.report.Skipped, Skip{m.name, nameOf(0, places[0]) + ": " + m.skip})
		case lists[1][i].skip != "":
			r.report.Skipped = append(r.report.Skipped, Skip{m.name, nameOf(1, places[1]) + ": " + lists[1][i].skip})
		default:
			count++
		}
	}
	r.rounds, r.slice = roundsOf(r.Duration, count)
	r.report.Plugin, r.report.Shipped = sideOf(places[0]), sideOf(places[1])
}

// roundsOf shares a time out among measurements of two plugins.
func roundsOf(d time.Duration, measurements int) (rounds int, slice time.Duration) {
	each := time.Duration(2 * max(measurements, 1))
	n := max(d/(each*wantedSlice), fewestRounds)
	return int(n), d / (n * each)
}

func sideOf(p *place) Side {
	return Side{
		Name: p.info.Name, Version: p.info.Version, Command: append([]string{}, p.c.Spec.Command...), SHA256: p.c.Spec.SHA256,
		CommandBytes: meanBytes(p.c.Command), SnapshotBytes: p.snapshotBytes,
	}
}

// measure makes each measurement of both plugins. The one that began is the second the next
// time.
func (r *run) measure(ctx context.Context, round int, lists [2][]measurement, places [2]*place) error {
	r.report.Rows = []Row{}
	for i, m := range lists[0] {
		if m.skip != "" || lists[1][i].skip != "" {
			continue
		}
		var got [2]float64
		for turn := range got {
			side := (round + i + turn) % 2
			r.tell(round, fmt.Sprintf("%s: %s", m.name, nameOf(side, places[side])))
			rate, err := lists[side][i].run(ctx, r.slice)
			if err == nil && !(rate > 0) {
				err = errors.New("it did nothing of that")
			}
			if err != nil {
				return r.fault(side, places[side], m.name, m.rules, err)
			}
			got[side] = rate
		}
		r.rates[m.name] = append(r.rates[m.name], rates{got[0], got[1]})
		r.report.Rows = append(r.report.Rows, newRow(m.name, m.unit, r.rates[m.name]))
	}
	return nil
}

func (r *run) fault(side int, p *place, doing string, rules []string, err error) error {
	if !errors.Is(err, errLate) && !errors.As(err, new(*catalog.StartError)) {
		rules = nil
	}
	return &Fault{Plugin: p.info.Name, Shipped: side == 1, Doing: doing, Rules: rules, Err: err}
}

func (r *run) tell(round int, what string) {
	if r.Progress != nil {
		r.Progress(round+1, r.rounds, what)
	}
}

// nameOf is the name of a plugin, for people.
func nameOf(side int, p *place) string {
	switch {
	case p.info.Name != "" && side == 1:
		return p.info.Name + " (shipped)"
	case p.info.Name != "":
		return p.info.Name
	case side == 1:
		return p.c.Spec.Name + " (shipped)"
	}
	return "the plugin"
}
