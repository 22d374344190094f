package connections

import (
	"net"
	"slices"
	"time"
)

// crowdedAgain is how long the log has no second line that callers gave way.
const crowdedAgain = time.Minute

// admit gives a caller a place. If all are taken, another caller gives way: one that the
// host does not know as a member, or that has not shown that it is one, of the address that
// has most of these, the one that has been there for longest. Members keep their places. It
// is false if there is none for the caller.
func (n *node) admit(l *link) bool {
	n.mu.Lock()
	var victim *link
	if len(n.callers) >= mostCallers {
		if victim = n.crowded(); victim == nil {
			n.mu.Unlock()
			n.sayCrowded(l)
			return false
		}
		n.callers = slices.DeleteFunc(n.callers, func(other *link) bool { return other == victim })
	}
	n.callers = append(n.callers, l)
	n.mu.Unlock()
	if victim != nil {
		_ = victim.conn.Close()
		n.sayCrowded(victim)
	}
	return true
}

// dismiss takes the place back.
func (n *node) dismiss(l *link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.callers = slices.DeleteFunc(n.callers, func(other *link) bool { return other == l })
}

// crowded is the caller that gives way; nil if none does. It needs n.mu.
func (n *node) crowded() (victim *link) {
	strange := map[string]int{}
	for _, l := range n.callers {
		if n.strange(l) {
			strange[l.host]++
		}
	}
	for _, l := range n.callers { // the oldest first
		if n.strange(l) && (victim == nil || strange[l.host] > strange[victim.host]) {
			victim = l
		}
	}
	return victim
}

// strange tells whether a caller may give way: it has said no hello that fits, is of no
// member, or is to bring a snapshot and has not got a place for it. It needs n.mu.
func (n *node) strange(l *link) bool {
	return !n.links[l] || n.peers[l.peer] == nil || l.lane == laneSnapshot && !l.arriving
}

func (n *node) sayCrowded(l *link) {
	if times, due := n.gaveWay.Note(time.Now(), crowdedAgain); due {
		n.logger.Warn("too many connections of others: those that are of no member give way", "most", mostCallers, "address", l.conn.RemoteAddr().String(), "times", times)
	}
}

// hostOf is what callers of one machine have in common.
func hostOf(a net.Addr) string {
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}
