package api

import (
	"cmp"
	"context"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/audit"
	"github.com/pontoon-raft/pontoon/internal/events"
	"github.com/pontoon-raft/pontoon/internal/server"
)

var _ hostv1.HostServer = (*requests)(nil)

// requests answers the unary forms, for gRPC and JSON alike. Its errors are
// those of the service; the two ways in give them their codes.
type requests struct {
	hostv1.UnimplementedHostServer
	svc      server.Service
	limits   Limits
	version  string
	audit    *audit.Log   // nil if no record is kept
	happened *events.Ring // what Events tells
	// end says how far the server's own end has come.
	end *ending
	// guard decides what clients may do; nil if they may do everything.
	guard *access.Guard
	// classes are those of commands and queries; nil if there are none.
	classes *access.Classes
	// refusals observes how long the refusals of proposals on streams take.
	refusals prometheus.Observer
	// bounds are what all clients share.
	bounds *bounds
	// buffers are those of all connections.
	buffers *bufferPool
	// readers are the goroutines that read and write Proposals streams, and send answers in chunks. They end
	// when their call does.
	readers sync.WaitGroup
}

// Propose implements hostv1.HostServer.
func (r *requests) Propose(ctx context.Context, req *hostv1.ProposeRequest) (*hostv1.ProposeResponse, error) {
	if err := r.takes(ctx); err != nil {
		return nil, err
	}
	if n := len(req.GetData()); n > r.limits.MaxValueBytes {
		return nil, valueTooLarge("value", n, r.limits.MaxValueBytes)
	}
	d := r.demands(ctx)
	if err := d.command(req.GetData()); err != nil {
		return nil, err
	}
	svc, _, release := r.forClient(ctx)
	defer release()
	c := sharerOf(ctx)
	call, err := r.bounds.call(c)
	if err != nil {
		return nil, err
	}
	defer call.leave()
	place, err := r.bounds.propose(c, len(req.GetData()))
	if err != nil {
		return nil, err
	}
	defer place.leave()
	result, err := svc.Propose(ctx, req.GetData())
	if err != nil {
		return nil, err
	}
	tell(ctx, effectOf(result))
	return r.handResult(ctx, result), nil
}

// Query implements hostv1.HostServer.
func (r *requests) Query(ctx context.Context, req *hostv1.QueryRequest) (*hostv1.QueryResponse, error) {
	if err := r.takes(ctx); err != nil {
		return nil, err
	}
	if n := len(req.GetData()); n > r.limits.MaxValueBytes {
		return nil, valueTooLarge("query", n, r.limits.MaxValueBytes)
	}
	d := r.demands(ctx)
	if err := d.query(req.GetData()); err != nil {
		return nil, err
	}
	level, err := consistency(req.GetConsistency())
	if err != nil {
		return nil, err
	}
	call, err := r.bounds.call(sharerOf(ctx))
	if err != nil {
		return nil, err
	}
	defer call.leave()
	answer, err := r.svc.Query(ctx, req.GetData(), level)
	if err != nil {
		return nil, ofRead(err)
	}
	tell(ctx, effect{index: answer.Index})
	if err := r.handAnswer(ctx, len(answer.Data)); err != nil {
		return nil, err
	}
	return &hostv1.QueryResponse{Data: answer.Data, Index: answer.Index}, nil
}

// ReadBarrier implements hostv1.HostServer.
func (r *requests) ReadBarrier(ctx context.Context, _ *hostv1.ReadBarrierRequest) (*hostv1.ReadBarrierResponse, error) {
	if err := r.takes(ctx); err != nil {
		return nil, err
	}
	call, err := r.bounds.call(sharerOf(ctx))
	if err != nil {
		return nil, err
	}
	defer call.leave()
	index, err := r.svc.ReadBarrier(ctx)
	if err != nil {
		return nil, ofRead(err)
	}
	return &hostv1.ReadBarrierResponse{Index: index}, nil
}

func consistency(c hostv1.Consistency) (server.Consistency, error) {
	switch c {
	case hostv1.Consistency_CONSISTENCY_LINEARIZABLE:
		return server.Linearizable, nil
	case hostv1.Consistency_CONSISTENCY_STALE:
		return server.Stale, nil
	}
	return 0, malformed("consistency %d is neither linearizable nor stale", c)
}

// Status implements hostv1.HostServer. It answers during a stop, too.
func (r *requests) Status(ctx context.Context, _ *hostv1.StatusRequest) (*hostv1.StatusResponse, error) {
	out := toStatus(r.svc.Status())
	out.Version = cmp.Or(out.Version, text(r.version))
	if err := r.handAnswer(ctx, proto.Size(out)); err != nil {
		return nil, err
	}
	return out, nil
}

// Members implements hostv1.HostServer. It answers during a stop, too.
func (r *requests) Members(ctx context.Context, req *hostv1.MembersRequest) (*hostv1.MembersResponse, error) {
	if !req.GetLinearizable() {
		return r.listed(ctx, r.svc.Membership())
	}
	call, err := r.bounds.call(sharerOf(ctx))
	if err != nil {
		return nil, err
	}
	defer call.leave()
	members, err := r.svc.CurrentMembership(ctx)
	if err != nil {
		return nil, ofRead(err)
	}
	return r.listed(ctx, members)
}

// listed is the answer to a client that asked for the members.
func (r *requests) listed(ctx context.Context, members server.Membership) (*hostv1.MembersResponse, error) {
	out := toMembers(members)
	if err := r.handAnswer(ctx, proto.Size(out)); err != nil {
		return nil, err
	}
	return out, nil
}

// AddMember implements hostv1.HostServer.
func (r *requests) AddMember(ctx context.Context, req *hostv1.AddMemberRequest) (*hostv1.MembersResponse, error) {
	member, err := fromMember(req.GetMember())
	return change(ctx, r, member, err, req.GetForce(), r.svc.AddMember)
}

// UpdateMember implements hostv1.HostServer.
func (r *requests) UpdateMember(ctx context.Context, req *hostv1.UpdateMemberRequest) (*hostv1.MembersResponse, error) {
	member, err := fromUpdate(req.GetMember())
	return change(ctx, r, member, err, req.GetForce(), r.svc.UpdateMember)
}

// RemoveMember implements hostv1.HostServer.
func (r *requests) RemoveMember(ctx context.Context, req *hostv1.RemoveMemberRequest) (*hostv1.MembersResponse, error) {
	id, err := memberID("id", req.GetId())
	return change(ctx, r, id, err, req.GetForce(), r.svc.RemoveMember)
}

// change makes a change of what a request says of its subject, unless that is wrong.
func change[T any](ctx context.Context, r *requests, subject T, wrong error, force bool,
	do func(context.Context, T, server.ChangeOptions) (server.Membership, error),
) (*hostv1.MembersResponse, error) {
	if err := cmp.Or(r.end.refusal(), wrong); err != nil {
		return nil, err
	}
	members, err := do(ctx, subject, server.ChangeOptions{Force: force})
	if err != nil {
		return nil, err
	}
	tell(ctx, effect{index: members.Index, term: members.Term})
	return toMembers(members), nil
}

// TransferLeader implements hostv1.HostServer.
func (r *requests) TransferLeader(ctx context.Context, req *hostv1.TransferLeaderRequest) (*hostv1.TransferLeaderResponse, error) {
	if err := r.end.refusal(); err != nil {
		return nil, err
	}
	to, err := optionalID("to", req.GetTo())
	if err != nil {
		return nil, err
	}
	leader, err := r.svc.TransferLeader(ctx, to)
	if err != nil {
		return nil, err
	}
	return &hostv1.TransferLeaderResponse{Leader: hex(uint64(leader))}, nil
}
