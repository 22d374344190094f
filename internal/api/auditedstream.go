package api

import (
	"cmp"
	"context"
	"time"

	"github.com/pontoon-raft/pontoon/internal/access"
	"github.com/pontoon-raft/pontoon/internal/audit"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// intentsAtOnce is how many proposals of one batch have their intents written
// together: a fraction of what an audit.Log has room for.
const intentsAtOnce = 1024

// A streamAudit records the proposals of one stream, or those alone that the client's
// role does not allow. A nil one records nothing.
type streamAudit struct {
	log    *audit.Log
	client *access.Identity
	call   uint64
}

// auditOf is what records a stream's proposals; nil if there is no log.
func auditOf(ctx context.Context, log *audit.Log) *streamAudit {
	if log == nil {
		return nil
	}
	return &streamAudit{log, clientOf(ctx), log.NextCall()}
}

// all tells whether all proposals are recorded.
func (a *streamAudit) all() bool { return a != nil && a.log.Wants(audit.Propose) }

// record is that of one proposal.
func (a *streamAudit) record(id uint64) audit.Record {
	return audit.Record{Op: audit.Propose, Client: a.client, Call: a.call, ID: id, InStream: true}
}

// refused records a proposal that the stream itself refuses. Its data, which may be
// large, is not looked at.
func (a *streamAudit) refused(id uint64, err error) {
	if a == nil || !a.all() && !isForbidden(err) {
		return
	}
	r := a.record(id)
	conclude(&r, effect{}, err)
	a.log.End(r)
}

// admit hands proposals to the service and records what becomes of them.
func (a *streamAudit) admit(s *proposalStream, batch []proposal, arrived time.Time) {
	for len(batch) > 0 {
		n := min(len(batch), intentsAtOnce)
		a.admitSome(s, batch[:n], arrived)
		batch = batch[n:]
	}
}

func (a *streamAudit) admitSome(s *proposalStream, batch []proposal, arrived time.Time) {
	records := make([]audit.Record, len(batch))
	for i := range batch {
		records[i] = a.record(batch[i].ID)
		withData(&records[i], batch[i].Data)
	}
	if err := a.log.Begin(s.stream.Context(), records); err != nil {
		toll := s.toll(arrived)
		for i := range batch {
			s.answer(batch[i].ID, batch[i].size(), arrived, server.Result{}, cmp.Or(toll.take(), err))
		}
		return
	}
	for i := range batch {
		p, r := &batch[i], &records[i]
		id, size := p.ID, p.size()
		s.svc.ProposeAsync(p.Data, p.timeout(), func(result server.Result, err error) {
			conclude(r, effectOf(result), err)
			a.log.End(*r)
			s.answer(id, size, arrived, result, err)
		})
	}
}
