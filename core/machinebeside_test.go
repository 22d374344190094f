package core

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// The next state machine is opened beside the one that runs only if neither keeps anything in
// the directory of both: also one of a new version that is the first to be durable, and would
// leave there what it was refused for.
func TestTwoStateMachinesShareAnEmptyDirectoryAlone(t *testing.T) {
	machine := func() *runningMachine {
		return &runningMachine{StateMachine: statemachinetest.NewRegister(), dir: t.TempDir()}
	}
	plain := machine().Describe()
	if why := machine().isAlone(plain); why != "" {
		t.Errorf("it is alone because %s", why)
	}
	durable := plain
	durable.Capabilities = []plugins.Capability{statemachine.CapabilityDurable}
	filed, kept := machine(), machine()
	kept.applied = 3
	if err := os.WriteFile(filepath.Join(filed.dir, "index.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for says, c := range map[string]struct {
		old  *runningMachine
		next plugins.Info
	}{
		"the next one keeps its state": {machine(), durable},
		"index.db":                     {filed, plain},
		"opened at entry 3":            {kept, plain},
	} {
		if why := c.old.isAlone(c.next); !strings.Contains(why, says) {
			t.Errorf("it is alone because %q, want %q", why, says)
		}
	}
}
