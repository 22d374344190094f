package api

import (
	"context"
	"crypto/sha256"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/audit"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// audited are requests of which a record is kept. It stands before both unary
// forms, so that what they refuse is in the record too; for Proposals streams see
// auditedstream.go.
type audited struct{ *requests }

// service is what the two unary forms call.
func (r *requests) service() hostv1.HostServer {
	if r.audit == nil {
		return r
	}
	return audited{r}
}

// Propose implements hostv1.HostServer.
func (a audited) Propose(ctx context.Context, req *hostv1.ProposeRequest) (*hostv1.ProposeResponse, error) {
	return recorded(ctx, a.requests, audit.Propose, req, a.requests.Propose, func(r *audit.Record) { withData(r, req.GetData()) })
}

// Query implements hostv1.HostServer.
func (a audited) Query(ctx context.Context, req *hostv1.QueryRequest) (*hostv1.QueryResponse, error) {
	return recorded(ctx, a.requests, audit.Query, req, a.requests.Query, func(r *audit.Record) { withData(r, req.GetData()) })
}

// QueryStream implements hostv1.HostServer. Its record is that of a query, made when the
// answer has ended. One of which a part was sent is recorded as answered, and why it ended.
func (a audited) QueryStream(req *hostv1.QueryRequest, stream queryStream) error {
	_, err := recorded(stream.Context(), a.requests, audit.Query, req, func(ctx context.Context, req *hostv1.QueryRequest) (struct{}, error) {
		return struct{}{}, a.answerInChunks(ctx, req, stream)
	}, func(r *audit.Record) { withData(r, req.GetData()) })
	return err
}

// AddMember implements hostv1.HostServer.
func (a audited) AddMember(ctx context.Context, req *hostv1.AddMemberRequest) (*hostv1.MembersResponse, error) {
	op := audit.AddMember
	if promotes(a.svc, req.GetMember()) {
		op = audit.PromoteMember
	}
	return recorded(ctx, a.requests, op, req, a.requests.AddMember, func(r *audit.Record) {
		r.Target = targetOf(req.GetMember())
		r.Target.Force = req.GetForce()
	})
}

// UpdateMember implements hostv1.HostServer.
func (a audited) UpdateMember(ctx context.Context, req *hostv1.UpdateMemberRequest) (*hostv1.MembersResponse, error) {
	return recorded(ctx, a.requests, audit.UpdateMember, req, a.requests.UpdateMember, func(r *audit.Record) {
		r.Target = targetOf(req.GetMember())
		r.Target.Force = req.GetForce()
	})
}

// RemoveMember implements hostv1.HostServer.
func (a audited) RemoveMember(ctx context.Context, req *hostv1.RemoveMemberRequest) (*hostv1.MembersResponse, error) {
	return recorded(ctx, a.requests, audit.RemoveMember, req, a.requests.RemoveMember, func(r *audit.Record) {
		r.Target = &audit.Target{ID: req.GetId(), Force: req.GetForce()}
	})
}

// TransferLeader implements hostv1.HostServer.
func (a audited) TransferLeader(ctx context.Context, req *hostv1.TransferLeaderRequest) (*hostv1.TransferLeaderResponse, error) {
	return recorded(ctx, a.requests, audit.Transfer, req, a.requests.TransferLeader, func(r *audit.Record) {
		if to := req.GetTo(); to != "" {
			r.Target = &audit.Target{ID: to}
		}
	})
}

// PluginLines implements hostv1.HostServer.
func (a audited) PluginLines(ctx context.Context, req *hostv1.PluginLinesRequest) (*hostv1.PluginLinesResponse, error) {
	return recorded(ctx, a.requests, audit.PluginLines, req, a.requests.PluginLines, func(r *audit.Record) {
		r.Target = pluginTarget(req.GetKind(), req.GetName())
	})
}

// RestartPlugin implements hostv1.HostServer.
func (a audited) RestartPlugin(ctx context.Context, req *hostv1.RestartPluginRequest) (*hostv1.RestartPluginResponse, error) {
	return recorded(ctx, a.requests, audit.RestartPlugin, req, a.requests.RestartPlugin, func(r *audit.Record) {
		r.Target = pluginTarget(req.GetKind(), req.GetName())
	})
}

// UpgradePlugin implements hostv1.HostServer.
func (a audited) UpgradePlugin(ctx context.Context, req *hostv1.UpgradePluginRequest) (*hostv1.UpgradePluginResponse, error) {
	return recorded(ctx, a.requests, audit.UpgradePlugin, req, a.requests.UpgradePlugin, func(r *audit.Record) {
		r.Target = pluginTarget(req.GetKind(), req.GetName())
	})
}

// MoveStorage implements hostv1.HostServer.
func (a audited) MoveStorage(ctx context.Context, req *hostv1.MoveStorageRequest) (*hostv1.MoveStorageResponse, error) {
	return recorded(ctx, a.requests, audit.MoveStorage, req, a.requests.MoveStorage, func(r *audit.Record) {
		r.Target = pluginTarget("storage", req.GetTo())
		r.Target.Force = req.GetForce()
	})
}

// ReadSnapshot implements hostv1.HostServer. Its record is made when the last part was sent.
func (a audited) ReadSnapshot(req *hostv1.ReadSnapshotRequest, stream snapshotStream) error {
	_, err := recorded(stream.Context(), a.requests, audit.ReadSnapshot, req, func(ctx context.Context, req *hostv1.ReadSnapshotRequest) (struct{}, error) {
		return struct{}{}, a.sendSnapshot(ctx, req, stream)
	}, func(*audit.Record) {})
	return err
}

// pluginTarget is a plugin as a request names it, cut to what no name is longer than.
func pluginTarget(kind, name string) *audit.Target {
	const most = 200
	text := kind
	if name != "" {
		text += "(" + name + ")"
	}
	return &audit.Target{Plugin: text[:min(len(text), most)]}
}

// recorded answers a request and keeps a record of it.
func recorded[Req, Resp any](
	ctx context.Context, r *requests, op audit.Op, req Req,
	call func(context.Context, Req) (Resp, error), describe func(*audit.Record),
) (Resp, error) {
	if !r.audit.Wants(op) {
		return recordedIfForbidden(ctx, r, op, req, call, describe)
	}
	record := []audit.Record{{Op: op, Client: clientOf(ctx), Call: r.audit.NextCall()}}
	describe(&record[0])
	if err := r.audit.Begin(ctx, record); err != nil {
		var none Resp
		return none, err
	}
	var seen effect
	resp, err := call(context.WithValue(ctx, effectKey{}, &seen), req)
	conclude(&record[0], seen, err)
	r.audit.End(record[0])
	return resp, err
}

// recordedIfForbidden answers a request that is recorded only if the client's role
// does not allow it.
func recordedIfForbidden[Req, Resp any](
	ctx context.Context, r *requests, op audit.Op, req Req,
	call func(context.Context, Req) (Resp, error), describe func(*audit.Record),
) (Resp, error) {
	resp, err := call(ctx, req)
	if isForbidden(err) {
		record := audit.Record{Op: op, Client: clientOf(ctx), Call: r.audit.NextCall()}
		describe(&record)
		conclude(&record, effect{}, err)
		r.audit.End(record)
	}
	return resp, err
}

// An effect is what a request has led to, beyond what its client is told.
type effect struct {
	index, term uint64
	refused     bool // by the state machine
	shown       bool // a part of an answer in chunks, whatever ended it
}

type effectKey struct{}

// tell says what the request of ctx has led to.
func tell(ctx context.Context, e effect) {
	if seen, ok := ctx.Value(effectKey{}).(*effect); ok {
		*seen = e
	}
}

// effectOf is that of an applied proposal.
func effectOf(r server.Result) effect {
	return effect{index: r.Index, term: r.Term, refused: r.Error != ""}
}

// conclude says in a record what became of its request.
func conclude(r *audit.Record, e effect, err error) {
	switch {
	case err != nil:
		f := failureOf(err)
		r.Outcome, r.Reason = audit.Unknown, f.GetReason()
		switch {
		case e.shown:
			r.Outcome, r.Index = audit.Answered, e.index
		case f.GetOutcome() == notApplied:
			r.Outcome = audit.NotApplied
		}
		return
	case r.Op == audit.Query, r.Op == audit.PluginLines, r.Op == audit.ReadSnapshot:
		r.Outcome = audit.Answered
	default:
		r.Outcome = audit.Applied
	}
	r.Index, r.Term = e.index, e.term
	if e.refused {
		r.Reason = audit.ReasonRefused
	}
}

// clientOf is the client that the request of ctx comes from.
func clientOf(ctx context.Context) *access.Identity {
	who, ok := access.From(ctx)
	if !ok {
		return nil
	}
	return &who
}

func withData(r *audit.Record, data []byte) {
	r.HasData, r.Bytes, r.Digest = true, len(data), sha256.Sum256(data)
}

func targetOf(m *hostv1.Member) *audit.Target {
	return &audit.Target{
		ID: m.GetId(), Name: m.GetName(), PeerURLs: m.GetPeerUrls(), ClientAddress: m.GetClientAddress(), Learner: m.GetLearner(),
	}
}

// promotes tells whether to add m is to make a voter of a learner.
func promotes(svc server.Service, m *hostv1.Member) bool {
	id, err := server.ParseNodeID(m.GetId())
	if err != nil || m.GetLearner() {
		return false
	}
	for _, have := range svc.Membership().Members {
		if have.ID == id {
			return have.Learner
		}
	}
	return false
}
