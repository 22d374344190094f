//go:build linux

package pontoontest_test

import (
	"testing"

	"github.com/pontoon-raft/pontoon/client/kv"
	"github.com/pontoon-raft/pontoon/pontoontest"
)

func put(value string) []byte { return kv.EncodePut([]byte("k"), []byte(value)) }

// An author ends hosts and plugins and cuts links, and what was acknowledged is there.
func TestAClusterForAuthors(t *testing.T) {
	c := pontoontest.Cluster(t, 3, pontoontest.Options{})
	c.Propose(put("1"))
	leader := c.Leader()
	leader.KillPlugin("statemachine")
	c.Propose(put("2"))

	c.Partition(leader)
	c.NewLeader(leader)
	c.Propose(put("3"))
	c.Heal()

	c.Leader().Kill()
	c.Propose(put("4"))
	c.Leader().Stop()
	c.Start()
	c.Propose(put("5"))
	page, err := kv.DecodePage(c.SameAnswers(kv.EncodeRange(kv.Range{})))
	if err != nil || len(page.Entries) != 1 || string(page.Entries[0].Value) != "5" {
		t.Errorf("the members have %+v, %v", page, err)
	}
}
