package main

import (
	"context"
	"math"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/pause"
)

const (
	// garbageRoom is how much garbage a host makes between two collections beside as
	// much as it has alive (ADR 0038).
	garbageRoom = 16 << 20

	// leastLimit is what the runtime may have of memory in any case.
	leastLimit = 128 << 20
	// mostGarbage is how much of it may be garbage, free or lost between pieces,
	// while more is alive than leaves so much below leastLimit.
	mostGarbage = 64 << 20
	// mostLimited is alive at most while there is a limit: beyond, collections would
	// take more time than the memory is worth.
	mostLimited = 192 << 20
	// limitEvery is how often it is looked at what is alive.
	limitEvery = time.Second
)

// garbageIsChosen tells whether the environment says when to collect garbage. A host
// decides nothing of it then.
func garbageIsChosen(getenv func(string) string) bool {
	return getenv("GOGC") != "" || getenv("GOMEMLIMIT") != ""
}

// roomForGarbage returns bytes that make the runtime collect garbage less often, for
// as long as they are kept: they count as alive. Nothing touches them, so they take
// no memory of themselves. If the environment says when to collect, there are none.
func roomForGarbage(getenv func(string) string) []byte {
	if garbageIsChosen(getenv) {
		return nil
	}
	room := make([]byte, garbageRoom)
	giveBack(room)
	return room
}

// memoryLimit is what the runtime may have while so many bytes are alive.
func memoryLimit(alive uint64) int64 {
	if alive > mostLimited {
		return math.MaxInt64
	}
	return max(leastLimit, int64(alive)+mostGarbage)
}

// limitGarbage keeps the garbage of a host small while what is alive is large for a
// host, until ctx ends (ADR 0039).
func limitGarbage(ctx context.Context, alive func() uint64, set func(int64)) {
	for last := int64(0); ; {
		if limit := memoryLimit(alive()); limit != last {
			set(limit)
			last = limit
		}
		if !pause.For(ctx, limitEvery) {
			return
		}
	}
}

// mayLimitGarbage tells whether the memory of this process is the host's alone, and
// the environment does not say how much it may be.
func mayLimitGarbage(h *core.Config, getenv func(string) string) bool {
	return !runsPlugins(h) && !garbageIsChosen(getenv)
}

// bytesAlive are those that the last collection has left.
func bytesAlive() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

func setMemoryLimit(limit int64) { debug.SetMemoryLimit(limit) }
