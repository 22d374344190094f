package node

import (
	"fmt"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/logsink"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// unread is a log that is not read.
type unread struct{ end chan struct{} }

// Write implements io.Writer.
func (u unread) Write(p []byte) (int, error) {
	<-u.end
	return len(p), nil
}

// nowhere takes the output of a node.
type nowhere struct{ Ports }

func (nowhere) Append(Append)             {}
func (nowhere) Apply(Apply)               {}
func (nowhere) Send([]transport.Envelope) {}
func (nowhere) StateChanged(State)        {}

// Law 1, also while the log is not read: the raft goroutine goes on ticking
// whatever it has to say.
func TestALogThatIsNotReadDoesNotStopTheRaftGoroutine(t *testing.T) {
	n := follower(t)
	synctest.Test(t, func(t *testing.T) {
		log := unread{make(chan struct{})}
		sink := logsink.New(log)
		n.logger = slog.New(sink.Handler(func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, nil) }))
		n.ports, n.box = nowhere{}, newMailbox() // of this bubble
		ticks, stop, ended := make(chan time.Time), make(chan struct{}), make(chan error)
		go func() { ended <- n.Run(stop, ticks) }()
		for range 100 {
			n.box.put(func(in *inputs) { in.dropped++ }) // is logged
			select {
			case ticks <- time.Now():
			case <-time.After(time.Second):
				t.Fatal("the raft goroutine takes no tick")
			}
			synctest.Wait()
		}
		time.Sleep(time.Second) // of the bubble's clock
		if sink.Stuck() == 0 {
			t.Error("nothing was logged")
		}
		close(stop)
		if err := <-ended; err != nil {
			t.Error(err)
		}
		close(log.end)
		sink.Close(time.Minute)
	})
}

// follower is the first of three members, with nothing in its log but them.
func follower(t *testing.T) *Node {
	t.Helper()
	var members []member.Member
	for i := range 3 {
		members = append(members, member.Member{ID: member.ID(i + 1), Name: fmt.Sprint(i), PeerURLs: []string{fmt.Sprint("http://", i)}})
	}
	core, err := NewCore(tabled(Config{
		ID: 1, Group: 1, ElectionTicks: 10, HeartbeatTicks: 1, Bootstrap: members,
		State: storage.State{FirstIndex: 1, Terms: []storage.TermBoundary{{}}},
	}))
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		out := core.Output()
		for _, a := range out.Appends {
			if err := core.AppendDone(a.Number); err != nil {
				t.Fatal(err)
			}
		}
	}
	return New(core, nil)
}
