// Package arrivals keeps the places of snapshots that arrive. There are few, and
// a sender that holds one and sends little must not keep it from others.
package arrivals

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/pace"
)

// Errors of places.
var (
	// ErrTooMany: all places are taken by snapshots that have a better right.
	// Places.Enter returns it.
	ErrTooMany = errors.New("too many snapshots at one time")
	// ErrGaveWay: the snapshot has lost its place to another one. It is the
	// end of the transfer that was under way.
	ErrGaveWay = errors.New("the snapshot gave way to another one: it came too slowly, its sender has several places, or is no member")
)

// Places are those of one transport. All methods may be called at any time by
// anyone.
type Places struct {
	most     int
	patience time.Duration

	mu       sync.Mutex
	all      map[*Place]bool
	gaveWay  uint64
	refusals uint64
}

// New returns most places. While all are taken, one whose sender has not sent a
// step (pace.Step) within half of silence, while it was waited for, may be lost:
// senders of this project send at least as fast.
func New(most int, silence time.Duration) *Places {
	return &Places{most: most, patience: silence / 2, all: map[*Place]bool{}}
}

// A Place is held by one snapshot from Enter to Leave, or until it gives way.
type Place struct {
	places *Places
	from   uint64
	member bool
	end    func() // ends the snapshot, without waiting for that

	// The rest is guarded by places.mu.
	rest    int           // of the step
	waited  time.Duration // for what has come of the step
	reading time.Time     // since when a read waits; zero if none does
	got     uint64
}

// Enter takes a place for a snapshot from that sender, which the host knows as a
// member or not. If all are taken, one gives way that is slower than it may be,
// that is of no member while this one is, or that is one of several of a sender
// while this sender has none. A member's gives way to a member's only. end is
// called for the one that gives way. Without an error Leave must follow.
func (p *Places) Enter(from uint64, member bool, end func()) (*Place, error) {
	entering := &Place{places: p, from: from, member: member, end: end, rest: pace.Step}
	p.mu.Lock()
	var victim *Place
	if len(p.all) >= p.most {
		if victim = p.victim(entering); victim == nil {
			p.refusals++
			p.mu.Unlock()
			return nil, ErrTooMany
		}
		delete(p.all, victim)
		p.gaveWay++
	}
	p.all[entering] = true
	p.mu.Unlock()
	if victim != nil {
		victim.end()
	}
	return entering, nil
}

// victim is the place that gives way; nil if none does. It needs p.mu.
func (p *Places) victim(entering *Place) (victim *Place) {
	now, held := time.Now(), map[uint64]int{}
	for x := range p.all {
		held[x.from]++
	}
	for x := range p.all {
		if x.member && !entering.member {
			continue
		}
		several := held[entering.from] == 0 && held[x.from] > 1
		if x.slow(now) || entering.member && !x.member || several {
			if victim == nil || x.got < victim.got {
				victim = x
			}
		}
	}
	return victim
}

// slow needs places.mu.
func (x *Place) slow(now time.Time) bool {
	waited := x.waited
	if !x.reading.IsZero() {
		waited += now.Sub(x.reading)
	}
	return waited > x.places.patience
}

// Leave gives the place back, unless it was lost.
func (x *Place) Leave() {
	x.places.mu.Lock()
	defer x.places.mu.Unlock()
	delete(x.places.all, x)
}

// Lost tells whether the snapshot gave way.
func (x *Place) Lost() bool {
	x.places.mu.Lock()
	defer x.places.mu.Unlock()
	return !x.places.all[x]
}

// Reader returns a reader of r that notes the progress. Bytes that
// wait for the host to read them do not count as slow.
func (x *Place) Reader(r io.Reader) io.Reader { return &reader{r, x} }

type reader struct {
	io.Reader
	place *Place
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	r.place.begin()
	n, err := r.Reader.Read(p)
	r.place.took(n)
	return n, err
}

func (x *Place) begin() {
	x.places.mu.Lock()
	defer x.places.mu.Unlock()
	x.reading = time.Now()
}

func (x *Place) took(n int) {
	x.places.mu.Lock()
	defer x.places.mu.Unlock()
	x.waited += time.Since(x.reading)
	x.reading = time.Time{}
	x.got += uint64(n)
	if x.rest -= n; x.rest <= 0 {
		x.rest, x.waited = pace.Step, 0
	}
}

// Count is how many places are taken, how many snapshots have given way, and how
// many were told to come back.
func (p *Places) Count() (taken int, gaveWay, refused uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all), p.gaveWay, p.refusals
}

// Write writes the counts as metrics whose names begin with prefix.
func (p *Places) Write(w io.Writer, prefix string) error {
	taken, gaveWay, refused := p.Count()
	for _, m := range []struct {
		name, kind, help string
		value            uint64
	}{
		{"snapshots_receiving", "gauge", "Snapshots that are being received.", uint64(taken)},
		{"snapshots_gave_way_total", "counter", "Snapshots that lost their place to another one while they were received.", gaveWay},
		{"snapshots_refused_total", "counter", "Snapshots that were told to come back because there were too many.", refused},
	} {
		name := prefix + m.name
		if _, err := fmt.Fprintf(w, "# HELP %s %s\n# TYPE %s %s\n%s %d\n", name, m.help, name, m.kind, name, m.value); err != nil {
			return err
		}
	}
	return nil
}
