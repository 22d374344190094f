package node

import (
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pontoon-raft/pontoon/internal/logsink"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// unread is a log that nobody reads.
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

// Law 1, also while nobody reads the log: whatever the raft goroutine has to
// say, it goes on ticking.
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
