package transporttest

import (
	"errors"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// testLimits: sizes, addresses and configs that must be refused.
func testLimits(t *testing.T, h Harness) {
	t.Run("the largest message arrives, a larger one is reported", func(t *testing.T) {
		rule.Checks(t, "TR-19", "TR-16")
		c := newCluster(t, h, 2)
		c.establish()
		largest := int(plugins.DefaultLimits().MaxEntryBytes)
		for _, class := range classes {
			m := newMessage(1, 2, class, largest)
			c.send(m)
			c.nodes[2].await(t, "the largest message", func() bool { return c.nodes[2].has(m) }, nil)

			over := newMessage(1, 2, class, plugins.DefaultLimits().MaxMessageBytes()+1)
			checkReport(t, c, 1, 2, func() { c.send(over) })

			m = newProbe(1, 2, class)
			c.send(m)
			c.nodes[2].await(t, "a message after one that was too large", func() bool { return c.nodes[2].has(m) }, nil)
			if c.nodes[2].has(over) {
				t.Error("a message over the limit was delivered")
			}
		}
	})
	t.Run("an address that is taken", func(t *testing.T) {
		rule.Checks(t, "TR-2")
		c := newCluster(t, h, 1)
		second := h.New(t)
		_, err := second.Open(deadline(t), c.options(2, c.nodes[1].address), newRecorder(h.Patience))
		if !errors.Is(err, transport.ErrAddressInUse) {
			t.Errorf("got %v, want ErrAddressInUse", err)
		}
		_ = second.Close(deadline(t))
	})
	t.Run("messages that are none", func(t *testing.T) {
		rule.Checks(t, "TR-16", "P-40")
		c := newCluster(t, h, 2)
		c.establish()
		for _, class := range classes {
			m := newProbe(1, 2, class)
			m.Group++
			checkReport(t, c, 1, 2, func() { c.send(m) })
		}
		c.establish()
	})
}
