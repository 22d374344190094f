package core

import (
	"context"
	"time"

	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/plugins"
)

// notices tells the plugins that ask for it who leads. Each has one call under way at
// most, and the latest state next: a plugin that takes its time is told less often, and
// keeps no other waiting.
type notices struct {
	h    *Host
	told map[*catalog.Instance]*notice
	back chan noticed
}

// notice is the last state that one plugin was told.
type notice struct {
	leadership plugins.Leadership
	taken      bool // it has answered
	underWay   bool
	begun      time.Time
	said       bool // that it does not return
}

// slowElections is after how many election timeouts a plugin that has not returned from
// being told is named in the log. One in a process of its own is ended before, for the probes
// that it does not answer.
const slowElections = 10

// noticed is the end of a call.
type noticed struct {
	in  *catalog.Instance
	err error
}

// tellLeadership runs until the host ends. It does not wait for the calls that are under
// way then: a backend inside the host that does not return would hold up the stop.
func (h *Host) tellLeadership() {
	n := &notices{h: h, told: map[*catalog.Instance]*notice{}, back: make(chan noticed)}
	for {
		changed := h.server.Changed()
		// The plugins come first. A state machine that is started anew is none of them
		// until the last one has ended, and then nothing is ready before it is.
		instances := h.instances()
		l := h.server.Leadership()
		l.Group = group
		n.tell(instances, l)
		pause := h.cfg.Election // for a plugin that was started again
		if l.Leads && !l.Ready {
			pause = h.cfg.Tick
		}
		timer := time.NewTimer(pause)
		select {
		case <-h.life.Done():
		case <-changed:
		case <-timer.C:
		case end := <-n.back:
			n.end(end)
		}
		timer.Stop()
		if h.life.Err() != nil {
			return
		}
	}
}

// tell begins the calls that are due, and forgets the plugins that are gone.
func (n *notices) tell(instances []*catalog.Instance, l plugins.Leadership) {
	told := map[*catalog.Instance]*notice{}
	for _, in := range instances {
		if !in.Info().Has(plugins.CapabilityLeadership) {
			continue
		}
		last := n.told[in]
		if last == nil {
			last = &notice{}
		}
		told[in] = last
		if last.underWay {
			n.complain(in, last)
			continue
		}
		if last.taken && last.leadership == l {
			continue
		}
		*last = notice{leadership: l, underWay: true, begun: time.Now()}
		go n.call(in, l)
	}
	n.told = told
}

// complain says once of a plugin that does not return that it is told nothing more.
func (n *notices) complain(in *catalog.Instance, last *notice) {
	if last.said || time.Since(last.begun) < slowElections*n.h.cfg.Election {
		return
	}
	last.said = true
	info := in.Info()
	n.h.logger.Warn("plugin does not return from being told who leads, and is told nothing more", "kind", info.Kind, "plugin", info.Name,
		"term", last.leadership.Term, "for", time.Since(last.begun).Round(time.Second))
}

func (n *notices) call(in *catalog.Instance, l plugins.Leadership) {
	ctx, cancel := context.WithTimeout(n.h.life, n.h.cfg.Election)
	defer cancel()
	err := in.SetLeadership(ctx, l)
	select {
	case n.back <- noticed{in, err}:
	case <-n.h.life.Done():
	}
}

// end takes down how a call ended. One that failed is made again with the next change,
// or after an election timeout; that the plugin is unwell is for its probes to say.
func (n *notices) end(end noticed) {
	last := n.told[end.in]
	if last == nil {
		return // the plugin is gone
	}
	last.underWay, last.taken = false, end.err == nil
	if end.err != nil {
		info := end.in.Info()
		n.h.logger.Debug("plugin was not told who leads", "kind", info.Kind, "plugin", info.Name, "error", end.err)
	}
}
