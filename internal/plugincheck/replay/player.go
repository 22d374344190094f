package replay

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/pluginrecord"
)

const (
	// beforeShown is how many calls before a difference are shown.
	beforeShown = 5
	// maxLives is how many processes of a plugin run at once: a host has three at most.
	maxLives = 8
	// maxLeft is how many parts that were not replayed are named.
	maxLeft = 20
)

// A player goes through a record, event by event, in one goroutine.
type player struct {
	ctx     context.Context
	subject *Subject
	plan    *plan
	report  *Report
	methods map[string]*method
	files   *pluginrecord.Opened
	catalog *catalog.Catalog
	dir     string

	number uint64 // of the event
	lives  map[uint64]*life
	// kept is the data directory of the last life that has ended.
	kept   kept
	dirs   int
	before []string
}

// kept is a data directory without a process.
type kept struct {
	dir string
	// clean: all calls were answered, and the plugin was closed.
	clean bool
}

func newPlayer(ctx context.Context, s *Subject, plan *plan, report *Report) *player {
	return &player{ctx: ctx, subject: s, plan: plan, report: report, methods: methods(plan.kind), lives: map[uint64]*life{}}
}

// event gives an event to the life that it is of.
func (p *player) event(e *pluginrecord.Event) error {
	switch e.Kind {
	case pluginrecord.Header: // of the next life of the host
		p.endLives()
	case pluginrecord.Gap:
		p.gap(e)
	case pluginrecord.Life:
		if p.lives[e.Life] == nil {
			p.lives[e.Life] = &life{p: p, number: e.Life, calls: map[uint64]*call{}, snapshots: map[uint64]uint64{}}
		}
	case pluginrecord.LifeOver:
		if l := p.lives[e.Life]; l != nil {
			delete(p.lives, e.Life)
			l.over()
		}
	default:
		if l := p.lives[e.Life]; l != nil {
			return l.event(e)
		}
	}
	return nil
}

// gap ends all lives: what their states are is not known any more.
func (p *player) gap(e *pluginrecord.Event) {
	known := 0
	for _, l := range p.lives {
		if l.process != nil {
			known++
		}
	}
	p.endLives()
	p.dropKept(kept{})
	what := fmt.Sprintf("%d events are missing before event %d", e.Count, p.number)
	if e.Count == 0 {
		what = fmt.Sprintf("what was before event %d is missing", p.number)
	}
	if known > 0 {
		what += ": the replay ended there"
	}
	p.leave(what)
}

// leave notes what is not replayed.
func (p *player) leave(why string) {
	if len(p.report.Left) < maxLeft {
		p.report.Left = append(p.report.Left, why)
	}
}

func (p *player) endLives() {
	for n, l := range p.lives {
		delete(p.lives, n)
		l.over()
	}
}

// end ends all processes, and removes their data.
func (p *player) end() {
	p.endLives()
	p.dropKept(kept{})
}

// dropKept has another directory be the one that is kept.
func (p *player) dropKept(next kept) {
	if p.kept.dir != "" {
		_ = os.RemoveAll(p.kept.dir) // the directory above it is removed at the end
	}
	p.kept = next
}

// newDir makes an empty data directory.
func (p *player) newDir() (string, error) {
	p.dirs++
	dir := filepath.Join(p.dir, fmt.Sprint(p.dirs))
	return dir, os.Mkdir(dir, 0o700)
}

// begins notes that a replay begins with this event.
func (p *player) begins(e *pluginrecord.Event, how string, index uint64) {
	if len(p.report.Starts) < maxLeft {
		p.report.Starts = append(p.report.Starts, Start{Event: p.number, Time: e.Time, How: how, Index: index})
	}
}

// did notes a call that was compared, for what is shown before a difference.
func (p *player) did(text string) {
	p.report.Compared++
	if len(p.before) == beforeShown {
		p.before = append(p.before[:0], p.before[1:]...)
	}
	p.before = append(p.before, text)
}

// differs ends the replay with what was found.
func (p *player) differs(d *Difference) error {
	d.Before = append([]string{}, p.before...)
	p.report.Difference = d
	return errDiffers
}
