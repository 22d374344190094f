package node

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"testing"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node/nodetest"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

var liesEvery = flag.Int("lies.every", 5, "of all cases of TestNoMessageStopsACluster, every so many")

// lieTicks is within how many ticks after a lie a new write must be applied on
// all members: elections take ten.
const lieTicks = 150

// A live cluster of three takes one message that no member would send, with each
// field of each message type at its extremes, in the name of each member and of
// strangers, at the leader and at a follower, while it rests, works, elects, and
// while a follower is behind. After it a new write is applied on all members
// soon, no acknowledged one is lost, and no member ends or counts as one that
// lost its data.
func TestNoMessageStopsACluster(t *testing.T) {
	for name, phase := range liePhases() {
		t.Run(name, func(t *testing.T) {
			c := &liedTo{sim: newSim(t, 1), phase: phase}
			defer func() { t.Logf("%d lies, %d ticks until the worst was got over", c.count / *liesEvery, c.longest) }()
			for _, kind := range nodetest.Types() {
				c.sim = newSim(t, uint64(kind))
				c.begin()
				for field, values := range lieFields() {
					if !nodetest.InPlace(field, kind) {
						continue
					}
					t.Run(fmt.Sprintf("%s %s", kind, field), func(t *testing.T) {
						c.t = t
						for _, from := range []string{"leader", "other"} {
							for _, to := range []string{"leader", "follower"} {
								for i := range values {
									c.lie(kind, from, to, field, i)
								}
							}
						}
					})
				}
			}
		})
	}
}

// liedTo is a cluster that is lied to, again and again.
type liedTo struct {
	*sim
	phase   func(*liedTo)
	count   int // of lies
	longest int // ticks until a lie was got over
}

// lieBase is a message that its receiver would take from the one who is named as
// its sender.
func (c *liedTo) lieBase(kind pb.MessageType, from, to member.ID) *pluginv1.Message {
	n := c.nodes[to-1]
	last := n.core.lastIndex()
	at, _ := n.core.log.Term(min(last, n.core.log.last))
	m := &pluginv1.Message{Type: uint32(kind), From: uint64(from), To: uint64(to), Term: n.core.term}
	switch kind {
	case pb.MsgApp, pb.MsgAppResp:
		m.Index, m.LogTerm, m.Commit = min(last, n.core.log.last), at, n.core.raft.BasicStatus().GetCommit()
	case pb.MsgVote, pb.MsgPreVote:
		m.Index, m.LogTerm, m.Term = min(last, n.core.log.last), at, n.core.term+1
	case pb.MsgHeartbeat:
		m.Commit = n.core.raft.BasicStatus().GetCommit()
	case pb.MsgReadIndex:
		m.Term, m.Entries = 0, []pluginv1.Entry{{Data: make([]byte, readContextSize)}}
	case pb.MsgReadIndexResp:
		m.Index, m.Entries = last, []pluginv1.Entry{{Data: make([]byte, readContextSize)}}
	case pb.MsgProp:
		c.proposed++
		m.Term = 0
		m.Batch, m.OldestBatch, m.BatchTerm, m.Incarnation = uint64(c.proposed), uint64(c.proposed), n.core.term, 1
		m.Entries = []pluginv1.Entry{{Data: plainCommand(RequestID{Origin: from, Number: uint64(c.proposed)}, fmt.Append(nil, "p", c.proposed))}}
	case pb.MsgSnap:
		m.Snapshot.Metadata = storage.SnapshotMetadata{
			Index: last + 1, Term: m.Term, ConfState: storage.ConfState{Voters: []uint64{1, 2, 3}, Learners: []uint64{nodetest.Learner}},
		}
	}
	return m
}

// lieFields are the lies about each field, at the bounds of this package.
func lieFields() map[string][]nodetest.Lie {
	return nodetest.Fields(nodetest.Bounds{MaxTerm: maxTerm, TermSlack: termSlack, MaxTermJump: maxTermJump, ReadContext: readContextSize})
}

// liePhases bring the cluster to the moment of the lie.
func liePhases() map[string]func(*liedTo) {
	return map[string]func(*liedTo){
		"at rest": func(*liedTo) {},
		"at work": func(c *liedTo) {
			for range 3 {
				c.write()
				for range 4 {
					c.deliver()
				}
			}
		},
		"in an election": func(c *liedTo) {
			leader := c.leader()
			for range 40 {
				for _, n := range c.nodes[:3] {
					if n.id != leader {
						n.check(n.core.Tick())
					}
				}
				for range 3 {
					c.deliver()
				}
				for _, n := range c.nodes[:3] {
					if s := roleName(n.core.raft.BasicStatus()); s == "candidate" || s == "pre_candidate" {
						return
					}
				}
			}
		},
		"with a follower behind": func(c *liedTo) {
			c.cut = int(c.follower(1)) - 1
			for range 3 {
				c.write()
				c.round()
			}
			c.cut = -1
		},
	}
}

// begin founds the cluster: three voters, a learner, and one that was removed.
func (c *liedTo) begin() {
	var members []member.Member
	for i := range 3 {
		members = append(members, member.Member{ID: member.ID(i + 1), Name: fmt.Sprint(i), PeerURLs: []string{fmt.Sprint("http://", i)}})
	}
	for id := member.ID(1); id <= 5; id++ {
		if int(id) <= len(members) {
			c.add(id, members)
		} else {
			c.add(id, nil)
		}
	}
	c.until("the founding", func() bool { return c.leader() != 0 && c.nodes[c.leader()-1].number() != 0 })
	c.changeTo(member.Change{Op: member.Add, Member: member.Member{ID: nodetest.Learner, Name: "d", PeerURLs: []string{"http://d:1"}, Learner: true}})
	c.changeTo(member.Change{Op: member.Add, Member: member.Member{ID: nodetest.Removed, Name: "e", PeerURLs: []string{"http://e:1"}, Learner: true}})
	c.changeTo(member.Change{Op: member.Remove, Member: member.Member{ID: nodetest.Removed}})
	c.nodes = c.nodes[:4]
	c.lied = true
	c.recovers("the founding")
}

func (c *liedTo) changeTo(change member.Change) {
	c.until(fmt.Sprint("change of ", change.Member.ID), func() bool {
		n := c.nodes[c.leader()-1]
		_, in := n.registry().Member(change.Member.ID)
		if in != (change.Op == member.Add) {
			c.numbers++
			_ = n.core.ProposeChange(RequestID{Origin: n.id, Number: c.numbers}, change, nil)
			n.collect()
			return false
		}
		return true
	})
}

// leader is the leader of the latest term; 0 if there is none.
func (c *liedTo) leader() (id member.ID) {
	var term uint64
	for _, n := range c.nodes {
		if n.core.leads() && n.core.term > term {
			id, term = n.id, n.core.term
		}
	}
	return id
}

// follower is the first or second voter that does not lead.
func (c *liedTo) follower(which int) member.ID {
	leader := c.leader()
	for _, n := range c.nodes[:3] {
		if n.id != leader {
			if which == 0 {
				return n.id
			}
			which--
		}
	}
	return 0
}

// write proposes on the leader, if there is one, and tells what.
func (c *liedTo) write() string {
	id := c.leader()
	if id == 0 {
		return ""
	}
	n := c.nodes[id-1]
	c.proposed++
	text := fmt.Sprintf("p%d", c.proposed)
	err := n.core.Propose([]Proposal{NewProposal(RequestID{Origin: n.id, Number: uint64(c.proposed)}, []byte(text))})
	n.check(err)
	if err != nil {
		return ""
	}
	return text
}

// deliver takes a message off the wire that is for a member, and of one.
func (c *liedTo) deliver() {
	isMember := func(id member.ID) bool { return id > 0 && id <= member.ID(len(c.nodes)) }
	c.wire = slices.DeleteFunc(c.wire, func(m simMessage) bool { return !isMember(m.to) || !isMember(m.from) })
	c.sim.deliver()
}

// round is one tick of all nodes, and what follows from it.
func (c *liedTo) round() {
	for _, n := range c.nodes {
		n.check(n.core.Tick())
	}
	for range 40 {
		c.deliver()
		for _, n := range c.nodes {
			n.work()
		}
		if len(c.wire) == 0 {
			return
		}
	}
}

// recovers waits until what is written after the lie is applied everywhere, and
// all that was acknowledged is.
func (c *liedTo) recovers(what string) {
	written := ""
	for tick := range lieTicks {
		if written == "" || tick%20 == 19 {
			written = c.write()
		}
		c.round()
		done := written != ""
		for _, n := range c.nodes {
			done = done && len(n.applied) > 0 && n.applied[len(n.applied)-1] == written && n.core.lost == nil && !n.core.isBarred()
		}
		if done && c.agreed() {
			c.longest = max(c.longest, tick)
			return
		}
	}
	for _, n := range c.nodes {
		st := n.core.raft.BasicStatus()
		c.t.Logf("node %s: %s in term %d, leader %d, commit %d, log to %d, barred %t, lost %v, applied %d",
			n.id, roleName(st), st.GetTerm(), st.Lead, st.GetCommit(), n.core.lastIndex(), n.core.isBarred(), n.core.lost, n.index)
	}
	c.t.Errorf("no new write within %d ticks after %s", lieTicks, what)
	t := c.t
	c.sim = newSim(t, 1)
	c.begin()
}

// lie sends one message in the name of a member or a stranger.
func (c *liedTo) lie(kind pb.MessageType, from, to, field string, value int) {
	if c.count++; c.count%*liesEvery != 0 {
		return
	}
	set := lieFields()[field][value]
	for _, n := range c.nodes { // what earlier ones have said is forgotten
		clear(n.core.farTerms.shown)
		clear(n.core.doubling.of)
		clear(n.core.denials)
	}
	c.phase(c)
	ids := map[string]member.ID{
		"leader": c.leader(), "follower": c.follower(0), "other": c.follower(1),
	}
	if ids[to] == 0 {
		ids[to] = 1
	}
	if ids[from] == 0 || ids[from] == ids[to] {
		ids[from] = ids[to]%3 + 1
	}
	m := c.lieBase(kind, ids[from], ids[to])
	set(m)
	payload, err := m.Marshal()
	if err != nil {
		c.t.Fatal(err)
	}
	n := c.nodes[ids[to]-1]
	if c.forges(n, m) {
		c.recovers("what nobody sends")
		return
	}
	what := fmt.Sprintf("%s of the %s to the %s, %s %d: %+v", kind, from, to, field, value, m)
	msg, g, err := decodeAll(payload, n.core.limits)
	if err == nil {
		if gossips(msg.GetType()) {
			n.core.hear(heard{msg, g})
		}
		err = c.take(n, msg, m)
	}
	if errors.Is(err, ErrFailed) {
		c.t.Errorf("%v after %s", err, what)
	}
	n.collect()
	c.recovers(what)
}

// forges tells whether a message is what only its sender may say and no receiver
// can check: entries that follow the receiver's log, or a state in their place,
// of a leader; or a vote that its voter has not given (docs/security.md).
func (c *liedTo) forges(n *simNode, m *pluginv1.Message) bool {
	if validate(m, n.core.limits) != nil {
		return false
	}
	switch pb.MessageType(m.Type) {
	case pb.MsgApp:
		return len(m.Entries) > 0
	case pb.MsgSnap:
		return reignOf{m.From, m.Term} == n.core.ledBy
	case pb.MsgVoteResp:
		st := n.core.raft.BasicStatus()
		return !m.Reject && st.RaftState == raft.StateCandidate && m.Term == st.GetTerm() && !c.gaveVote(m.From, n)
	default:
		return false
	}
}

// gaveVote tells whether a voter has given a candidate its vote. One that has not may
// still vote for another one, or acknowledge what a leader of an earlier term writes.
func (c *liedTo) gaveVote(voter uint64, candidate *simNode) bool {
	for _, n := range c.nodes[:3] {
		if uint64(n.id) == voter {
			return n.core.saved.Term == candidate.core.term && n.core.saved.Vote == uint64(candidate.id)
		}
	}
	return true // it is not a voter's, and does not count
}

// take steps a message, or offers the snapshot that it announces.
func (c *liedTo) take(n *simNode, msg *pb.Message, m *pluginv1.Message) error {
	if msg.GetType() != pb.MsgSnap {
		return n.core.stepAny(msg, headerOf(m))
	}
	meta := m.Snapshot.Metadata
	registry := n.registry()
	if matches(registry, meta.ConfState) != nil {
		registry = &member.Registry{}
		for i, id := range slices.Concat(meta.ConfState.Voters, meta.ConfState.Learners) {
			v := voter(member.ID(id))
			v.Learner = i >= len(meta.ConfState.Voters)
			if next, err := registry.Apply(member.Change{Op: member.Add, Member: v}, uint64(i+1), 1); err == nil {
				registry = next
			}
		}
	}
	n.disk.received[meta.Index] = &simSnapshot{meta: meta, registry: registry}
	return n.core.SnapshotReceived(msg, registry, 0)
}
