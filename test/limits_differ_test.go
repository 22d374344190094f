//go:build linux

package e2e

import (
	"bytes"
	"context"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/internal/hostconfig"
)

// A setting limits what a member admits, and never what it reads: a value that
// the leader alone admits reaches all members, and after its setting is lowered
// again all start and have it.
func TestAValueThatOneMemberAdmitsBlocksNone(t *testing.T) {
	c := startCluster(t)
	raised := c.nodes[0]
	c.restart(raised, "api.max_value_bytes=8MiB")
	lead(t, c, raised)
	large := bytes.Repeat([]byte("x"), 3_000_000)
	putValue(t, raised, "large", large)
	putValue(t, raised, "small", []byte("1"))
	c.agreed()
	for _, n := range c.nodes {
		n.stop()
		n.settings = nil
	}
	c.start()
	for _, n := range c.nodes {
		hasValue(t, n, "large", large)
		hasValue(t, n, "small", []byte("1"))
	}
	putValue(t, c.leader(), "after", []byte("2"))
	c.agreed()
	c.stop()
}

// differing has a row for every setting with a number, a size or a duration: a
// low and a high value. They may all differ between members, at one time.
//
// The exceptions have no values and a rule instead.
func differing() map[string][2]string {
	return map[string][2]string{
		"raft.tick":                                  {"50ms", "200ms"}, // a factor of four: the lower elects sooner
		"raft.election":                              {"1s", "4s"},      // more than ten ticks of the slowest leader
		"raft.max_clock_difference":                  {"100ms", "24h"},
		"raft.snapshot_entries":                      {"10", "1000000"},
		"raft.snapshot_log_bytes":                    {"1MiB", "1GiB"},
		"raft.catch_up_entries":                      {"1", "100000"},
		"raft.catch_up_bytes":                        {"64KiB", "8GiB"},
		"raft.max_inflight_appends":                  {"1", "64"},
		"api.max_value_bytes":                        {"1KiB", "32MiB"},
		"api.max_pending_proposals":                  {"100", "100000"},
		"api.max_pending_bytes":                      {"32MiB", "512MiB"},
		"api.max_connections":                        {"16", "4096"},
		"api.max_streams":                            {"16", "4096"},
		"api.max_calls":                              {"16", "4096"},
		"audit.max_file_bytes":                       {"64KiB", "1GiB"},
		"audit.max_files":                            {"2", "10000"},
		"plugins.transport.record.max_file_bytes":    {"1MiB", "64GiB"},
		"plugins.transport.record.max_files":         {"1", "1000"},
		"plugins.storage.record.max_file_bytes":      {"1MiB", "64GiB"},
		"plugins.storage.record.max_files":           {"1", "1000"},
		"plugins.statemachine.record.max_file_bytes": {"1MiB", "64GiB"},
		"plugins.statemachine.record.max_files":      {"1", "1000"},
		"limits.max_batch_bytes":                     {"64KiB", "16MiB"},
		"limits.max_chunk_bytes":                     {"4KiB", "1MiB"},
		"node.id":                                    {}, // each member's own
		"cluster.id":                                 {}, // must be the same: another one is another cluster
	}
}

// Every setting may be lowered on one member and raised on another, and raised
// or lowered on all: the cluster starts, commits, and what was admitted under
// the larger settings stays readable everywhere.
func TestEverySettingMayDiffer(t *testing.T) {
	rows := differing()
	var low, high []string
	for _, key := range hostconfig.NumericKeys() {
		row, ok := rows[key]
		if !ok {
			t.Fatalf("%s has no row in the table of settings that may differ", key)
		}
		if row[0] != "" {
			low, high = append(low, key+"="+row[0]), append(high, key+"="+row[1])
		}
	}
	c := startCluster(t)
	large := bytes.Repeat([]byte("y"), 5_000_000)
	for i, round := range [][3][]string{{high, nil, low}, {low, high, high}, {high, high, high}, {low, low, low}, {nil, low, high}} {
		for j, n := range c.nodes {
			n.stop()
			n.settings = round[j]
		}
		c.start()
		if i == 0 {
			lead(t, c, c.nodes[0])
			putValue(t, c.nodes[0], "large", large)
		}
		for range 30 {
			putValue(t, c.leader(), "small", []byte{byte(i)})
		}
		for _, n := range c.nodes {
			hasValue(t, n, "large", large)
			hasValue(t, n, "small", []byte{byte(i)})
		}
	}
	c.stop()
}

// restart restarts a node with other settings.
func (c *cluster) restart(n *node, settings ...string) {
	c.t.Helper()
	n.stop()
	n.settings = settings
	n.startReady()
}

// lead makes n the leader.
func lead(t *testing.T, c *cluster, n *node) {
	t.Helper()
	eventually(t, n.name+" to lead", func() bool {
		if c.leader() == n {
			return true
		}
		c.command("leader", "transfer", n.id())
		return false
	})
}

func putValue(t *testing.T, n *node, key string, value []byte) {
	t.Helper()
	c := n.dial()
	defer c.Close()
	if _, err := c.Propose(context.Background(), kv.EncodePut([]byte(key), value)); err != nil {
		t.Fatalf("put %d bytes at %s: %v", len(value), n.name, err)
	}
}

func hasValue(t *testing.T, n *node, key string, value []byte) {
	t.Helper()
	c := n.dial()
	defer c.Close()
	e, err := get(c, key, client.Linearizable)
	if err != nil || e == nil || !bytes.Equal(e.Value, value) {
		t.Fatalf("%s does not have the %d bytes of %s: %v", n.name, len(value), key, err)
	}
}
