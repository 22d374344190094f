package server

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
)

// Each end of a membership change is said in the class that it belongs to.
func TestEndsOfAMembershipChange(t *testing.T) {
	applied := func(reason error) func(*world, node.RequestID) {
		return func(w *world, id node.RequestID) {
			w.last++
			w.s.Apply(node.Apply{
				First: w.last, Last: w.last, Term: 1, Registry: w.registry,
				Changes: []node.ChangeResult{{ID: id, Err: reason}},
			})
		}
	}
	for _, tc := range []struct {
		name string
		end  func(*world, node.RequestID)
		want error
	}{
		{"applied", applied(nil), nil},
		{"refused by the registry", applied(member.ErrExists), ErrChangeRefused},
		{"of an unknown member", applied(member.ErrUnknown), ErrUnknownMember},
		{"refused by raft", func(w *world, id node.RequestID) {
			w.s.Rejected([]node.RequestID{id}, node.ErrChangePending)
		}, ErrChangePending},
		{"the storage fails", func(w *world, _ node.RequestID) { w.rebuild() }, ErrStorageRestart},
		{"the host stops", func(w *world, _ node.RequestID) { w.s.Detach(ErrStopped) }, ErrStopped},
		{"nothing happens", func(*world, node.RequestID) { time.Sleep(RequestTimeout(election) + 2*tick) }, ErrTimeout},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, nil)
				outcome := make(chan error, 1)
				go func() {
					_, err := w.s.AddMember(context.Background(), Member{ID: 2, Name: "n2", PeerURLs: []string{"http://n2:1"}}, ChangeOptions{})
					outcome <- err
				}()
				synctest.Wait()
				tc.end(w, node.RequestID{Origin: 1, Number: w.s.nextRequest.Load()})
				if err := <-outcome; !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
					t.Errorf("got %v, want %v", err, tc.want)
				}
			})
		})
	}
}

// A change that the node itself will not take is refused at once; nothing of
// it stays.
func TestChangesAwayFromTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		stop, ended := make(chan struct{}), make(chan error, 1)
		go func() { ended <- w.node.Run(stop, nil) }()
		ctx := context.Background()
		if _, err := w.s.AddMember(ctx, Member{ID: 2, Name: "n2", PeerURLs: []string{"http://n2:1"}}, ChangeOptions{}); !errors.Is(err, ErrNoLeader) {
			t.Errorf("add: %v, want %v", err, ErrNoLeader)
		}
		if _, err := w.s.RemoveMember(ctx, 2, ChangeOptions{}); !errors.Is(err, ErrNoLeader) {
			t.Errorf("remove: %v, want %v", err, ErrNoLeader)
		}
		if _, err := w.s.TransferLeader(ctx, 2); !errors.Is(err, ErrNoLeader) {
			t.Errorf("transfer: %v, want %v", err, ErrNoLeader)
		}
		if n := w.s.Pending(); n != 0 {
			t.Errorf("%d requests are pending", n)
		}
		close(stop)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestRemovingAnUnknownMemberIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		outcome := make(chan error, 1)
		go func() {
			_, err := w.s.RemoveMember(context.Background(), 9, ChangeOptions{})
			outcome <- err
		}()
		synctest.Wait()
		w.last++
		w.s.Apply(node.Apply{
			First: 1, Last: 1, Term: 1, Registry: w.registry,
			Changes: []node.ChangeResult{{ID: node.RequestID{Origin: 1, Number: w.s.nextRequest.Load()}, Err: member.ErrUnknown}},
		})
		if err := <-outcome; err != nil {
			t.Error(err)
		}
	})
}

// A request that its caller gave up is unknown to the caller; its place is
// free when its time is up.
func TestChangeThatItsCallerGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		ctx, cancel := context.WithCancel(context.Background())
		go cancel()
		if _, err := w.s.RemoveMember(ctx, 9, ChangeOptions{}); !errors.Is(err, ErrCanceled) {
			t.Errorf("got %v, want %v", err, ErrCanceled)
		}
		time.Sleep(RequestTimeout(election) + 2*tick)
		if n := w.s.Pending(); n != 0 {
			t.Errorf("%d requests are pending", n)
		}
	})
}

// Proposals that have taken all the room there is for them take none from
// membership changes, which have room of their own, and the other way round.
func TestChangesHaveRoomOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(cfg *Config) { cfg.MaxPending, cfg.MaxPendingBytes = 2, 10 })
		ended := 0
		propose := func() (refused error) {
			w.s.ProposeAsync([]byte("12345"), 0, func(_ Result, err error) { refused = err; ended++ })
			return refused
		}
		for range 2 {
			if err := propose(); err != nil {
				t.Fatal(err)
			}
		}
		if err := propose(); !errors.Is(err, ErrTooManyRequests) {
			t.Fatalf("a third proposal: %v", err)
		}
		outcomes := make(chan error, maxChanges+1)
		for range maxChanges + 1 {
			go func() {
				_, err := w.s.RemoveMember(context.Background(), 9, ChangeOptions{})
				outcomes <- err
			}()
		}
		synctest.Wait()
		if err := <-outcomes; !errors.Is(err, ErrTooManyRequests) || len(outcomes) != 0 {
			t.Errorf("a change too many: %v, and %d others", err, len(outcomes))
		}
		w.s.Detach(ErrStopped)
		for range maxChanges {
			if err := <-outcomes; !errors.Is(err, ErrStopped) {
				t.Errorf("a change: %v", err)
			}
		}
	})
}
