package main

import (
	"context"
	"math"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/pontoon-raft/pontoon/internal/hostconfig"
)

// Clients can have a host keep a hundred MiB. As much garbage beside it would be
// beyond what a host takes under attack; a host with much more alive is left alone.
func TestGarbageIsLimitedWhileMuchIsAlive(t *testing.T) {
	for _, c := range []struct {
		alive uint64
		limit int64
	}{
		{0, 160 << 20},
		{96 << 20, 160 << 20},
		{130 << 20, 194 << 20},
		{192 << 20, 256 << 20},
		{192<<20 + 1, math.MaxInt64},
		{math.MaxUint64, math.MaxInt64},
	} {
		if got := memoryLimit(c.alive); got != c.limit {
			t.Errorf("with %d MiB alive the limit is %d MiB, want %d", c.alive>>20, got>>20, c.limit>>20)
		}
	}
}

// The limit follows what is alive, in both directions.
func TestTheLimitFollowsWhatIsAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		alive := []uint64{10 << 20, 10 << 20, 100 << 20, 500 << 20, 20 << 20}
		at := 0
		var limits []int64
		limitGarbage(ctx, func() uint64 {
			if at++; at == len(alive) {
				cancel()
			}
			return alive[at-1]
		}, func(limit int64) { limits = append(limits, limit) })
		if want := []int64{160 << 20, 164 << 20, math.MaxInt64, 160 << 20}; !slices.Equal(limits, want) {
			t.Errorf("the limits were %d, want %d", limits, want)
		}
	})
}

// An environment that says how much memory there is, and a plugin inside the host,
// are reasons for what a host takes.
func TestWhoseGarbageIsLimited(t *testing.T) {
	outside := hostconfig.Plugins{}
	inside := hostconfig.Plugins{StateMachine: hostconfig.Plugin{Isolation: hostconfig.IsolationInproc}}
	env := func(set string) func(string) string {
		return func(asked string) string {
			if asked == set {
				return "100"
			}
			return ""
		}
	}
	if !mayLimitGarbage(outside, env("")) {
		t.Error("there is no limit by default")
	}
	if mayLimitGarbage(inside, env("")) || mayLimitGarbage(outside, env("GOGC")) || mayLimitGarbage(outside, env("GOMEMLIMIT")) {
		t.Error("there is a limit in spite of GOGC, GOMEMLIMIT or a plugin inside the host")
	}
}
