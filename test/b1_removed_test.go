//go:build linux

package e2e

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/test/internal/live"
)

const (
	// removedElection is long, so that a member which heard of its removal only
	// because of an election would be noticed.
	removedElection = 10 * time.Second
	// removedWithin is how long a removed member runs on after it could hear of
	// it, by promise.
	removedWithin = time.Second
)

// B1: a member that was away when it was removed stops as soon as it is back, and
// one that was there when its survivors have applied the removal: within a second
// at an election timeout of ten.
func TestB1RemovedMemberStopsAtOnce(t *testing.T) {
	t.Parallel()
	for _, away := range []bool{true, false} {
		t.Run(map[bool]string{true: "away", false: "there"}[away], func(t *testing.T) {
			c := startCluster(t, "raft.tick=100ms", "raft.election="+removedElection.String())
			victim := c.follower()
			processes := live.SessionOf(victim.host.PID())
			if away {
				signalAll(processes, syscall.SIGSTOP)
			}
			c.removes(victim)
			began := time.Now()
			signalAll(processes, syscall.SIGCONT)
			victim.endsRemoved(began)
			c.stop()
		})
	}
}

// B1: a member to which no stream leads any more, so that it can neither ask for
// one nor has anything to send, stops as soon as the others do.
func TestB1RemovedMemberWithoutStreamsStopsAtOnce(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	for _, n := range c.nodes {
		n.settings = []string{"raft.tick=100ms", "raft.election=" + removedElection.String()}
	}
	c.refuseStreams()
	c.start()
	victim := c.follower()
	c.removes(victim)
	victim.endsRemoved(time.Now())
	c.stop()
}

// B1: a member that was removed before it ever ran knows the others from its
// configuration only, as remotes. It stops as soon as it is connected.
func TestB1RemovedMemberHearsOfItFromARemote(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	n4 := c.fourth()
	c.add("--id", "4", "--name", "n4", "--peer-url", "http://"+n4.peer, "--client-address", n4.client)
	c.command("member", "remove", "4")
	n4.settings = []string{"raft.tick=100ms", "raft.election=" + removedElection.String()}
	n4.start()
	n4.await("to serve", func() bool { _, ok := n4.status(); return ok || strings.Contains(n4.host.Log(), removedText) })
	n4.endsRemoved(time.Now())
	c.stop()
}

const removedText = "this member was removed from the cluster"

// removes removes a member that may hang, and waits until the others have
// applied that. The cluster is without it then.
func (c *cluster) removes(victim *node) {
	c.t.Helper()
	id := strings.TrimPrefix(victim.name, "n")
	c.nodes = c.others(victim)
	c.command("member", "remove", id)
	now, ok := c.leader().status()
	if !ok {
		c.t.Fatal("no status")
	}
	for _, n := range c.nodes {
		n.await("to have applied the removal", func() bool {
			st, ok := n.status()
			return ok && st.GetApplied() >= now.GetApplied()
		})
	}
}

// endsRemoved waits for the end of a member that could hear of its removal since
// then.
func (n *node) endsRemoved(since time.Time) {
	n.t.Helper()
	code := n.host.ExitsWithin(n.t, removedElection/2)
	if took := time.Since(since); took > removedWithin && !live.RaceDetector {
		n.t.Errorf("it ended %v after it could hear of its removal, at most %v are allowed\n%s", took, removedWithin, n.host.LastLines(20))
	}
	if code != exitNotMember || !strings.Contains(n.host.Log(), removedText) {
		n.t.Errorf("it ended with exit code %d\n%s", code, n.host.LastLines(10))
	}
	n.leftNothing()
}

// refuseStreams puts something in front of each node that passes requests of
// members on, but no stream. All members know each other by these.
func (c *cluster) refuseStreams() {
	c.t.Helper()
	var addresses []string
	for _, n := range c.nodes {
		proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: n.peer})
		proxy.ErrorLog = log.New(io.Discard, "", 0)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/raft/stream") {
				http.Error(w, "no streams", http.StatusServiceUnavailable)
				return
			}
			proxy.ServeHTTP(w, r)
		}))
		c.t.Cleanup(server.Close)
		addresses = append(addresses, strings.TrimPrefix(server.URL, "http://"))
	}
	for _, n := range c.nodes {
		for i, of := range c.nodes {
			n.rewrite(`peer_urls: ["http://`+of.peer, `peer_urls: ["http://`+addresses[i])
		}
	}
}

func signalAll(processes []live.Process, signal syscall.Signal) {
	for _, p := range processes {
		_ = syscall.Kill(p.PID, signal) // it may have ended
	}
}
