package transporttest

import (
	"time"

	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// A delayed message is on its way until it is due.
type delayed struct {
	message transport.Envelope
	due     time.Time
}

// Delay makes every message that is sent from now on take so long; 0 ends it.
// Messages on their way stay so, keep their order, and are lost if their link is
// cut.
func (n *Network) Delay(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.delay = d
}

// carry gives a message to its receiver, after the network's delay. It needs n.mu.
func (n *Network) carry(to *endpoint, m transport.Envelope) {
	way := direction{m.From, m.To}
	if n.delay == 0 && len(n.onTheWay[way]) == 0 {
		to.push(item{message: m})
		return
	}
	n.onTheWay[way] = append(n.onTheWay[way], delayed{m, time.Now().Add(n.delay)})
	time.AfterFunc(n.delay, func() { n.arrive(way) })
}

// arrive delivers what is due. A message that another one holds up comes with it.
func (n *Network) arrive(way direction) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	for q := n.onTheWay[way]; len(q) > 0 && !q[0].due.After(now); q = n.onTheWay[way] {
		n.onTheWay[way] = q[1:]
		if to := n.node(way.to); to != nil {
			to.push(item{message: q[0].message})
		} else {
			n.reportTo(way, "the receiver is closed")
		}
	}
}
