//go:build linux

package hostile

import (
	"fmt"
	"sync"
	"testing"
	"time"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/test/internal/live"
)

// The promises of a cluster, whatever comes to its ports.
const (
	// servesWithin is how soon after an attack a write through each port is applied.
	servesWithin = 3 * time.Second
	// mostMemory is what a host, or a plugin, has at its peak.
	mostMemory = 256 << 20
	// returnsWithin is how soon what the attack took is given back, but for a few.
	returnsWithin  = 15 * time.Second
	fewGoroutines  = 100
	fewDescriptors = 40
)

// A judge compares members before and after an attack.
type judge struct {
	t      testing.TB
	c      *cluster
	term   uint64
	before map[*member]*state
}

// state is what a member was made of before the attack.
type state struct {
	plugins                 map[string]*hostv1.PluginStatus
	goroutines, descriptors int
	memory                  []*live.Memory // the host's first
}

func newJudge(t testing.TB, c *cluster) *judge {
	t.Helper()
	j := &judge{t: t, c: c, term: c.term(), before: map[*member]*state{}}
	for _, m := range c.members {
		j.renew(m)
	}
	return j
}

// renew notes what a member is made of.
func (j *judge) renew(m *member) {
	j.t.Helper()
	s := &state{plugins: plugins(m.status()), goroutines: m.goroutines(), descriptors: m.descriptors()}
	s.memory = append(s.memory, live.WatchMemory(j.t, fmt.Sprint("host of member ", m.id), m.host.PID()))
	for kind, p := range s.plugins {
		s.memory = append(s.memory, live.WatchMemory(j.t, fmt.Sprint(kind, " plugin of member ", m.id), int(p.GetPid())))
	}
	j.before[m] = s
}

// awaitWrites waits until a write through each member's port is applied, and
// returns how long that took.
func (j *judge) awaitWrites(prefix string) time.Duration {
	j.t.Helper()
	began := time.Now()
	var wg sync.WaitGroup
	for _, m := range j.c.members {
		wg.Go(func() {
			var last error
			tries := 0
			served := live.Within(live.Patience, func() bool {
				tries++
				last = m.write(fmt.Sprintf("%sserved/%d/%d", prefix, m.id, tries))
				return last == nil
			})
			if !served {
				j.t.Errorf("no write is applied %v after the attack: %v", live.Patience, last)
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	if took > servesWithin && !live.RaceDetector {
		j.t.Errorf("the cluster served %v after the attack, allowed are %v", took, servesWithin)
	}
	return took
}

// survived checks what the members are made of. It returns the peak of the
// largest host, the starts of plugins, and how many terms have gone.
func (j *judge) survived(terms int) (peak int64, restarts int, moved uint64) {
	j.t.Helper()
	for _, m := range j.c.members {
		before := j.before[m]
		for kind, p := range plugins(m.status()) {
			was := before.plugins[kind]
			if p.GetPid() != was.GetPid() || p.GetRestarts() != was.GetRestarts() {
				j.t.Errorf("the %s plugin of member %d is process %d after %d restarts, was %d after %d",
					kind, m.id, p.GetPid(), p.GetRestarts(), was.GetPid(), was.GetRestarts())
				restarts += max(1, int(p.GetRestarts())-int(was.GetRestarts()))
			}
		}
		if restarts == 0 {
			peak = max(peak, j.memoryOf(before))
		}
		j.returned(m, before)
	}
	if moved = j.c.term() - j.term; terms >= 0 && moved > uint64(terms) {
		j.t.Errorf("%d terms have gone, allowed are %d", moved, terms)
	}
	return peak, restarts, moved
}

func (j *judge) memoryOf(s *state) (host int64) {
	j.t.Helper()
	for i, m := range s.memory {
		peak := m.Now("VmHWM")
		if peak > mostMemory && !live.RaceDetector {
			j.t.Errorf("the %s had %d MiB at its peak, %d before", m.What, peak>>20, m.Before>>20)
		}
		if i == 0 {
			host = peak
		}
	}
	return host
}

// returned waits until a member has about as much open as before.
func (j *judge) returned(m *member, before *state) {
	j.t.Helper()
	var goroutines, descriptors int
	if !live.Within(returnsWithin, func() bool {
		goroutines, descriptors = m.goroutines(), m.descriptors()
		return goroutines > 0 && goroutines <= before.goroutines+fewGoroutines && descriptors <= before.descriptors+fewDescriptors
	}) {
		j.t.Errorf("%v after the attack member %d has %d goroutines and %d descriptors, before it %d and %d",
			returnsWithin, m.id, goroutines, descriptors, before.goroutines, before.descriptors)
	}
}
