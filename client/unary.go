package client

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
)

// reasonNoQuorum is the word of a member that hears from too few voters. One
// that is cut off says so too, so it ends a call only when no other member does
// better.
const reasonNoQuorum = "no_quorum"

// reasonQueryFailed is the word of a member whose state machine failed over a query, or that keeps
// the query from it for a while.
const reasonQueryFailed = "query_failed"

// A request is one unary call, wherever it may be sent.
type request struct {
	// reads: it changes nothing, so that a second try never harms.
	reads bool
	// lasts: its answer goes on, so that its member may keep it from a state machine that ended
	// beside it by chance. Another member may answer.
	lasts bool
	send  func(ctx context.Context, host hostv1.HostClient) error
}

// ask is do with a method of the host.
func ask[Req, Res any](ctx context.Context, c *Client, r request, req *Req,
	method func(hostv1.HostClient, context.Context, *Req, ...grpc.CallOption) (*Res, error),
) (*Res, error) {
	var answer *Res
	r.send = func(ctx context.Context, host hostv1.HostClient) (err error) {
		answer, err = method(host, ctx, req)
		return err
	}
	err := c.do(ctx, r)
	return answer, err
}

// do sends r to one member after another until one answers, it makes no sense
// to go on, or the time is over.
func (c *Client) do(ctx context.Context, r request) error { return c.doBy(ctx, c.deadline(ctx), r) }

// doBy is do with the deadline of a call that has begun already.
func (c *Client) doBy(ctx context.Context, deadline int64, r request) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(deadline-c.now()))
	defer cancel()
	stop := context.AfterFunc(c.ctx, cancel)
	defer stop()

	preferred := c.preferred()
	for round := 0; ; round++ {
		var last, hopeless *Error
		for _, addr := range c.conns.addresses(preferred) {
			e := c.try(ctx, addr, r)
			switch {
			case e == nil:
				return nil
			case c.ctx.Err() != nil:
				e.Reason, e.Message, e.Err = ReasonClosed, ErrClosed.Error(), ErrClosed
				return e
			case ctx.Err() != nil:
				return ended(ctx, e.Outcome, last)
			case r.lasts && e.Reason == reasonQueryFailed:
			case !e.retryable() && !(r.reads && !e.lasting()):
				return e
			}
			last = e
			if e.Reason == reasonNoQuorum || e.Reason == reasonQueryFailed {
				hopeless = e
			}
			if e.LeaderAddress != "" && e.LeaderAddress != addr {
				preferred, hopeless = e.LeaderAddress, nil
				break
			}
		}
		if hopeless != nil { // no member has a better answer
			return hopeless
		}
		if err := c.pause(ctx, deadline, round, last); err != nil {
			return err
		}
	}
}

// preferred is where proposals go, if they go anywhere.
func (c *Client) preferred() string {
	if p := c.current.Load(); p != nil {
		return p.endpoint
	}
	return ""
}

func (c *Client) try(ctx context.Context, addr string, r request) *Error {
	conn, err := c.conns.ready(ctx, addr)
	if err != nil {
		return unreachable(addr, err)
	}
	if err := r.send(ctx, hostv1.NewHostClient(conn)); err != nil {
		e := fromRPC(addr, err)
		if e.Reason == reasonBadCertificate {
			c.conns.drop(addr, conn)
		}
		if r.reads {
			e.Outcome = NotApplied
		}
		return e
	}
	return nil
}

// proposeAlone is Propose for a large value.
func (c *Client) proposeAlone(ctx context.Context, deadline int64, data []byte) (result Result, err error) {
	err = c.doBy(ctx, deadline, request{send: func(ctx context.Context, host hostv1.HostClient) error {
		var header metadata.MD
		resp, err := host.Propose(ctx, &hostv1.ProposeRequest{Data: data}, grpc.Header(&header))
		if err != nil {
			c.pacing.refused(fromRPC("", err), len(data), c.now())
			return tooLargeToRead(err, len(header) == 0)
		}
		result = Result{Index: resp.GetIndex(), Data: resp.GetData(), Error: resp.GetError(), Lost: resp.GetResultLost()}
		return nil
	}})
	return result, err
}

// tooLargeToRead adds to gRPC's own refusal of a large request what the host
// had no occasion to say. Without a header no answer was begun, so it is not
// this side that refuses a large answer.
func tooLargeToRead(err error, headerless bool) error {
	st := status.Convert(err)
	if st.Code() != codes.ResourceExhausted || len(st.Details()) > 0 || !headerless {
		return err
	}
	with, detailErr := st.WithDetails(&hostv1.Failure{
		Outcome: hostv1.Outcome_OUTCOME_NOT_APPLIED, Reason: "too_large", Message: st.Message(),
	})
	if detailErr != nil {
		return err
	}
	return with.Err()
}

// Consistency says how fresh a query's answer must be.
type Consistency int

// The consistency levels.
const (
	// Linearizable: reflects every proposal acknowledged before the query.
	Linearizable Consistency = iota
	// Stale is the state that the member has.
	Stale
)

// Answer is a query's answer and the applied index it reflects at least.
type Answer struct {
	Data  []byte
	Index uint64
}

// Query asks the state machine. Queries change nothing: all errors are
// NotApplied.
func (c *Client) Query(ctx context.Context, data []byte, level Consistency) (Answer, error) {
	req := &hostv1.QueryRequest{Data: data}
	if level == Stale {
		req.Consistency = hostv1.Consistency_CONSISTENCY_STALE
	}
	resp, err := ask(ctx, c, request{reads: true}, req, hostv1.HostClient.Query)
	return Answer{Data: resp.GetData(), Index: resp.GetIndex()}, err
}

// ReadBarrier returns when every proposal that was acknowledged before the call is
// applied on the member that answers, with an index that is not before any of them.
// It asks no state machine, and costs the same as the first half of a linearizable
// Query. The next call may go to another member: to have many stale queries reflect one
// barrier, compare their Answer.Index with the one returned here. All errors are
// NotApplied.
func (c *Client) ReadBarrier(ctx context.Context) (index uint64, err error) {
	resp, err := ask(ctx, c, request{reads: true}, &hostv1.ReadBarrierRequest{}, hostv1.HostClient.ReadBarrier)
	return resp.GetIndex(), err
}
