package node

import "github.com/pontoon-raft/pontoon/internal/member"

// toldElections is for how many election timeouts a member goes by a voter's
// word that it is doubled. While that holds, the voter says so with each message.
const toldElections = 10

// doubleWord is what a voter says of this member: whether it sees two processes
// that serve it. A single word counts for nothing. It must be said again an
// election timeout later, and the voter's next message may take it back. But one
// that has just started has seen nothing yet, so it takes back nothing that an
// earlier process has said twice.
type doubleWord struct {
	says        bool
	run         uint64 // of the process that says so
	since, last uint64 // the ticks of its first word and of its last
	denies      bool
	denied      uint64 // the tick at which it last said otherwise
}

// hearDoubled takes a voter's word.
func (c *Core) hearDoubled(from member.ID, g gossip) {
	d, now := &c.doubling, c.hearing.ticks
	if d.words == nil {
		d.words = map[member.ID]doubleWord{}
	}
	w := d.words[from]
	switch {
	case g.doubled:
		if !w.says || w.run != g.run || !c.isWithin(toldElections, w.last) {
			w.says, w.run, w.since = true, g.run, now
		}
		w.last = now
	default:
		w.denies, w.denied = true, now
		w.says = w.says && w.run != g.run && c.saysDoubled(w)
	}
	d.words[from] = w
	if g.doubled || d.told {
		c.judgeDoubled()
	}
}

// saysDoubled tells whether a voter's word counts.
func (c *Core) saysDoubled(w doubleWord) bool {
	return w.says && w.last-w.since >= uint64(c.cfg.ElectionTicks) && c.isWithin(toldElections, w.last)
}

// judgeDoubled decides whether this member goes by the words of the voters that
// it is doubled: those that say so must be no fewer than those that spoke
// within the last election timeout and said otherwise.
func (c *Core) judgeDoubled() {
	say, deny := 0, 0
	for id, w := range c.doubling.words {
		switch {
		case !c.isVoter(uint64(id)):
		case c.saysDoubled(w):
			say++
		case w.denies && c.isWithin(1, w.denied):
			deny++
		}
	}
	c.doubling.told = say > 0 && say >= deny
}
