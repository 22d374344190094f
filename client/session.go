package client

import (
	"context"
	"errors"
	"slices"
	"time"

	"google.golang.org/grpc"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/pause"
	"github.com/pontoon-raft/pontoon/internal/wake"
)

// A session keeps a pipeline to the best member there is: the leader, or else
// any that answers. It has a goroutine of its own.
type session struct {
	c *Client
	// current is what is published.
	current *pipeline
	// broken is the endpoint whose stream ended last: the last to try.
	broken string
	// tries counts failures in a row, moved says when the session last looked
	// for a better member.
	tries int
	moved time.Time
}

// run ends with Close.
func (s *session) run() {
	c := s.c
	check := time.NewTicker(leaderCheck)
	defer check.Stop()
	for c.ctx.Err() == nil {
		if s.current == nil {
			if err := s.connect(""); err != nil {
				c.publish(nil, err)
				s.wait()
				continue
			}
		}
		select {
		case <-s.current.over:
			s.lost()
		case <-c.poke:
			s.follow()
		case <-check.C:
			s.follow()
		case <-c.ctx.Done():
		}
	}
	if s.current != nil {
		<-s.current.over
	}
	c.publish(nil, closedError())
}

// lost takes the end of the current pipeline. One that lived for a moment
// only is as good as none: the next attempt waits.
func (s *session) lost() {
	p := s.current
	s.c.opts.Logger.Debug("stream to host ended", "endpoint", p.endpoint, "error", p.why)
	s.current, s.broken = nil, p.endpoint
	s.c.publish(nil, p.why)
	if s.c.now()-p.begin > int64(backoffMax) {
		s.tries = 0
		return
	}
	s.wait()
}

// wait lets some time pass after a failure, more with each in a row.
func (s *session) wait() {
	wait := min(backoffMin<<min(s.tries, 10), backoffMax)
	s.tries++
	pause.For(s.c.ctx, wait)
}

// connect opens and publishes a pipeline to any address but except, to the
// leader if a member knows it.
func (s *session) connect(except string) *Error {
	var last *Error
	for _, addr := range s.candidates() {
		if addr == except {
			continue
		}
		p, leader, err := s.open(addr)
		if err != nil {
			if !last.barred() {
				last = notOpened(addr, err)
			}
			continue
		}
		if leader != "" && leader != addr && leader != except && !s.c.opts.AnyMember {
			if better, _, err := s.open(leader); err == nil {
				p.discard()
				p = better
			}
		}
		s.use(p)
		return nil
	}
	if last == nil {
		last = &Error{Outcome: NotApplied, Reason: ReasonUnreachable, Message: "no other member known"}
	}
	return last
}

// candidates are the addresses to try, in order.
func (s *session) candidates() []string {
	addrs := s.c.conns.addresses(s.c.takeHint())
	if i := slices.Index(addrs, s.broken); i >= 0 {
		addrs = append(slices.Delete(addrs, i, i+1), s.broken)
	}
	return addrs
}

// use publishes p and lets what was there before finish.
func (s *session) use(p *pipeline) {
	old := s.current
	s.current = p
	s.c.running.Go(p.run)
	s.c.publish(p, nil)
	s.c.opts.Logger.Debug("stream to host", "endpoint", p.endpoint, "member", p.member)
	if old != nil {
		old.retire()
	}
}

// follow moves to the leader, or away from a member that is about to leave or
// does not answer.
func (s *session) follow() {
	if soon := moveGap - time.Since(s.moved); soon > 0 {
		time.AfterFunc(soon, func() { wake.Up(s.c.poke) })
		return
	}
	s.moved = time.Now()
	if s.current.leaving.Swap(false) {
		// If no other member is there, callers go on trying here.
		_ = s.connect(s.current.endpoint)
		return
	}
	if s.renew() {
		return
	}
	addr := s.c.takeHint()
	if addr == "" {
		var err error
		if addr, err = s.leader(); err != nil {
			_ = s.connect(s.current.endpoint)
			return
		}
	}
	if addr == "" || addr == s.current.endpoint || s.c.opts.AnyMember {
		return
	}
	p, _, err := s.open(addr)
	switch {
	case err != nil:
	case p.member == s.current.member:
		// The same member by another name.
		p.discard()
	default:
		s.use(p)
	}
}

// leader is where the current member sees the leader, empty if nowhere.
func (s *session) leader() (string, error) {
	ctx, cancel := context.WithTimeout(s.c.ctx, min(leaderCheck, s.c.opts.DialTimeout))
	defer cancel()
	conn, err := s.c.conns.ready(ctx, s.current.endpoint)
	if err != nil {
		return "", err
	}
	_, leader, err := s.ask(ctx, s.current.endpoint, hostv1.NewHostClient(conn))
	return leader, err
}

// ask returns who a member is and where it sees the leader: its own endpoint
// if it leads, empty if it knows none.
func (s *session) ask(ctx context.Context, endpoint string, host hostv1.HostClient) (member, leader string, err error) {
	status, err := host.Status(ctx, &hostv1.StatusRequest{})
	if err != nil {
		return "", "", err
	}
	if status.GetLeader() == status.GetId() && status.GetId() != "" {
		return status.GetId(), endpoint, nil
	}
	members, err := host.Members(ctx, &hostv1.MembersRequest{})
	if err != nil {
		return "", "", err
	}
	return status.GetId(), s.c.learn(members, status.GetLeader()), nil
}

// open connects to addr and begins a stream, within DialTimeout. Leader is
// where that member sees the leader, if it does.
func (s *session) open(addr string) (p *pipeline, leader string, err error) {
	ctx, cancel := context.WithCancel(s.c.ctx)
	limit := time.AfterFunc(s.c.opts.DialTimeout, cancel)
	defer limit.Stop()
	defer func() {
		if err != nil {
			cancel()
		}
	}()
	conn, err := s.c.conns.ready(ctx, addr)
	if err != nil {
		return nil, "", err
	}
	token, err := s.c.opts.token.current()
	if err != nil {
		return nil, "", unshown(err.Error())
	}
	host := hostv1.NewHostClient(conn)
	member, leader, err := s.ask(ctx, addr, host)
	if err != nil {
		if fromRPC(addr, err).Reason == reasonBadCertificate {
			s.c.conns.drop(addr, conn)
		}
		return nil, "", err
	}
	stream, err := host.Proposals(ctx, grpc.ForceCodecV2(streamCodec{}))
	if err != nil {
		return nil, "", err
	}
	if !limit.Stop() {
		return nil, "", errors.New("no stream in time")
	}
	p = newPipeline(s.c, addr, member, stream, cancel)
	p.token = token
	return p, leader, nil
}

// discard ends a pipeline that was never run.
func (p *pipeline) discard() { p.cancel() }
