package statemachinerpc

import (
	"context"
	"fmt"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// durability has the words of a plugin on its durable index. A plugin without the
// capability says nothing.
type durability struct {
	said bool
	// index is the greatest that was said. answered is that of the answers to Open, Restore
	// and Apply: a Sync beside them may have said more before an older answer comes.
	index, answered uint64
}

// opened takes the answer to Open.
func (d *durability) opened(info plugins.Info, index, applied uint64) error {
	*d = durability{said: info.Has(statemachine.CapabilityDurable)}
	return d.applied(index, applied)
}

// applied takes the durable index of an answer after which the plugin has applied so much.
func (d *durability) applied(index, applied uint64) error {
	switch {
	case !d.said:
		return nil
	case index > applied:
		return pluginrpc.Breach("SM-49", "durable index %d above the applied index %d", index, applied)
	case index < d.answered:
		return pluginrpc.Breach("SM-49", "durable index %d after %d", index, d.answered)
	}
	d.answered, d.index = index, max(index, d.index)
	return nil
}

// restored takes the answer to a Restore of that snapshot.
func (d *durability) restored(index, snapshot uint64) error {
	if d.said && index != snapshot {
		return pluginrpc.Breach("SM-51", "durable index %d after the restore of snapshot %d", index, snapshot)
	}
	d.answered, d.index = index, index
	return nil
}

// synced takes the answer to a Sync that came after so much was applied, and before most was.
func (d *durability) synced(index, least, most uint64) error {
	if index < least || index > most {
		return pluginrpc.Breach("SM-52", "durable index %d, where from %d to %d are applied", index, least, most)
	}
	d.index = max(index, d.index)
	return nil
}

// DurableIndex implements statemachine.Durable: it is what the plugin has said last.
func (c *Client) DurableIndex() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.durable.index
}

// Sync implements statemachine.Durable.
func (c *Client) Sync(ctx context.Context) (uint64, error) {
	least := c.confirmed()
	res, err := pluginrpc.Ask(ctx, &c.end, c.rpc.Sync, &pluginv1.StateSyncRequest{Call: c.end.Call()})
	if err != nil {
		return 0, fmt.Errorf("sync: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.durable.synced(res.DurableIndex, least, c.submitted); err != nil {
		return 0, fmt.Errorf("sync: %w", err)
	}
	return c.durable.index, nil
}
