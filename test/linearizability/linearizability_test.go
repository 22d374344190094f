//go:build linux

package linearizability

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pontoon-raft/pontoon/test/internal/live"
	"github.com/pontoon-raft/pontoon/test/linearizability/history"
	"github.com/pontoon-raft/pontoon/test/linearizability/judge"
)

// All that clients are told could have happened on one machine, whatever happens
// to processes and links: reads and writes of each key are linearizable, what was
// not applied has no effect, and stale reads are as fresh as they say.
//
// make test-linearizability does it for twelve minutes.
func TestLinearizability(t *testing.T) {
	from := *seed
	if from == 0 {
		from = rand.Uint64N(1 << 32)
	}
	t.Logf("seed %d", from)
	c := startCluster(t, *nodes, fast)
	record := history.NewRecorder()
	f := &history.File{Run: history.Run{Nodes: *nodes, Seed: from, Voters: c.names(), Bound: pauseBound(fast).Nanoseconds()}}
	t.Cleanup(func() { keepHistory(t, f, record) })
	load := startLoad(c, record, from)
	s := newStorm(c, record, from)
	s.rage(*duration)
	s.calm()
	load.goesOn()
	f.Run.Until = record.Now()
	load.stop()
	load.readAll()
	f.Run.Seconds = time.Duration(record.Now()).Seconds()
	f.Operations, f.Faults = record.Take()
	verdict := judge.Check(f.Operations)
	f.Run.Violations = verdict.Count()
	t.Logf("\n%s\n%s", f.Report(), verdict)
	if verdict.Count() > 0 {
		t.Errorf("%d violations", verdict.Count())
	}
	if pauses := f.Unexcused(); len(pauses) > 0 {
		t.Errorf("%d pauses that no fault excuses: %v", len(pauses), pauses)
	}
	s.checkCoverage()
}

// pauseSlack is what a pause may be longer than the timing of raft promises: the
// processes of a fault are up before the host has opened its log and met the other
// members, and all hosts, plugins and clients of the run share the machine's cores
// with other tests.
const pauseSlack = 5 * time.Second

// pauseBound is for how long writes may pause while a majority is free of faults. The
// race detector's hosts are given any time.
func pauseBound(t timing) time.Duration {
	if live.RaceDetector {
		return 0
	}
	return t.recovery() + pauseSlack
}

// keepHistory leaves the history of a run that failed, at whatever point, or is to
// be kept. The clients have ended.
func keepHistory(t *testing.T, f *history.File, record *history.Recorder) {
	path := *keep
	if path == "" {
		if !t.Failed() {
			return
		}
		path = filepath.Join(os.TempDir(), fmt.Sprintf("linearizability-%d.jsonl", f.Run.Seed))
	}
	if f.Run.Seconds == 0 { // it ended before its time
		f.Run.Seconds = time.Duration(record.Now()).Seconds()
	}
	f.Operations, f.Faults = record.Take()
	if err := f.Write(path); err != nil {
		t.Error(err)
	}
	t.Logf("the history is in %s; to judge it again: cd test/linearizability && go run ./check %s", path, path)
}
