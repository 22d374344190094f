package node

import "math/rand"

// simSlow is what a simulated member takes its time for. It outlives a crash: the
// disk and the state machine are no faster after a restart.
type simSlow struct {
	slowApply, slowDisk slowness
	written             int // of the appends: so many are on the disk and not acknowledged
}

// slowness lasts for some ticks. Something is still done in them, now and then,
// or nothing at all.
type slowness struct {
	ticks int
	still bool
}

// waits tells whether nothing is done this time.
func (w slowness) waits(rnd *rand.Rand) bool { return w.ticks > 0 && (w.still || rnd.Intn(20) > 0) }

// noticed is after how many ticks a host says that its disk or its state machine
// stands still: two election timeouts.
const noticed = 20

func (n *simNode) tick() {
	n.slowApply.ticks = max(n.slowApply.ticks-1, 0)
	n.slowDisk.ticks = max(n.slowDisk.ticks-1, 0)
	n.check(n.core.Tick())
}

// slowDown makes a disk or a state machine slow for up to six election timeouts,
// without its host noticing.
func (n *simNode) slowDown() {
	w := slowness{ticks: 5 + n.s.rnd.Intn(55), still: n.s.rnd.Intn(2) == 0}
	if n.s.rnd.Intn(2) == 0 {
		n.slowApply = w
	} else {
		n.slowDisk = w
	}
	n.s.note("slow", n.id)
}

// standStill lets a member do nothing for some hundred ticks but receive and
// send: its state machine applies nothing, or its disk acknowledges next to
// nothing. It crashes and restarts meanwhile. All other faults but lost messages
// rest, so that the cluster must go on if it has a majority without the member.
func (s *sim) standStill() {
	if s.inDoubt() {
		return // of a majority without the one that stands still another may be missing
	}
	s.honest = true
	defer func() { s.honest = false }()
	n, disk := s.nodes[s.rnd.Intn(3)], s.rnd.Intn(2) == 0
	for _, l := range s.nodes {
		if s.rnd.Intn(2) == 0 && l.core.leads() && !l.lostData {
			n = l
		}
	}
	s.rest()
	long, still := 200+s.rnd.Intn(200), s.rnd.Intn(2) == 0
	condition := ApplyLagging
	if disk {
		n.slowDisk, condition = slowness{ticks: long, still: still}, DiskStalled
	} else {
		n.slowApply = slowness{ticks: long, still: true}
	}
	s.note("stands still", n.id, disk)
	acked := 0
	for round := range long {
		switch round {
		case noticed:
			n.setCondition(condition)
		case long / 2:
			acked = len(s.acked)
		}
		if s.rnd.Intn(50) == 0 {
			n.crash()
		}
		s.goOn()
	}
	if len(s.acked) == acked && !s.twice && s.majorityWithout(n, disk) {
		s.t.Fatalf("node %s stood still for %d ticks (disk: %t), and the cluster acknowledged nothing in the second half of them", n.id, long, disk)
	}
	n.setCondition(0)
}

// rest ends the faults that would keep a cluster from going on.
func (s *sim) rest() {
	s.cut = -1
	for _, n := range s.nodes {
		n.slowApply, n.slowDisk = slowness{}, slowness{}
		n.setCondition(0)
	}
}

// goOn is a tick of all, with enough of everything else that each member that
// can keep up does.
func (s *sim) goOn() {
	for _, n := range s.nodes {
		n.tick()
		n.handOver()
	}
	s.nodes[s.rnd.Intn(len(s.nodes))].propose()
	for range 10 {
		for range 3 {
			s.deliver()
		}
		n := s.nodes[s.rnd.Intn(len(s.nodes))]
		n.finishAppend(3)
		n.finishApply()
		if n.wanted || s.rnd.Intn(40) == 0 {
			n.wanted = false
			n.snapshot()
		}
	}
}

// majorityWithout tells whether a majority of the voters is there that stores
// what it is given, if n does or does not.
func (s *sim) majorityWithout(n *simNode, disk bool) bool {
	voters := s.furthest().core.Registry().Voters()
	count := 0
	for _, id := range voters {
		if o := s.nodes[id-1]; !o.lostData && (o != n || !disk) {
			count++
		}
	}
	return count > len(voters)/2
}

// lean checks that a node does not keep in memory what waits for its state machine:
// of what has come out it has no more than the tail for slow followers.
func (n *simNode) lean() {
	l := n.core.log
	if l.tailBytes > l.maxTail && l.tail[0].GetIndex() <= l.putOut {
		n.s.t.Fatalf("node %s keeps %d bytes from entry %d on, where %d are enough; all up to %d has come out, the state machine has %d",
			n.id, l.tailBytes, l.tail[0].GetIndex(), l.maxTail, l.putOut, n.index)
	}
	if kept := len(n.core.cfg.Entries); kept > 0 {
		n.s.t.Fatalf("node %s keeps %d entries that it was made from", n.id, kept)
	}
}
