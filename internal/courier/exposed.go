package courier

import (
	"fmt"

	"github.com/pontoon-raft/pontoon/internal/memberform"
)

// callersUnverified takes that every caller of a transport's members' port can
// speak for any member. It is said at every start, once: as a warning, unless only
// programs of this machine reach the port.
func (k *carrier) callersUnverified() {
	k.unverified.Store(true)
	if k.saidUnverified.Swap(true) {
		return
	}
	if memberform.IsLoopback(k.Listen) {
		k.courier.logger.Info("every program of this machine can speak for any member: members do not prove who they are, and the members' port is on loopback",
			"plugin", k.Slot.Status().Name, "listen", k.Listen)
		return
	}
	k.courier.logger.Warn(k.exposed())
}

// exposed says what a program from elsewhere can do that reaches the port; empty
// if that is nothing, or if none does.
func (k *carrier) exposed() string {
	if !k.unverified.Load() || memberform.IsLoopback(k.Listen) {
		return ""
	}
	return fmt.Sprintf("every program that reaches the members' port (%s, %s) can speak for any member, depose leaders and read everything: "+
		"members do not prove who they are. Set tls for the transport, or let nothing but members reach the port",
		k.Slot.Status().Name, k.Listen)
}

// Exposed lists, of each transport whose callers can speak for any member, what that
// means.
func (c *Courier) Exposed() (list []string) {
	for _, k := range c.carriers {
		if text := k.exposed(); text != "" {
			list = append(list, text)
		}
	}
	return list
}
