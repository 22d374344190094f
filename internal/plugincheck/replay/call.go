package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/pluginrecord"
)

// A call is one of the record, and the one that stands for it.
type call struct {
	life   *life
	number uint64
	name   string
	method *method
	time   time.Time
	// request is the first one, for people.
	request []byte
	// live: the process is given it.
	live bool
	// loose: an answer that differs counts for nothing. changes is how many there were when
	// it began.
	loose   bool
	changes int

	recorded *answer
	replayed chan *answer
	cancel   context.CancelFunc
	stream   grpc.ClientStream // of an upload or a feed
	allSent  bool
	feed     feedState
	overdue  atomic.Bool
}

// starts notes what the answer will depend on.
func (c *call) starts() {
	c.life.p.report.Calls++
	c.replayed = make(chan *answer, 1)
	c.loose = c.loose || c.life.pending > 0
	if c.method.changes && c.method.shape != feed {
		c.life.changes++
		c.life.pending++
	}
	c.changes = c.life.changes
}

// event is one of this call.
func (c *call) event(e *pluginrecord.Event) error {
	switch e.Kind {
	case pluginrecord.Request:
		if c.request == nil {
			c.request = e.Message
		}
		return c.asked(e)
	case pluginrecord.Answer:
		if c.method.shape == feed {
			return c.answered(e.Message)
		}
		if c.live {
			c.recorded.add(c.method, e.Message)
		}
	case pluginrecord.Sent:
		c.sent()
	case pluginrecord.Status:
		return c.ended(statusOf(e.Message))
	case pluginrecord.GivenUp:
		c.givenUp()
	}
	return nil
}

// asked sends a request as the host did.
func (c *call) asked(e *pluginrecord.Event) error {
	switch {
	case c.method.open:
		return c.life.opens(c, e)
	case c.method.shape == feed:
		return c.batch(e.Message)
	case !c.live:
		return nil
	case c.method.shape == upload:
		return c.send(e.Message)
	case c.name == pluginv1.StateMachine_SaveSnapshot_FullMethodName:
		return c.save(e.Message)
	}
	return c.ask(e.Message)
}

// ask makes a call with one request. Its answer comes to replayed.
func (c *call) ask(request []byte) error {
	ctx, cancel := context.WithCancel(c.life.process.ctx)
	c.cancel = cancel
	conn, to, m, name, shape := c.life.process.conn, c.replayed, c.method, c.name, c.method.shape
	go func() {
		defer cancel()
		a := newAnswer()
		var err error
		if shape == download {
			err = receiveAll(ctx, conn, name, request, func(b []byte) { a.add(m, b) })
		} else {
			var res rawMessage
			if err = conn.Invoke(ctx, name, &rawMessage{request}, &res); err == nil {
				a.add(m, res.bytes)
			}
		}
		if err != nil {
			a.st = status.Convert(err)
		}
		to <- a
	}()
	return nil
}

// receiveAll makes a call that is answered with a stream.
func receiveAll(ctx context.Context, conn grpc.ClientConnInterface, name string, request []byte, take func([]byte)) error {
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, name)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(&rawMessage{request}); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for {
		var res rawMessage
		if err := stream.RecvMsg(&res); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		take(res.bytes)
	}
}

// save asks for a snapshot by the id that the process gave it. One that was prepared before the replay
// began is not there.
func (c *call) save(request []byte) error {
	var req pluginv1.StateSnapshotRequest
	if err := req.Unmarshal(request); err != nil {
		return fmt.Errorf("%w: request of call %d: %w", pluginrecord.ErrDamaged, c.number, err)
	}
	id, ok := c.life.snapshots[req.Snapshot]
	if !ok {
		c.live = false
		return nil
	}
	delete(c.life.snapshots, req.Snapshot)
	req.Snapshot = id
	b, err := req.Marshal()
	if err != nil {
		return err
	}
	return c.ask(b)
}

// open opens the stream of an upload or a feed.
func (c *call) open() error {
	if c.stream != nil {
		return nil
	}
	ctx, cancel := context.WithCancel(c.life.process.ctx)
	desc := &grpc.StreamDesc{ClientStreams: true, ServerStreams: c.method.shape == feed}
	stream, err := c.life.process.conn.NewStream(ctx, desc, c.name)
	if err != nil {
		cancel()
		return c.differs("outcome", "taken", err.Error())
	}
	c.stream, c.cancel = stream, cancel
	return nil
}

// send sends a message of a stream. That the plugin has ended the stream shows in what is received.
func (c *call) send(request []byte) error {
	if err := c.open(); err != nil {
		return err
	}
	defer c.within()()
	if err := c.stream.SendMsg(&rawMessage{request}); err != nil && c.overdue.Load() {
		return c.differs("request", "taken", c.tooLate())
	}
	return nil
}

// within cancels the stream after the timeout, unless what it returns is called before.
func (c *call) within() (stop func()) {
	cancel := c.cancel
	timer := time.AfterFunc(c.life.p.subject.Timeout, func() {
		c.overdue.Store(true)
		cancel()
	})
	return func() { timer.Stop() }
}

func (c *call) tooLate() string {
	return fmt.Sprintf("nothing within %v", c.life.p.subject.Timeout)
}

// sent says that there are no more requests.
func (c *call) sent() {
	if !c.live || c.stream == nil || c.allSent {
		return
	}
	c.allSent = true
	_ = c.stream.CloseSend() // what is received says why it could not be sent
	if c.method.shape != upload {
		return
	}
	stream, to, m := c.stream, c.replayed, c.method
	go func() {
		a := newAnswer()
		var res rawMessage
		if err := stream.RecvMsg(&res); err != nil {
			a.st = status.Convert(err)
		} else {
			a.add(m, res.bytes)
		}
		to <- a
	}()
}

// ended compares the answer, once the record has the end of it.
func (c *call) ended(st *status.Status) error {
	if !c.live {
		return nil
	}
	if c.method.shape == feed {
		return c.feedEnded(st)
	}
	if isLost(st) {
		c.givenUp()
		return nil
	}
	c.settle()
	c.recorded.st = st
	if c.method.shape == upload && st.Code() != codes.OK {
		c.sent() // the plugin has ended it early
	}
	got, err := c.wait()
	if err != nil {
		return err
	}
	return c.compare(got)
}

// settle ends the time in which the call may change the state.
func (c *call) settle() {
	if c.method.changes && c.method.shape != feed {
		c.life.pending--
	}
}

// wait waits for the answer of the process.
func (c *call) wait() (*answer, error) {
	timer := time.NewTimer(c.life.p.subject.Timeout)
	defer timer.Stop()
	select {
	case a := <-c.replayed:
		return a, nil
	case <-timer.C:
		return nil, c.differs("outcome", c.recorded.String(), c.tooLate())
	case <-c.life.p.ctx.Done():
		return nil, c.life.p.ctx.Err()
	}
}

// compare holds the answer of the process against that of the record.
func (c *call) compare(got *answer) error {
	l := c.life
	same := got.is(c.recorded)
	switch {
	case same:
		l.p.did(fmt.Sprintf("call %d, %s", c.number, c.String()))
	case c.method.open && c.loose:
		l.p.leave(fmt.Sprintf("the plugin opened with another state than in the record, after an end of which the record does not know what it left (call %d): %s; and then %s", c.number, got, c.recorded))
		l.abandon()
		return nil
	case !c.method.changes && (c.loose || l.pending > 0 || l.changes != c.changes):
		l.p.report.Undecided++
	default:
		return c.differs("answer", c.recorded.String(), got.String())
	}
	if c.method.close && c.recorded.st.Code() == codes.OK {
		l.closed = true
	}
	return nil
}

// String is the call for people, without its number.
func (c *call) String() string {
	text := shortMethod(c.name)
	if c.method.asked != nil {
		text += " " + clipped(c.method.asked(c.request))
	}
	if answer := c.recorded.String(); answer != "" {
		text += ": " + clipped(answer)
	}
	return text
}

// givenUp ends a call that the host did not wait for, or whose connection was lost.
func (c *call) givenUp() {
	if !c.live {
		return
	}
	c.settle()
	if c.cancel != nil {
		c.cancel()
	}
	c.dropBatches()
}

// differs is a difference in this call.
func (c *call) differs(what, recorded, replayed string) error {
	d := &Difference{Call: c.number, Method: shortMethod(c.name), Time: c.time, What: what, Recorded: recorded, Replayed: replayed}
	if c.method.asked != nil {
		d.Request = c.method.asked(c.request)
	}
	return c.life.p.differs(d)
}
