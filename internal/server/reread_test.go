package server

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// newSlowWorld is a world whose queue keeps about ten runs in memory and whose
// state machine hangs until release.
func newSlowWorld(t *testing.T) (w *world, release func()) {
	w = newWorld(t, nil)
	w.s.queue.limit = 10 * (runOverhead + commandOverhead + 40)
	waiting, release := w.source.current().Hold()
	t.Cleanup(release)
	w.commit("0")
	<-waiting
	return w, release
}

// fill commits until the log alone has n entries for the state machine.
func (w *world) fill(n uint64) (texts []string) {
	w.t.Helper()
	for {
		bytes, inLog := w.s.queue.waiting()
		if bytes > w.s.queue.limit+runOverhead { // a restore comes in whatever waits
			w.t.Fatalf("%d bytes wait in memory, the limit is %d", bytes, w.s.queue.limit)
		}
		if inLog >= n {
			return texts
		}
		text := fmt.Sprint(w.last)
		w.commit(text)
		texts = append(texts, text)
	}
}

// numbers are the texts that fill commits.
func numbers(n uint64) (texts []string) {
	for i := range n {
		texts = append(texts, fmt.Sprint(i))
	}
	return texts
}

// Entries that do not fit into memory are read from the log, in order, and
// later ones come after them.
func TestWhatWaitsBeyondTheLimitIsReadFromTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, release := newSlowWorld(t)
		w.fill(500)
		release()
		w.fill(0)
		synctest.Wait()
		w.commit(fmt.Sprint(w.last), fmt.Sprint(w.last+1))
		synctest.Wait()
		w.wantState(numbers(w.last)...)
		if bytes, inLog := w.s.queue.waiting(); bytes != 0 || inLog != 0 {
			t.Errorf("%d bytes and %d entries are left", bytes, inLog)
		}
	})
}

// Clients whose requests were not kept in memory get their results.
func TestRequestsInTheLogAloneAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, release := newSlowWorld(t)
		w.fill(50)
		id, outcome := w.propose("mine")
		w.commitAs(id, "mine")
		index := w.last
		w.fill(100)
		asked := 0
		w.source.current().apply = func(b statemachine.Batch, r []statemachine.Result) ([]statemachine.Result, error) {
			if !b.NoResults {
				asked++
			}
			return r, nil
		}
		release()
		got := <-outcome
		if got.err != nil || got.result.Index != index || got.result.Lost || string(got.result.Data) == "" {
			t.Errorf("the request ended with %+v, want its result at %d", got, index)
		}
		synctest.Wait()
		if asked != 1 {
			t.Errorf("results were asked for %d times, want once: nobody waits for the others", asked)
		}
	})
}

// A snapshot that was installed meanwhile takes the place of what is not in the
// log any more, whether it comes before or after the state machine goes on.
func TestAnInstalledSnapshotTakesThePlaceOfTheRest(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprint("machine goes on first: ", late), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, release := newSlowWorld(t)
				w.fill(100)
				index := w.last + 50
				w.install(index, numbers(index)...)
				if late { // the log is gone, and the restore is not queued yet
					release()
					synctest.Wait()
				}
				w.s.Restore(storage.SnapshotMetadata{Index: index, Term: 1})
				w.fill(0)
				w.commit(fmt.Sprint(index), fmt.Sprint(index+1))
				release()
				time.Sleep(time.Minute)
				synctest.Wait()
				w.wantState(numbers(index + 2)...)
				if n := len(w.source.all()); n != 1 {
					t.Errorf("%d state machines were needed, want 1", n)
				}
			})
		})
	}
}

// While a snapshot is being restored, what is committed waits within the limit.
func TestRunsBehindARestoreWaitInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.s.queue.limit = 4000
		going := make(chan struct{})
		w.source.current().restore = func(uint64) error { <-going; return nil }
		w.install(50, numbers(50)...)
		w.s.Restore(storage.SnapshotMetadata{Index: 50, Term: 1})
		synctest.Wait()
		w.fill(300)
		close(going)
		synctest.Wait()
		w.wantState(numbers(w.last)...)
	})
}

// A storage that cannot be read for a while ends no state machine, keeps no
// answer back, and is read again when it can be.
func TestTheRestWaitsForTheStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, release := newSlowWorld(t)
		w.commit("1")
		synctest.Wait() // both are at the state machine; later ones go together
		id, outcome := w.propose("2")
		w.commitAs(id, "2")
		w.fill(100)
		store := w.cannotRead()
		release()
		synctest.Wait() // no time passes
		select {
		case <-outcome:
		default:
			t.Error("a request that was kept in memory is not answered while the storage cannot be read")
		}
		time.Sleep(30 * time.Second)
		if stalled := w.s.ApplyStalled(); stalled != 0 {
			t.Errorf("the state machine is said to hang for %v, it is the storage that does not answer", stalled)
		}
		if text := w.s.unread.Load(); text == nil || !strings.Contains(*text, "input/output error") {
			t.Error("the member does not say what its state machine waits for")
		}
		store.fails.Store(false)
		time.Sleep(10 * election)
		synctest.Wait()
		w.wantState(numbers(w.last)...)
		if w.s.unread.Load() != nil {
			t.Error("the member says that its storage cannot be read")
		}
		if n := len(w.source.all()); n != 1 {
			t.Errorf("%d state machines were started, want 1", n)
		}
	})
}

// A new generation hands everything out again; the state machine gets each
// entry once, though the rest was half read.
func TestTheRestOfAnotherGeneration(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, release := newSlowWorld(t)
		w.fill(200)
		release()
		w.rebuild()
		last := w.last
		for lo := uint64(1); lo <= last; lo += 7 {
			w.again(lo, min(lo+6, last))
		}
		w.commit(fmt.Sprint(w.last))
		synctest.Wait()
		w.wantState(numbers(w.last)...)
	})
}

// A snapshot of what the state machine had before is saved into the storage of a
// new generation, and the log compacted up to it: the entries that the
// generation would have read from there are applied.
func TestTheRestWhoseHeadIsCompactedIsApplied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit(numbers(200)...)
		synctest.Wait()
		w.s.Detach(ErrStorageRestart)
		w.begin(0, func() {
			w.snapshot(150, false, numbers(150)...)
			if _, err := w.store.Compact(context.Background(), 150); err != nil {
				t.Fatal(err)
			}
		})
		w.commit("200")
		time.Sleep(tick)
		synctest.Wait()
		w.wantState(numbers(201)...)
		if _, inLog := w.s.queue.waiting(); inLog != 0 || w.s.Applied() != 201 {
			t.Errorf("%d entries wait in the log, %d are applied", inLog, w.s.Applied())
		}
	})
}

// A state machine that dies in the middle is replaced by one that gets
// everything, from the log and from the queue.
func TestAStateMachineThatDiesOverTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := newSlowWorld(t)
		w.fill(200)
		w.source.current().Kill()
		time.Sleep(3 * tick)
		synctest.Wait()
		w.wantState(numbers(w.last)...)
	})
}

// The membership at the applied index is that of the log there, though the
// queue has not kept it, and a snapshot taken there has it too.
func TestMembershipAmongTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, release := newSlowWorld(t)
		w.fill(20)
		other := member.Member{ID: 2, Name: "n2", PeerURLs: []string{"http://n2:1"}}
		w.last++
		e, err := node.ChangeEntry(w.last, 1, member.Change{Op: member.Add, Member: other})
		if err == nil {
			err = w.store.Append(context.Background(), []storage.Batch{{Entries: []storage.Entry{e}, HardState: storage.HardState{Term: 1, Commit: w.last}, MustSync: true}})
		}
		if err != nil {
			t.Fatal(err)
		}
		run, err := node.Reread(w.registry, []storage.Entry{e})
		if err != nil {
			t.Fatal(err)
		}
		w.s.Apply(run)
		w.registry = run.Registry
		w.fill(40)
		release()
		synctest.Wait()
		if n := len(w.s.Membership().Members); n != 2 {
			t.Errorf("%d members, want 2", n)
		}
		w.s.SnapshotWanted()
		synctest.Wait()
		snapshots, err := w.store.ListSnapshots(context.Background())
		if err != nil || len(snapshots) != 1 || len(snapshots[0].Metadata.ConfState.Voters) != 2 {
			t.Errorf("snapshots %+v, %v; want one with two voters", snapshots, err)
		}
	})
}

// A node that begins at its commit index puts nothing out again: the state machine
// gets the log up to there from the disk, and what is committed then after it.
func TestTheLogUpToWhereTheNodeBeganIsReadAgain(t *testing.T) {
	for name, snapshot := range map[string]uint64{"without a snapshot": 0, "behind a snapshot": 40} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				w.commit(numbers(200)...)
				synctest.Wait()
				if snapshot > 0 {
					w.snapshot(snapshot, false, numbers(snapshot)...)
				}
				w.s.Detach(ErrStorageRestart)
				w.source.current().Kill()
				w.begin(snapshot, func() {})
				w.commit("200")
				time.Sleep(3 * tick)
				synctest.Wait()
				w.wantState(numbers(201)...)
			})
		})
	}
}

// begin attaches a node that begins at the end of its log, which is committed. meanwhile
// comes between.
func (w *world) begin(snapshot uint64, meanwhile func()) {
	w.t.Helper()
	st, err := w.state()
	if err != nil {
		w.t.Fatal(err)
	}
	at := node.Replayed{Index: snapshot, Registry: w.registry}
	entries, err := w.store.Read(context.Background(), snapshot+1, st.LastIndex+1, 1<<30)
	if err == nil {
		err = at.Add(entries)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	core, err := node.NewCore(tabled(node.Config{
		ID: 1, Group: 1, ElectionTicks: 10, HeartbeatTicks: 1, Limits: plugins.DefaultLimits(), State: st, Registry: w.registry, Replayed: at,
	}))
	if err != nil {
		w.t.Fatal(err)
	}
	meanwhile()
	w.node = node.New(core, nil)
	w.s.Attach(w.node, w.store, snapshot, w.registry)
}
