package node

import (
	"errors"
	"maps"
	"slices"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
)

// Answers that batches were appended wait for the next tick, or for answersAtOnce of
// them: the entries tell as much when they come out.
const answersAtOnce = maxBatches / 4

// takings are the batches of others that this node took in the last term in which it
// led. They outlive its reign: the node can tell then which batches it never took.
type takings struct {
	term uint64
	of   map[member.ID]*sender
	// underWay are the batches that its state machine has not applied, in the
	// order of the log.
	underWay []takenBatch
	all      load
}

// load is a size of proposals of others: their number and their bytes.
type load struct {
	proposals int
	bytes     int64
}

func (l *load) add(n load, sign int) {
	l.proposals += sign * n.proposals
	l.bytes += int64(sign) * n.bytes
}

// sender is a member that forwards, with all its processes that have: one after the
// other, unless something else speaks in its name.
type sender struct {
	processes map[uint64]*taking // by their incarnations
	load      load
	// latest is the incarnation that is heard, last the tick of its last batch.
	latest, last uint64
}

// maxProcesses are those of a sender that are remembered. None is forgotten, because its
// batches might come again: of more processes nothing is taken in that term.
const maxProcesses = 256

// taking is the part of the takings that came from one process of a member.
type taking struct {
	sender      *sender
	incarnation uint64
	oldest      uint64 // without an answer, as the member says
	answers     map[uint64]takenAnswer
	unsaid      []batchAnswer
}

type takenAnswer struct {
	index   uint64
	refusal refusal
}

type takenBatch struct {
	of   *sender
	last uint64 // index
	load load
}

// heardFrom is the taking of a process of a member; nil if the process does not wait for
// this batch.
//
// A batch is in the log at most once, however often it arrives. Its sender numbers its
// batches, and says with each which is the oldest without an answer. The answers to all
// numbers from there on are remembered, so that a batch that comes again gets the answer
// of the first time. A number below is answered already, and one farther than maxBatches
// from it is not sent (spread), so what is remembered is bounded.
//
// Another incarnation of the sender numbers anew. While a later one is heard, what comes
// of an earlier one is late. But what was said once in a member's name must not silence
// the member: a later one that is silent for an election timeout gives way to the process
// that goes on.
func (c *Core) heardFrom(id member.ID, h batchHeader) *taking {
	s, now := c.takings.of[id], c.hearing.ticks
	if s == nil {
		s = &sender{processes: map[uint64]*taking{}}
		c.takings.of[id] = s
	}
	if h.incarnation < s.latest && c.isWithin(1, s.last) {
		return nil
	}
	of := s.processes[h.incarnation]
	if of == nil {
		if len(s.processes) >= maxProcesses {
			return nil
		}
		of = &taking{sender: s, incarnation: h.incarnation, oldest: h.oldest, answers: map[uint64]takenAnswer{}}
		s.processes[h.incarnation] = of
	}
	s.latest, s.last = h.incarnation, now
	if of.oldest < h.oldest {
		of.oldest = h.oldest
		maps.DeleteFunc(of.answers, func(number uint64, _ takenAnswer) bool { return number < of.oldest })
	}
	if h.number < of.oldest || h.number-of.oldest >= maxBatches {
		return nil
	}
	return of
}

// take takes a batch of a member, at most once, and answers it. It says nothing of a
// batch for another term than the last in which this process led: it cannot know what
// became of that.
func (c *Core) take(h heard) error {
	from, header := member.ID(h.message.GetFrom()), h.gossip.batch
	if _, known := c.registry.Member(from); !known || header.term != c.takings.term {
		return nil
	}
	t := c.heardFrom(from, header)
	if t == nil {
		return nil
	}
	a, again := t.answers[header.number]
	if !again {
		a.refusal = c.refusal(h, t)
		if a.refusal == appended {
			var err error
			if a.index, err = c.append(h.message, t); err != nil {
				return err
			}
		}
		if a.index == 0 && a.refusal == appended {
			a.refusal = busy
		}
		t.answers[header.number] = a
	}
	if a.refusal != appended && !again {
		c.refusedOthers += uint64(len(h.message.GetEntries()) + header.full)
	}
	if a.refusal != appended || again {
		c.answer(from, t, a.refusal, []batchAnswer{{header.number, a.index}})
		return nil
	}
	if t.unsaid = append(t.unsaid, batchAnswer{header.number, a.index}); len(t.unsaid) >= answersAtOnce {
		c.answerAppended(from, t)
	}
	return nil
}

// refusal is the reason for which a batch is not taken; appended if it may be taken.
func (c *Core) refusal(h heard, t *taking) refusal {
	switch n := loadOf(h.message); {
	case !c.leads() || c.term != c.takings.term:
		return notLeading
	case h.gossip.batch.full > 0, !c.takesProposals(), !c.fits(uint64(n.bytes)), c.raft.BasicStatus().LeadTransferee != raft.None:
		return busy
	case c.fitness.Condition.Has(Quarantined):
		return busy // it hands leadership over, if any member could answer
	case c.checkSpace() != nil:
		return noSpace
	case !c.admits(c.takings.all, n, 1) && !c.admits(t.sender.load, n, max(1, c.registry.Len()-1)):
		return tooMany
	}
	return appended
}

func loadOf(m *pb.Message) load { return load{len(m.GetEntries()), int64(payload(m.GetEntries()))} }

// admits tells whether n more fit into one of so many shares. A batch that is alone does.
func (c *Core) admits(have, n load, shares int) bool {
	return have == load{} || have.proposals+n.proposals <= c.cfg.MaxPending/shares && have.bytes+n.bytes <= c.cfg.MaxPendingBytes/int64(shares)
}

// append puts a batch into the log and returns the index of its first entry; 0 if
// raft did not take it.
func (c *Core) append(m *pb.Message, of *taking) (uint64, error) {
	before := c.lastIndex()
	switch err := c.handIn(m.GetFrom(), m.GetEntries()); {
	case errors.Is(err, ErrDropped):
		return 0, nil
	case err != nil:
		return 0, err
	}
	b := takenBatch{of.sender, c.lastIndex(), loadOf(m)}
	c.takings.underWay = append(c.takings.underWay, b)
	c.takings.all.add(b.load, 1)
	b.of.load.add(b.load, 1)
	return before + 1, nil
}

// applied gives back the room of batches that the state machine has.
func (t *takings) applied(index uint64) {
	for len(t.underWay) > 0 && t.underWay[0].last <= index {
		b := t.underWay[0]
		t.all.add(b.load, -1)
		b.of.load.add(b.load, -1)
		if t.underWay = t.underWay[1:]; len(t.underWay) == 0 {
			t.underWay = nil
		}
	}
}

// tickTakings answers the batches that were appended since the last tick.
func (c *Core) tickTakings() {
	for _, m := range c.registry.Members() {
		if s := c.takings.of[m.ID]; s != nil {
			c.tickSender(m.ID, s)
		}
	}
}

func (c *Core) tickSender(id member.ID, s *sender) {
	for _, incarnation := range slices.Sorted(maps.Keys(s.processes)) {
		c.answerAppended(id, s.processes[incarnation])
	}
}

func (c *Core) answerAppended(to member.ID, t *taking) {
	if len(t.unsaid) > 0 {
		c.answer(to, t, appended, t.unsaid)
		t.unsaid = t.unsaid[:0]
	}
}

func (c *Core) answer(to member.ID, t *taking, why refusal, list []batchAnswer) {
	header := batchHeader{term: c.takings.term, incarnation: t.incarnation, refusal: why}
	c.sendBatch(uint64(to), header, nil, encodeAnswers(list))
}
