package statemachinetest

import (
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// The log of the tests of versions: its first entries are of the least version, those from
// switchedAt on of the greatest.
const (
	versionsLog = 40
	switchedAt  = 20
)

func testVersions(t *testing.T, h Harness) {
	versions := open(t, h).sm.Describe().CommandVersions
	if versions.Least == versions.Greatest {
		t.Skip("the state machine announces one version of commands")
	}
	t.Run("a command means what the version of its batch says", func(t *testing.T) { meansByVersion(t, h) })
	t.Run("replicas agree across a switch of the version", func(t *testing.T) { agreesAcrossSwitch(t, h) })
}

// meansByVersion applies the same command by two versions.
func meansByVersion(t *testing.T, h Harness) {
	rule.Checks(t, "SM-44")
	needs(t, "Changed", h.Changed != nil)
	by := func(version uint32, in *instance) string {
		in.apply(statemachine.Batch{Entries: []statemachine.Entry{{Index: 1, Data: h.Changed()}}, Through: 1, Version: version})
		return in.state()
	}
	in := open(t, h)
	versions := in.sm.Describe().CommandVersions
	if by(versions.Least, in) == by(versions.Greatest, open(t, h)) {
		t.Errorf("a command has the same effect by version %d as by version %d", versions.Least, versions.Greatest)
	}
}

// agreesAcrossSwitch applies one log to state machines that get it in other parts: all of
// it, in small batches, from a snapshot of before the switch, from one of after it, and
// again from entries that they have.
func agreesAcrossSwitch(t *testing.T, h Harness) {
	rule.Checks(t, "SM-44", "SM-5")
	whole := open(t, h)
	versions := whole.sm.Describe().CommandVersions
	log := mixedLog(h, versionsLog)
	for i := range log {
		if h.Changed != nil && i%4 == 0 {
			log[i].Data = h.Changed()
		}
	}
	give := func(in *instance, from, to int) {
		t.Helper()
		version := versions.Least
		if from >= switchedAt {
			version = versions.Greatest
		}
		in.apply(statemachine.Batch{Entries: log[from:to], Through: log[to-1].Index, Version: version})
	}
	give(whole, 0, switchedAt)
	before := whole.snapshot()
	give(whole, switchedAt, switchedAt+10)
	after := whole.snapshot()
	give(whole, switchedAt+10, versionsLog)
	want := whole.state()

	small := open(t, h)
	for from := 0; from < versionsLog; from += 5 {
		give(small, from, from+5)
	}
	equalState(t, "in small batches", small.state(), want)
	restored := open(t, h)
	restored.restore(switchedAt, before)
	give(restored, switchedAt, versionsLog)
	equalState(t, "from a snapshot of before the switch", restored.state(), want)
	late := open(t, h)
	late.restore(switchedAt+10, after)
	give(late, switchedAt+10, versionsLog)
	equalState(t, "from a snapshot of after the switch", late.state(), want)
	again := open(t, h)
	give(again, 0, switchedAt)
	give(again, 10, switchedAt)
	give(again, switchedAt, versionsLog)
	give(again, switchedAt, versionsLog)
	equalState(t, "with entries that it has already", again.state(), want)
}
