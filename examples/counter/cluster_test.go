//go:build linux

package main

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pontoon-raft/pontoon/pontoontest"
)

// Three hosts with the plugin as an executable: what was acknowledged is there, also after
// the death of the plugin and of the leader.
func TestACluster(t *testing.T) {
	plugin := filepath.Join(t.TempDir(), "counter")
	if out, err := exec.Command("go", "build", "-o", plugin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c := pontoontest.Cluster(t, 3, pontoontest.Options{StateMachine: []string{plugin}})
	c.Propose([]byte("5"))
	c.Leader().KillPlugin("statemachine")
	c.Propose([]byte("-2"))
	c.Leader().Kill()
	c.Propose([]byte("4"))
	c.Start()
	if got := string(c.SameAnswers([]byte("value"))); got != "7" {
		t.Errorf("the value is %q", got)
	}
}
