package core

import (
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

func conditions(list []server.Unfit) (c node.Condition) {
	for _, u := range list {
		c |= u.Condition
	}
	return c
}

// The reasons that make a member unfit, at the default timings. Everything is
// found within two seconds and a half, which leaves time to hand over within
// three.
func TestDiagnose(t *testing.T) {
	const election, second = time.Second, time.Second
	for _, tc := range []struct {
		name string
		v    vitals
		want node.Condition
	}{
		{"all is well", vitals{}, 0},
		{"a slow fsync", vitals{diskStall: second}, 0},
		{"a stalled disk", vitals{diskStall: 1600 * time.Millisecond}, node.DiskStalled},
		{"a state machine that is quick to come back", vitals{machineDown: second / 2}, 0},
		{"a state machine that is not", vitals{machineDown: 600 * time.Millisecond}, node.MachineDown},
		{"a slow apply", vitals{applyStall: 2 * second, applyLag: 2 * second}, 0},
		{"an apply that hangs", vitals{applyStall: 2100 * time.Millisecond, applyLag: 2100 * time.Millisecond}, node.MachineDown},
		{"a state machine that does not keep up", vitals{applyLag: 2100 * time.Millisecond, behind: 70_000}, node.ApplyLagging},
		{"much to apply", vitals{applyLag: second, behind: 70_000}, 0},
		{"a full disk", vitals{space: storage.Space{Short: true}}, node.ShortOfSpace},
		{"a log that nobody takes", vitals{logStuck: 2100 * time.Millisecond}, node.LogStuck},
		{
			"everything at once",
			vitals{space: storage.Space{Short: true}, diskStall: 9 * second, machineDown: 9 * second, logStuck: 9 * second},
			node.ShortOfSpace | node.DiskStalled | node.MachineDown | node.LogStuck,
		},
	} {
		if got := conditions(diagnose(tc.v, election)); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
		// Law 8: ten times the timing, ten times the limits.
		tc.v.diskStall *= 10
		tc.v.machineDown *= 10
		tc.v.applyStall *= 10
		tc.v.applyLag *= 10
		tc.v.logStuck *= 10
		if got := conditions(diagnose(tc.v, 10*election)); got != tc.want {
			t.Errorf("%s, ten times as slow: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// A reason holds for an election after it was found last; that of space ends
// with the storage's word.
func TestUnfitnessIsSettled(t *testing.T) {
	const election = time.Second
	var w fitnessWatch
	now := time.Now()
	found := []server.Unfit{{Condition: node.DiskStalled}, {Condition: node.ShortOfSpace}}
	if got := conditions(w.settle(found, election, now)); got != node.DiskStalled|node.ShortOfSpace {
		t.Errorf("found: %q", got)
	}
	if got := conditions(w.settle(nil, election, now.Add(election))); got != node.DiskStalled {
		t.Errorf("an election later: %q", got)
	}
	if got := conditions(w.settle(nil, election, now.Add(election+1))); got != 0 {
		t.Errorf("more than an election later: %q", got)
	}
}

// The age of what is not applied counts from when it was committed, and does not
// grow while the state machine keeps up under load.
func TestApplyLagHasAnAge(t *testing.T) {
	var m lagMark
	start := time.Now()
	at := func(second int, commit, applied uint64) time.Duration {
		return m.age(commit, applied, start.Add(time.Duration(second)*time.Second))
	}
	for second := range 10 {
		if age := at(second, uint64(10*second+10), uint64(10*second+5)); age > time.Second {
			t.Errorf("it keeps up, and is %v behind", age)
		}
	}
	at(20, 1000, 100)
	if age := at(29, 2000, 999); age != 9*time.Second {
		t.Errorf("%v behind, want 9s", age)
	}
	if age := at(30, 2000, 2000); age != 0 {
		t.Errorf("everything is applied, and it is %v behind", age)
	}
}
