//go:build linux

package hostile

import (
	"fmt"
	"net/http"
	"time"

	pb "go.etcd.io/raft/v3/raftpb"
)

// drip is the time between two bytes.
const drip = 100 * time.Millisecond

// slowly opens so many connections and sends a byte on each now and then, after
// what each begins with.
func (a *assault) slowly(address string, connections int, begin string) {
	a.times(connections, func(i int) {
		for !a.over() {
			c := a.dial(address)
			if c != nil {
				_, err := fmt.Fprint(c, begin)
				for err == nil {
					a.wait(drip)
					_, err = c.Write([]byte("x"))
				}
				c.Close()
			}
			a.wait(drip)
		}
	})
}

// mostAdmin is how many descriptors the administration port may cost a member: plugins
// that die need some to start again.
const mostAdmin = 128

// slowAdmin keeps connections to the administration port of the leader.
func slowAdmin(a *assault) {
	a.slowly(a.leader.admin, of(1600), "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
	before, most := a.judge.before[a.leader].descriptors, 0
	for !a.over() {
		most = max(most, a.leader.descriptors())
		a.wait(drip)
	}
	if most > before+mostAdmin {
		a.Errorf("the leader had %d descriptors, %d before", most, before)
	}
}

// slowBodies sends the leader requests whose bodies never come to their end.
func slowBodies(a *assault) {
	a.slowly(a.leader.client, of(800), "POST /v1/propose HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{")
}

// slowSnapshots sends the other members snapshots in the name of one, a byte now and
// then. A snapshot of the leader is heard meanwhile: it is refused for what is in it,
// and not for want of a place.
func slowSnapshots(a *assault) {
	liar := a.others(a.leader)[0]
	for _, to := range a.others(liar) {
		a.slowly(to.peer, of(200), a.requestOf(liar, to, "POST", "/raft/snapshot")+"Content-Length: 100000000\r\n\r\n")
	}
	to := a.others(a.leader)[1]
	for heard := 0; !a.over(); heard++ {
		m := a.trueMessage(pb.MsgSnap, a.leader, to)
		m.Snapshot.Metadata.Index = 1 // it is not wanted
		if code := a.tell(a.leader, to, m); code == http.StatusServiceUnavailable || code == 0 {
			a.Errorf("snapshot %d of the leader was answered with %d", heard, code)
			return
		}
	}
}

// largeWebHeaders sends requests of HTTP/1.1 whose headers are larger than is
// allowed, to all ports.
func largeWebHeaders(a *assault) {
	for _, address := range []string{a.leader.client, a.leader.admin, a.leader.peer} {
		a.times(attackers, func(int) {
			for !a.over() {
				c := a.dial(address)
				if c == nil {
					continue
				}
				_, err := fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: localhost\r\n")
				for err == nil {
					_, err = fmt.Fprintf(c, "X-Large: %01000d\r\n", 1)
				}
				c.Close()
			}
		})
	}
}

// scrapes asks the administration port of every member for what is dear to make.
func scrapes(a *assault) {
	for _, m := range a.members {
		for _, path := range []string{"/metrics", "/readyz?verbose", "/debug/pprof/goroutine?debug=2", "/debug/pprof/heap", "/debug/pprof/trace?seconds=60"} {
			a.times(4, func(int) {
				for !a.over() {
					get(m.admin, path)
				}
			})
		}
	}
}
