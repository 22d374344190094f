//go:build linux

package e2e

import (
	"context"
	"reflect"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
)

// state reads the whole kv state of a node.
func (n *node) state(level client.Consistency) []kv.Entry {
	n.t.Helper()
	c := n.dial()
	defer c.Close()
	var all []kv.Entry
	var revision uint64
	for next := []byte{}; next != nil; {
		answer, err := c.Query(context.Background(), kv.EncodeRange(kv.Range{Key: next}), level)
		if err != nil {
			n.t.Fatalf("read the state of %s: %v", n.name, err)
		}
		page, err := kv.DecodePage(answer.Data)
		if err != nil {
			n.t.Fatal(err)
		}
		if revision != 0 && page.Revision != revision {
			n.t.Fatalf("%s changed while it was read: revisions %d and %d", n.name, revision, page.Revision)
		}
		revision = page.Revision
		all = append(all, page.Entries...)
		next = page.Next()
	}
	return all
}

// agreed checks that all nodes have the same state: the same keys, written
// in the same order. A linearizable read waits until a node has everything;
// after it a stale one must have it too.
func (c *cluster) agreed() []kv.Entry {
	c.t.Helper()
	want := c.nodes[0].state(client.Linearizable)
	for _, n := range c.nodes {
		for _, level := range []client.Consistency{client.Linearizable, client.Stale} {
			compareStates(c.t, n.name, n.state(level), want)
		}
	}
	return want
}

func compareStates(t testing.TB, name string, got, want []kv.Entry) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s has %d keys, want %d", name, len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Fatalf("%s has %+v, want %+v", name, got[i], want[i])
		}
	}
}
