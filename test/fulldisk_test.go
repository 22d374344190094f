//go:build linux

package e2e

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
)

// neverEnough is more free space than any disk of a test has: a store that
// wants it is short of space from its first moment.
const neverEnough = "min_free_bytes: 1152921504606846976"

// wantSpace makes the node's storage short of space from its next start on.
func (n *node) wantSpace() {
	n.t.Helper()
	n.rewrite("    name: wal\n", "    name: wal\n    config: {"+neverEnough+"}\n")
}

// enoughSpace is the end of that.
func (n *node) enoughSpace() {
	n.t.Helper()
	n.rewrite(neverEnough, "min_free_bytes: 1")
}

// A member whose disk is full, alone, refuses what would make the log longer,
// as certainly not applied, by every way in. It reads and says what is wrong.
func TestALonelyMemberWithAFullDisk(t *testing.T) {
	n := newSingle(t)
	n.startReady()
	put(t, n, "before")
	n.stop()
	n.wantSpace()
	n.startReady()
	command := base64.StdEncoding.EncodeToString(kv.EncodePut([]byte("k"), []byte("v")))
	code, f := failure(t, n, "/v1/propose", `{"data":"`+command+`"}`)
	if code != 507 || f.GetReason() != "no_space" || f.GetOutcome() != hostv1.Outcome_OUTCOME_NOT_APPLIED || !strings.Contains(f.GetMessage(), "min_free_bytes") {
		t.Errorf("JSON: %d %v, want 507 no_space", code, f)
	}
	refusedWithin(t, patience, "", "kv", "put", "k", "v", "--timeout", "2s", "--endpoints", n.client).
		says(t, exitUnreachable, "no space", "not applied")
	c := n.dial()
	if entry, err := get(c, "before", client.Linearizable); err != nil || entry == nil {
		t.Errorf("a read found %v, %v", entry, err)
	}
	if w := n.plugin("storage").GetWarning(); !strings.Contains(w, "short of space") {
		t.Errorf("the status warns of %q", w)
	}
	if _, body, err := n.get(n.admin, "/metrics"); err != nil || !strings.Contains(body, "\npontoon_short_of_space 1\n") {
		t.Errorf("the metrics do not say that it is short of space: %v", err)
	}
	n.stop()
	n.enoughSpace()
	n.startReady()
	put(t, n, "after")
	if entry, err := get(n.dial(), "k", client.Linearizable); err != nil || entry != nil {
		t.Errorf("what was refused is there: %v, %v", entry, err)
	}
	n.stop()
}

// A member of three whose disk is full does not keep the leadership, wherever
// it comes from; writes go on through every member, and reach it too.
func TestAMemberWithAFullDisk(t *testing.T) {
	c := newCluster(t)
	full := c.nodes[0]
	full.wantSpace()
	c.start()
	admin, err := client.New(client.Options{Endpoints: []string{full.client}})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	for range rounds(3) {
		eventually(t, "the member with the full disk to be asked to lead", func() bool {
			st, ok := full.status()
			if !ok {
				return false
			}
			_, err := admin.TransferLeader(context.Background(), st.GetId())
			return err == nil
		})
		eventually(t, "another leader", func() bool { return c.leader() != full })
		for _, n := range c.nodes {
			put(t, n, n.name)
		}
	}
	eventually(t, "the member with the full disk to have it all", func() bool {
		for _, n := range c.nodes {
			if entry, err := get(full.dial(), n.name, client.Stale); err != nil || entry == nil {
				return false
			}
		}
		return true
	})
	c.stop()
}
