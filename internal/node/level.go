package node

import (
	"errors"
	"fmt"

	pb "go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins"
)

// raiseVersion begins the data of an entry that raises the feature level of the
// cluster (docs/formats/entry.md). A JSON member.Raise follows. Builds before levels
// take no such entry, so none of them goes on in silence.
const raiseVersion = 0xF2

// maxRaise bounds the data of a raise that is read.
const maxRaise = 4 << 10

// ErrOlder: a learner understands less than the cluster's feature level, so it
// cannot become a voter. ProposeChange returns it for a promotion.
var ErrOlder = errors.New("the member runs a build that is older than the cluster's feature level")

// isRaise tells whether an entry raises the level.
func isRaise(data []byte) bool { return len(data) > 0 && data[0] == raiseVersion }

// levels is what a node knows of what the others understand. Announcements are in
// no log: one says what a process understands that runs now, and a build before
// levels could not read it there.
type levels struct {
	announced map[member.ID]announcement
	// written is the index of the last raise that this node proposed in this term, switched
	// that of the last switch of the command version.
	written, switched uint64
	held              LevelHeld
}

// announcement is the level that one process of a member said it understands, and what
// its state machine applies.
type announcement struct {
	level    uint64
	commands plugins.Versions
	hash     StateHash
	run      uint64 // see doubling
	at       uint64 // tick
}

// hearLevel takes what a member says of itself. A number is compared with others and
// nothing else, so a false one can delay a raise and cannot cause one beyond what
// this node understands. A leader takes answers to itself alone, as in note, and what
// another process of the member said is forgotten with the first sign of this one: it
// may be of an older build.
func (c *Core) hearLevel(from member.ID, h heard) {
	l, m := &c.levels, h.message
	if l.announced[from].run != h.gossip.run {
		delete(l.announced, from)
	}
	if !c.leads() || m.GetType() != pb.MsgHeartbeatResp || m.GetTerm() != c.term {
		return
	}
	if l.announced == nil {
		l.announced = map[member.ID]announcement{}
	}
	c.hashes.started(l.announced[from].hash, h.gossip.hash)
	l.announced[from] = announcement{level: h.gossip.level, commands: h.gossip.commands, hash: h.gossip.hash, run: h.gossip.run, at: c.hearing.ticks}
}

// levelOf is the level that another member has announced within an election timeout;
// false if it has announced none.
func (c *Core) levelOf(id member.ID) (level uint64, ok bool) {
	a, ok := c.levels.announced[id]
	if !ok || !c.isWithin(1, a.at) || c.doubled(id) {
		return 0, false
	}
	return a.level, true
}

// raiseLevel proposes the next level, if this node leads, understands it, and has
// heard within an election timeout that every other member does.
func (c *Core) raiseLevel() {
	next := c.registry.Level() + 1
	if !c.levels.ready(c, next) || c.levels.written > c.putOut || !c.speaksForAll() {
		return
	}
	data := fmt.Appendf([]byte{raiseVersion}, `{"level":%d}`, next)
	if index := c.writeOwn(data); index > 0 {
		c.levels.written = index
	}
	c.collect()
}

// speaksForAll tells whether this leader's membership is that of the cluster, so that it
// may write what every member has to understand. A change under way may bring a member that
// was not asked.
func (c *Core) speaksForAll() bool {
	return c.reigns() && c.founded() && c.changePending.index == 0 && !c.changeUnapplied()
}

func decodeRaise(data []byte) (r member.Raise, err error) {
	if err := decodeOwn(data, maxRaise, "raise of the level", &r); err != nil {
		return r, err
	}
	if r.Level == 0 {
		return r, errors.New("raise of the level to 0")
	}
	return r, nil
}

// checkUnderstood has a voter refuse what would end it. Nothing newer is written before
// every member has said that it understands it, so it is a lie, or this voter was put
// back to an older build in that moment. Either way the others do not commit it without
// a majority of such voters; taken, it would end all of them at every start.
func (c *Core) checkUnderstood(m *pb.Message) error {
	if !c.isVoter(uint64(c.cfg.ID)) {
		return nil
	}
	for _, e := range m.GetEntries() {
		if err := c.newerThanThis(e); err != nil {
			return invalid("entry %d: %v", e.GetIndex(), err)
		}
	}
	return nil
}

// newerThanThis tells why this build does not understand an entry, or nil.
func (c *Core) newerThanThis(e *pb.Entry) error {
	var err error
	switch {
	case e.GetType() == pb.EntryConfChange:
		_, _, err = decodeChange(e.GetData())
	case isOwn(e.GetData()):
		var r *member.Registry
		if r, err = applyOwn(&member.Registry{}, e.GetData()); err == nil {
			return errors.Join(r.CheckLevel(c.cfg.Level), c.checkCommandVersion(r.CommandVersion()))
		}
	case len(e.GetData()) > 0:
		_, _, err = decodeCommand(e.GetData())
	}
	if errors.Is(err, member.ErrNewer) {
		return err
	}
	return nil
}

// newer is why a node ends that does not understand what is committed. Raft is as
// sound as before, so the sentence does not say that it failed.
type newer struct {
	index uint64
	err   error
}

func (n *newer) Error() string   { return fmt.Sprintf("entry %d: %v", n.index, n.err) }
func (n *newer) Unwrap() []error { return []error{ErrFailed, n.err} }

// understands ends this node at an entry that it cannot apply as the others do.
// Nothing comes out of the node after that.
func (c *Core) understands(index uint64, err error) bool {
	if err == nil {
		err = c.registry.CheckLevel(c.cfg.Level)
	}
	if err == nil {
		return true
	}
	if c.failed == nil {
		c.failed = &newer{index, err}
	}
	return false
}
