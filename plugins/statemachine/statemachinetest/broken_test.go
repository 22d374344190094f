package statemachinetest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/pontoon-raft/pontoon/internal/plugincheck/brokenmachine"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinetest"
)

// brokenVariable makes the test binary run the kit on one broken machine.
const brokenVariable = "STATEMACHINETEST_BROKEN"

// The kit fails each of the broken machines, and not the one that is sound.
func TestTheKitFailsBrokenMachines(t *testing.T) {
	if name := os.Getenv(brokenVariable); name != "" {
		disk := statemachinetest.NewDisk()
		h := statemachinetest.RegisterHarness(func(testing.TB) statemachine.StateMachine {
			b := brokenmachine.Sound(disk)
			brokenmachine.Faults()[name](b)
			return b
		})
		h.Durable = true
		h.Kill = func(_ testing.TB, sm statemachine.StateMachine) { sm.(*brokenmachine.Machine).Crash() }
		h.LosePower = func(_ testing.TB, sm statemachine.StateMachine) { sm.(*brokenmachine.Machine).LosePower() }
		statemachinetest.Run(t, h)
		return
	}
	for name := range brokenmachine.Faults() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTheKitFailsBrokenMachines$")
			cmd.Env = append(os.Environ(), brokenVariable+"="+name)
			out, err := cmd.CombinedOutput()
			if passed := err == nil; passed != (name == "nothing") {
				t.Fatalf("passed: %t\n%s", passed, out)
			}
			if err != nil && (strings.Contains(string(out), "panic:") || !strings.Contains(string(out), "--- FAIL")) {
				t.Fatalf("it ended in another way than by a failed test:\n%s", out)
			}
			if err != nil && !rule.Named(string(out), "SM") {
				t.Errorf("it names no rule:\n%s", out)
			}
		})
	}
}
