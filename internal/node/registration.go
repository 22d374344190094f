package node

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// registrationVersion begins the data of an entry that the host writes for
// itself, where a client's entry has plainVersion (docs/formats/entry.md). A
// JSON member.Registration follows.
const registrationVersion = 0xF1

// maxRegistration bounds a registration that is read. Those that are written are
// much smaller: see member.Registry.Unregistered.
const maxRegistration = 64 << 10

// maxStrangers bounds the stores that are known of others than members: those
// that are about to be added, and any other caller.
const maxStrangers = 256

func isRegistration(data []byte) bool { return len(data) > 0 && data[0] == registrationVersion }

func encodeRegistration(g member.Registration) ([]byte, error) {
	text, err := json.Marshal(g)
	if err != nil {
		return nil, fmt.Errorf("registration: %w", err)
	}
	return append([]byte{registrationVersion}, text...), nil
}

func decodeRegistration(data []byte) (g member.Registration, err error) {
	err = decodeOwn(data, maxRegistration, "registration", &g)
	return g, err
}

// RegistrationEntry makes the entry of a registration, for tools that write the
// log of a stopped node.
func RegistrationEntry(index, term uint64, g member.Registration) (storage.Entry, error) {
	data, err := encodeRegistration(g)
	return storage.Entry{Index: index, Term: term, Type: pluginv1.EntryType_ENTRY_NORMAL, Data: data}, err
}

// registrar is what a leader knows of stores, and what it has written of it.
type registrar struct {
	known map[member.ID]uint64
	// due is whether something may have to be registered: it is looked at when
	// a store became known, when the members changed, and with each tick.
	due bool
	// written is the index of the last registration that this node proposed. It
	// writes no other before it has seen what became of that one: applied, or
	// never to be, because another leader's entry stands there.
	written uint64
}

// Greeted tells which store a peer showed when a connection with it was made. Of
// a member the first one counts until the members say otherwise; of one that is
// not added yet, and has acknowledged nothing, the last one.
func (c *Core) Greeted(id member.ID, store uint64) error {
	return c.step(func() error {
		_, in := c.registry.Member(id)
		if known := c.registrar.known[id]; store != 0 && (known == 0 || !in) {
			if known == 0 && !in {
				c.forgetStranger()
			}
			c.registrar.known[id], c.registrar.due = store, true
		}
		c.collect()
		return nil
	})
}

// forgetStranger makes room for the store of another one, if too many are known
// of others than members.
func (c *Core) forgetStranger() {
	strangers, lowest := 0, member.ID(0)
	for id := range c.registrar.known {
		if _, in := c.registry.Member(id); !in {
			if strangers++; strangers == 1 || id < lowest {
				lowest = id
			}
		}
	}
	if strangers >= maxStrangers {
		delete(c.registrar.known, lowest)
	}
}

// founded tells whether the cluster has its number. Before that a leader takes
// no proposals: they would be acknowledged by stores that no log knows of.
func (c *Core) founded() bool { return c.registry.Number() != 0 }

// uncommittedTicks is the age of the oldest entry that waits to be committed; 0 if there
// is none. A number that the leader cannot draw is such an entry, as old as its term:
// nothing else is taken before it.
func (c *Core) uncommittedTicks() uint64 {
	age := c.watch.uncommitted()
	if c.leads() && !c.founded() && c.reign.term == c.term {
		age = max(age, c.hearing.ticks-c.reign.since)
	}
	return age
}

// register proposes what is not registered yet, if this node leads. It is
// called with all output collected, so that the registry is that of the last
// entry which came out.
func (c *Core) register() {
	r := &c.registrar
	if !r.due || !c.leads() {
		return
	}
	if !c.reigns() {
		return // the registry may lack what an earlier leader registered
	}
	if !c.founded() && !isMajority(c.registry.Voters(), c.elects) {
		return // those that may not vote found nothing either: see the next tick
	}
	r.due = false
	g, any := c.registry.Unregistered(r.known)
	if !any || r.written > c.putOut {
		return
	}
	if !c.founded() {
		g.Number = randomNumber()
	}
	data, err := encodeRegistration(g)
	if err != nil {
		return // numbers only: it cannot be
	}
	if index := c.writeOwn(data); index > 0 {
		r.written = index
	}
}

// randomNumber is never 0.
func randomNumber() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return max(binary.BigEndian.Uint64(b[:]), 1)
}
