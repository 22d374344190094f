package node

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"math/rand"
	"slices"
	"testing"
	"testing/cryptotest"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

var (
	simSeed      = flag.Uint64("sim.seed", 0, "run this one schedule of the simulation")
	simSchedules = flag.Int("sim.schedules", 150, "how many schedules to simulate")
)

// Random schedules of ticks, lost, doubled and reordered messages, slow disks and
// slow state machines, crashes that lose what was not acknowledged or whose name
// was not synced, snapshots and compactions, members that come and go, leaders
// that hand over, members that become unfit and fit again, a disk that is emptied
// or replaced by an older copy, and a majority whose disks are emptied and that
// founds the cluster anew. At all times: a read reflects what was acknowledged
// before it, the members at an index are the same everywhere, and one member that
// stands still does not stop the others. After each: a fit member leads if one is
// there, and what was acknowledged is applied on all members, in the same order.
//
// A failure prints its seed; -sim.seed runs it again, step by step the same.
func TestSchedules(t *testing.T) {
	if *simSeed != 0 {
		simulate(t, *simSeed)
		return
	}
	for seed := range uint64(*simSchedules) {
		t.Run(fmt.Sprint(seed+1), func(t *testing.T) { simulate(t, seed+1) })
	}
}

// The same seed gives the same trace, so a failure can be found again.
func TestSchedulesReplay(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		if a, b := simulate(t, seed), simulate(t, seed); a != b {
			t.Errorf("seed %d: traces %x and %x", seed, a, b)
		}
	}
}

// sim is a cluster of Cores on simulated disks and wires.
type sim struct {
	t     *testing.T
	rnd   *rand.Rand
	nodes []*simNode
	wire  []simMessage
	cut   int // node that is cut off; -1 if none
	// election is the timeout in ticks; 0 for that of the schedules.
	election int

	memberSim
	lossSim
	log      map[place]string // applied by any node
	times    map[place]uint64 // of these entries
	moment   uint64
	leaders  map[place]member.ID
	acked    map[string]bool
	dropped  map[RequestID]bool // what its origin knows to be in no log
	at       map[string]place   // where a proposal was applied
	proposed int
	lied     bool // a peer sent what no member sends: others may be refused for a while
	trace    uint64
}

type simNode struct {
	simIdentity
	simHome
	simSlow
	unfitSim
	incarnation uint64
	s           *sim
	id          member.ID
	core        *Core
	disk        simDisk
	appends     []Append
	applies     []simApply
	applied     []string // what the state machine has
	index       uint64   // up to here
	time        uint64   // there
	taken       *member.Registry
	term        uint64
	wanted      bool // a snapshot

	bootstrap []member.Member
	reads     map[string]uint64 // by context: the writes acknowledged when it was asked
	waiting   []Proposal        // that are in no log and may be handed in again
}

// simApply is work for the state machine: committed entries, or a snapshot to
// restore from.
type simApply struct {
	Apply
	restore *simSnapshot
	inLog   bool   // only its bounds are in memory
	was     *Apply // what it must be when it is read again; nil if that is unknown
}

type simMessage struct {
	from, to member.ID
	payload  []byte
	batch    bool // of proposals, or an answer to batches
	snapshot *simSnapshot
}

// steps is how long a schedule is; in the first of them crashes come more often.
const steps, young = 4000, 150

func simulate(t *testing.T, seed uint64) uint64 {
	t.Helper()
	s := newSim(t, seed)
	var members []member.Member
	for i := range 3 {
		members = append(members, member.Member{ID: member.ID(i + 1), Name: fmt.Sprint(i), PeerURLs: []string{fmt.Sprint("http://", i)}})
	}
	for id := member.ID(1); id <= 5; id++ { // 4 and 5 wait to be added
		if int(id) <= len(members) {
			s.add(id, members)
		} else {
			s.add(id, nil)
		}
	}
	still := s.rnd.Intn(12 * steps) // beyond the last step in most schedules
	for i := range steps {
		if i == still {
			s.standStill()
		}
		if i < young && s.rnd.Intn(young/3) == 0 {
			s.nodes[s.rnd.Intn(len(s.nodes))].crash()
		}
		s.step()
	}
	if s.twice {
		s.neverMixed()
		return s.trace
	}
	s.settle()
	return s.trace
}

func newSim(t *testing.T, seed uint64) *sim {
	t.Helper()
	cryptotest.SetGlobalRandom(t, seed)
	return &sim{
		t: t, rnd: rand.New(rand.NewSource(int64(seed))), cut: -1, memberSim: newMemberSim(),
		log: map[place]string{}, times: map[place]uint64{}, leaders: map[place]member.ID{}, acked: map[string]bool{}, dropped: map[RequestID]bool{}, at: map[string]place{},
	}
}

// add starts a node with an empty disk.
func (s *sim) add(id member.ID, bootstrap []member.Member) {
	n := &simNode{s: s, id: id, bootstrap: bootstrap, incarnation: 1}
	n.emptyHome()
	s.nodes = append(s.nodes, n)
	n.boot()
}

// boot makes a Core from the disk.
func (n *simNode) boot() {
	n.openHome()
	n.reads = map[string]uint64{}
	n.s.drop(requestIDs(n.waiting))
	n.waiting = nil
	n.incarnation++
	d := &n.disk
	st := storage.State{HardState: d.hs, FirstIndex: d.first, LastIndex: d.first - 1 + uint64(len(d.entries))}
	entries := d.entries
	var registry *member.Registry
	n.appends, n.written, n.applies, n.applied, n.index, n.time = nil, 0, nil, nil, 0, 0
	terms := termIndex{bounds: []storage.TermBoundary{{}}}
	if d.snapshot != nil {
		st.Snapshots = []storage.SnapshotInfo{{Metadata: d.snapshot.meta}}
		entries = entries[d.snapshot.meta.Index+1-d.first:]
		registry = d.snapshot.registry
		n.applied, n.index, n.time = slices.Clone(d.snapshot.applied), d.snapshot.meta.Index, d.snapshot.time
		terms.bounds[0] = storage.TermBoundary{Index: d.first - 1, Term: d.before}
	}
	for _, e := range d.entries {
		terms.note(e.Index, e.Term)
	}
	st.Terms = terms.bounds
	var err error
	limits := plugins.DefaultLimits()
	limits.MaxBatchBytes = 150 // a few entries
	st.StoreID = n.store
	cfg := tabled(Config{
		ID: n.id, Group: 1, ElectionTicks: cmp.Or(n.s.election, 10), HeartbeatTicks: 1, Limits: limits, MaxTailBytes: 200, MaxUncommittedBytes: 3000, Level: 2,
		Time: n.time, Clock: n.clock, MaxClockDifference: 100,
		MaxPending: 20, Incarnation: n.incarnation,
		Bootstrap: n.bootstrap, State: st, Entries: slices.Clone(entries), Registry: registry,
	})
	n.replay(&cfg)
	n.readIdentity(cfg)
	n.core, err = NewCore(cfg)
	if err != nil {
		n.s.t.Fatalf("node %s does not boot: %v", n.id, err)
	}
	n.core.SetFitness(n.fitness())
	if n.marked {
		n.check(n.core.Bar(true))
	}
	n.collect()
}

func (s *sim) note(parts ...any) {
	for _, b := range []byte(fmt.Sprint(parts...)) {
		s.trace = (s.trace ^ uint64(b)) * 1099511628211
	}
}

// step does one random thing.
func (s *sim) step() {
	s.moment++
	n := s.nodes[s.rnd.Intn(len(s.nodes))]
	switch p := s.rnd.Intn(1000); {
	case p < 4:
		n.change()
	case p < 6:
		n.check(n.core.Transfer(member.ID(s.rnd.Intn(6))))
	case p < 20:
		n.read()
	case p < 25:
		n.flip()
	case p < 27:
		n.slowDown()
	case p < 150:
		n.tick()
		if s.rnd.Intn(8) == 0 {
			n.check(n.core.Met(member.ID(1 + s.rnd.Intn(5))))
		}
		if s.rnd.Intn(5) == 0 {
			n.handOver()
		}
	case p < 600:
		s.deliver()
	case p < 720:
		n.finishAppend(1 + s.rnd.Intn(3))
	case p < 850:
		n.finishApply()
	case p < 960:
		n.propose()
	case p < 975:
		n.snapshot()
	case p < 990:
		s.cut = s.rnd.Intn(len(s.nodes)+2) - 1
		if s.cut >= len(s.nodes) {
			s.cut = -1
		}
	case p < 999:
		n.crash()
	default:
		s.loseDisk()
	}
	n.collect()
}

func (n *simNode) propose() {
	s := n.s
	list := n.waiting
	n.waiting = nil
	for range 1 + s.rnd.Intn(3) {
		s.proposed++
		id := RequestID{Origin: n.id, Number: uint64(s.proposed)}
		list = append(list, NewProposal(id, fmt.Appendf(nil, "p%d", s.proposed)))
	}
	n.handIn(list)
}

func (n *simNode) handIn(list []Proposal) {
	err := n.core.Propose(list)
	if errors.Is(err, ErrDropped) {
		n.s.drop(requestIDs(list))
	}
	n.check(err)
}

// drop notes what is in no log and was given up.
func (s *sim) drop(ids []RequestID) {
	for _, id := range ids {
		s.dropped[id] = true
	}
}

// check fails on anything but a refusal.
func (n *simNode) check(err error) {
	if err != nil && errors.Is(err, ErrFailed) {
		n.s.t.Fatalf("node %s: %v", n.id, err)
	}
	n.collect()
}

// collect takes the output.
func (n *simNode) collect() {
	s := n.s
	n.marks()
	out := n.core.Output()
	n.appends = append(n.appends, out.Appends...)
	for _, a := range out.Applies {
		w := simApply{Apply: a}
		if s.rnd.Intn(3) == 0 { // the queue names it only
			w = simApply{Apply: Apply{First: a.First, Last: a.Last, Before: a.Before}, inLog: true, was: &a}
		}
		n.applies = append(n.applies, w)
	}
	for _, m := range out.Messages {
		s.wire = append(s.wire, simMessage{from: n.id, to: member.ID(m.To), payload: m.Payload, batch: m.Class == pluginv1.MessageClass_CLASS_PROPOSAL})
	}
	for _, m := range out.Snapshots {
		if n.disk.snapshot == nil || n.disk.snapshot.meta.Index != m.Index {
			n.check(n.core.SnapshotStatus(m.To, false))
			continue
		}
		s.wire = append(s.wire, simMessage{from: n.id, to: m.To, payload: m.Message, snapshot: n.disk.snapshot})
	}
	n.wanted = n.wanted || out.SnapshotWanted
	for _, f := range out.Fetches {
		var entries []storage.Entry
		if f.Lo >= n.disk.first {
			entries = n.disk.entries[f.Lo-n.disk.first : f.Hi-n.disk.first]
		}
		n.core.Fetched(slices.Clone(entries))
	}
	for _, r := range out.Rejected {
		s.drop(r.IDs)
	}
	n.waiting = append(n.waiting, out.Returned...)
	n.lean()
	n.answered(out.Reads)
	for _, id := range out.Refused {
		s.refused[id] = true
	}
	if out.StateChanged {
		st := n.core.raft.BasicStatus()
		if roleName(st) == "leader" {
			at := place{n.number(), st.GetTerm()}
			if other, ok := s.leaders[at]; ok && other != n.id && at.number != 0 {
				s.t.Fatalf("two leaders in term %d: %s and %s", st.GetTerm(), other, n.id)
			}
			s.leaders[at] = n.id
		}
		s.note(n.id, st.GetTerm(), st.Lead)
	}
}

// deliver takes a random message off the wire; some are lost.
func (s *sim) deliver() {
	if len(s.wire) == 0 {
		return
	}
	i := s.rnd.Intn(min(len(s.wire), 8)) // mostly in order
	m := s.wire[i]
	again := 40
	if m.batch {
		again = 5
	}
	if m.snapshot != nil || s.rnd.Intn(again) > 0 { // else it comes again
		s.wire = slices.Delete(s.wire, i, i+1)
	}
	from, to := s.nodes[m.from-1], s.nodes[m.to-1]
	lost := s.rnd.Intn(20) == 0 || s.cut == int(m.from-1) || s.cut == int(m.to-1) || !s.meet(from, to)
	if m.snapshot != nil {
		ok := !lost && to.receive(m)
		from.check(from.core.SnapshotStatus(m.to, ok))
		return
	}
	if lost && m.batch && s.rnd.Intn(2) == 0 {
		return // swallowed
	}
	if lost {
		from.check(from.core.Unreachable(m.to))
		return
	}
	msg, g, err := decodeAll(m.payload, to.core.limits)
	if err != nil {
		s.t.Fatalf("a message of %s does not decode: %v", m.from, err)
	}
	if g.run != from.core.doubling.own {
		g.run = 0 // connections of a process that has ended hold little
	}
	if gossips(msg.GetType()) || saysClock(msg.GetType()) {
		to.core.hear(heard{msg, s.lie(msg, g)})
	}
	err = to.core.stepAny(msg, g)
	if !s.lied && errors.Is(err, ErrInvalidMessage) && to.core.accused() == nil || errors.Is(err, ErrLostData) && !to.lostData {
		s.t.Fatalf("a message of %s was refused by %s: %v", m.from, m.to, err)
	}
	to.check(nil)
}

// receive spools a snapshot and offers it to raft.
func (n *simNode) receive(m simMessage) bool {
	msg, err := decode(m.payload, n.core.limits)
	if err != nil {
		n.s.t.Fatal(err)
	}
	n.disk.received[m.snapshot.meta.Index] = m.snapshot
	err = n.core.SnapshotReceived(msg, m.snapshot.registry, m.snapshot.time)
	n.check(err)
	return err == nil
}

// finishApply gives the oldest run to the state machine.
func (n *simNode) finishApply() {
	if len(n.applies) == 0 || n.condition.Has(MachineDown) || n.slowApply.waits(n.s.rnd) {
		return
	}
	a := n.applies[0]
	n.applies = n.applies[1:]
	if snap := a.restore; snap != nil {
		if snap.meta.Index > n.index {
			n.applied, n.index, n.taken, n.term = slices.Clone(snap.applied), snap.meta.Index, snap.registry, snap.meta.Term
			n.time = snap.time
		}
		n.core.Applied(n.index)
		return
	}
	if a.inLog && !n.reread(&a) {
		return
	}
	if a.First > n.index+1 {
		n.s.t.Fatalf("node %s is given [%d,%d] after %d", n.id, a.First, a.Last, n.index)
	}
	for _, c := range a.Commands {
		if n.s.dropped[c.ID] {
			n.s.t.Fatalf("node %s applies %q, which was dropped by the word of a member", n.id, c.Data)
		}
		at := place{a.Registry.Number(), c.Index}
		if old, ok := n.s.log[at]; ok && old != string(c.Data) {
			n.s.t.Fatalf("node %s applies %q at %d, another applied %q", n.id, c.Data, c.Index, old)
		}
		n.s.log[at] = string(c.Data)
		n.passTime(at, c)
		if first, ok := n.s.at[string(c.Data)]; ok && first.number == at.number && first != at {
			n.s.t.Fatalf("%q is in the log at %d and at %d", c.Data, first.at, c.Index)
		}
		n.s.at[string(c.Data)] = at
		if c.Index > n.index {
			n.applied = append(n.applied, string(c.Data))
		}
		if c.ID.Origin == n.id {
			n.s.acked[string(c.Data)] = true
			n.s.ackedIndex = max(n.s.ackedIndex, c.Index)
		}
	}
	n.s.applied(a.Apply)
	n.index, n.taken, n.term = max(n.index, a.Last), a.Registry, a.Term
	n.core.Applied(n.index)
	n.s.note(n.id, a.Last)
}

// settle ends the faults and expects all nodes to agree.
func (s *sim) settle() {
	s.cut, s.honest = -1, true
	for _, n := range s.nodes {
		n.slowApply, n.slowDisk = slowness{}, slowness{}
	}
	s.fitLeads()
	s.until("all to agree", s.agreed)
}

// work does what waits at a node: some appends, an apply, a snapshot.
func (n *simNode) work() {
	n.finishAppend(3)
	n.finishApply()
	if len(n.waiting) > 0 && n.core.Room() > 0 {
		list := n.waiting
		n.waiting = nil
		n.handIn(list)
	}
	if n.wanted {
		n.wanted = false
		n.snapshot()
	}
}

// until goes on without new faults until the condition holds. A word that a member
// lost data may stop elections for accusedElections, if a disk is stalled as well.
func (s *sim) until(what string, condition func() bool) {
	for range (40 + accusedElections) * 10 {
		for _, n := range s.nodes {
			n.tick()
			n.handOver()
		}
		for range 80 {
			s.deliver()
			for _, n := range s.nodes {
				n.work()
			}
		}
		if condition() {
			return
		}
	}
	for _, n := range s.nodes {
		st := n.core.raft.BasicStatus()
		s.t.Logf("node %s: %s in term %d, vote %d, commit %d, log to %d, unfit for %q, barred %t, applied %d, %d entries",
			n.id, roleName(st), st.GetTerm(), st.GetVote(), st.GetCommit(), n.core.lastIndex(), n.condition, n.core.isBarred(), n.index, len(n.applied))
	}
	s.t.Fatalf("the faults have ended, and this waits in vain for %s", what)
}

// idle tells whether nothing of its own, or of others, takes up room at a node: each
// proposal has given its back, once.
func (n *simNode) idle() bool {
	w, t := &n.core.window, &n.core.takings
	for _, taking := range t.of {
		if n.core.leads() && taking.load != (load{}) {
			return false
		}
	}
	return w.opened() == 0 && w.bytes == 0 && len(n.waiting) == 0 && (!n.core.leads() || t.all == load{})
}

// agreed tells whether all members have applied the same, with every
// acknowledged proposal once.
func (s *sim) agreed() bool {
	want := s.furthest()
	for _, n := range s.nodes {
		if _, in := want.core.Registry().Member(n.id); !in || n.lostData {
			continue // removed, never added, or refused by all others
		}
		if n.index != want.index || !slices.Equal(n.applied, want.applied) {
			return false
		}
	}
	for _, n := range s.nodes {
		if _, in := want.core.Registry().Member(n.id); in && !n.lostData && !n.idle() {
			return false
		}
	}
	seen := map[string]int{}
	for _, text := range want.applied {
		seen[text]++
	}
	for text := range s.acked {
		switch seen[text] {
		case 0:
			return false // it must come, before the time is up
		case 1:
		default:
			s.t.Fatalf("acknowledged %s is applied %d times", text, seen[text])
		}
	}
	return true
}
