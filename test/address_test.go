//go:build linux

package e2e

import (
	"os/exec"
	"strings"
	"testing"
)

// An address is mistyped in member update, for each of the two voters that are there
// of three. Their connections stand, and so would the cluster until one of them ends.
// Both updates are refused, by exit code and with the way out; those under which the
// member is reached are taken, and with --force any.
func TestMistypedUpdatesAreRefused(t *testing.T) {
	for _, example := range []string{"local3", "quic3"} {
		t.Run(example, func(t *testing.T) {
			t.Parallel()
			c := newClusterOf(t, example, "n")
			c.start()
			leader := c.leader()
			other, down := c.others(leader)[0], c.others(leader)[1]
			down.kill()
			scheme := map[string]string{"local3": "http://", "quic3": "quic://"}[example]
			right, typo := scheme+other.peer, scheme+freeAddress(t)

			c.refuses("start its host at the new address first", other, typo)
			c.refuses("hand leadership over", leader, typo)
			c.command("kv", "put", "k", "1")
			c.update(other, typo+","+right)
			c.update(other, right)
			leader.stop()
			other.stop()
		})
	}
}

// Of three voters one gets a mistyped address and a second one does not, unless that is
// forced. Both are mended by updates, and writes go on throughout.
func TestOneMistypedUpdateIsBorne(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	leader := c.leader()
	first, second := c.others(leader)[0], c.others(leader)[1]
	c.update(first, "http://"+freeAddress(t))
	c.refuses("not reached under the peer URLs that they have then: "+first.id(), second, "http://"+freeAddress(t))
	c.command("kv", "put", "k", "1")
	c.update(second, "http://"+freeAddress(t), "--force")
	c.command("kv", "put", "k", "2")
	c.update(first, "http://"+first.peer)
	c.update(second, "http://"+second.peer)
	c.command("kv", "put", "k", "3")
	c.stop()
}

// update gives a member other peer URLs.
func (c *cluster) update(n *node, urls string, more ...string) {
	c.t.Helper()
	c.command(append([]string{"member", "update", n.id(), "--peer-urls", urls}, more...)...)
}

// refuses checks that an update of a member's peer URLs is refused because it
// would cost the quorum, and that the answer says so.
func (c *cluster) refuses(says string, n *node, urls string) {
	c.t.Helper()
	out, err := hostCommand(c.t, "member", "update", n.id(), "--peer-urls", urls, "--endpoints", c.endpoints()).CombinedOutput()
	exit, ok := err.(*exec.ExitError)
	if !ok || exit.ExitCode() != exitNotFound || !strings.Contains(string(out), says) || !strings.Contains(string(out), "--force") {
		c.t.Fatalf("an update of %s to %s: %v: %s", n.name, urls, err, out)
	}
}
