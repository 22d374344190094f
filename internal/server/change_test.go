package server

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// heldDisk are the ports of a node that is alone: its disk takes votes and terms
// at once, and entries when it is told to.
type heldDisk struct {
	w    *world
	free chan struct{}
}

func (d heldDisk) Append(a node.Append) {
	go func() {
		if len(a.Batch.Entries) > 0 {
			<-d.free
		}
		d.w.node.AppendDone(a.Number)
	}()
}

func (d heldDisk) Apply(a node.Apply)                          { d.w.s.Apply(a) }
func (d heldDisk) Read(r node.Read)                            { d.w.s.Read(r) }
func (d heldDisk) Rejected(ids []node.RequestID, reason error) { d.w.s.Rejected(ids, reason) }
func (d heldDisk) Unanswered(ids []node.RequestID)             { d.w.s.Unanswered(ids) }
func (d heldDisk) StateChanged(st node.State)                  { d.w.s.StateChanged(st) }
func (heldDisk) Send([]transport.Envelope)                     {}
func (heldDisk) SendSnapshot(node.SnapshotSend)                {}
func (heldDisk) SnapshotWanted()                               {}
func (heldDisk) Fetch(node.Fetch)                              {}

// A leader that has just been elected may lack changes that its predecessor has
// committed. A change that it is asked for waits until it has applied an entry
// of its own term: it is neither refused nor judged by what it knows so far.
func TestChangeWaitsForTheLeadersFirstEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.commit("a")
		synctest.Wait()
		w.snapshot(1, false, "a")
		w.s.Detach(ErrStorageRestart)
		w.attach()
		disk := heldDisk{w, make(chan struct{})}
		n := node.New(w.core, disk)
		w.node = n
		w.s.Attach(n, w.store, 1, w.registry)
		stop, ended, ticker := make(chan struct{}), make(chan error, 1), time.NewTicker(tick)
		defer ticker.Stop()
		go func() { ended <- n.Run(stop, ticker.C) }()
		for w.s.Status().Role != "leader" {
			time.Sleep(tick)
		}
		outcome := make(chan error, 1)
		go func() {
			_, err := w.s.AddMember(context.Background(), Member{ID: 2, Name: "n2", PeerURLs: []string{"http://n2:1"}}, ChangeOptions{})
			outcome <- err
		}()
		time.Sleep(3 * election)
		select {
		case err := <-outcome:
			t.Fatalf("answered before the first entry of the term was applied: %v", err)
		default:
		}
		close(disk.free)
		if err := <-outcome; err != nil {
			t.Errorf("after it: %v", err)
		}
		if _, in := n.State().Registry.Member(2); !in {
			t.Error("the member was not added")
		}
		close(stop)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
