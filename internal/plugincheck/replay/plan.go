package replay

import (
	"errors"
	"fmt"
	"io"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/pluginrecord"
	"github.com/pontoon-raft/pontoon/plugins"
)

// A plan says at which events of a record a replay can begin.
type plan struct {
	kind   plugins.Kind
	events uint64
	// opens are the Opens that were answered, by call.
	opens map[uint64]opened
	// restores are the Restores that were answered well, by call.
	restores map[uint64]bool
	// saves are snapshots that were saved as a whole, by the event of the request after
	// which they were prepared.
	saves map[uint64]save
	// recorded are the versions of the plugin.
	recorded []Version
	limits   plugins.Limits
}

// opened is an Open that was answered well.
type opened struct {
	// empty: the plugin had no state.
	empty bool
	index uint64
}

// A save is a snapshot in the record.
type save struct {
	call  uint64 // of SaveSnapshot
	index uint64
}

// maxPlanned bounds the calls of one kind that a plan keeps: a record has few, and a file that was made
// up might have many.
const maxPlanned = 1 << 20

// A planner reads a record once.
type planner struct {
	plan
	methods map[string]*method
	calls   map[uint64]*plannedCall
	// prepared are the snapshots that wait to be saved, by life and id.
	prepared map[[2]uint64]preparedAt
}

type plannedCall struct {
	method string
	life   uint64
	answer []byte // the last one of an Open or a Restore
	// asking are the batches of an Apply that are to prepare a snapshot, by their numbers.
	asking map[uint64]uint64
	saving *preparedAt
	ended  bool // the end of the chunks has come
}

type preparedAt struct{ event, index uint64 }

// A source has the events of a record.
type source interface {
	Header() pluginrecord.Event
	Next() (pluginrecord.Event, error)
	// Number is that of the event that Next has returned.
	Number() uint64
}

// makePlan reads the record.
func makePlan(in source) (*plan, error) {
	p := &planner{plan: plan{
		kind: plugins.Kind(in.Header().Plugin), opens: map[uint64]opened{}, restores: map[uint64]bool{}, saves: map[uint64]save{},
	}}
	switch p.kind {
	case plugins.Storage, plugins.StateMachine:
	case plugins.Transport:
		return nil, ErrTransport
	default:
		return nil, fmt.Errorf("%w: of a plugin of the kind %q", pluginrecord.ErrNoRecord, in.Header().Plugin)
	}
	p.methods = methods(p.kind)
	p.forget()
	for {
		e, err := in.Next()
		if errors.Is(err, io.EOF) {
			p.events = in.Number()
			return &p.plan, nil
		}
		if err != nil {
			return nil, err
		}
		p.event(in.Number(), &e)
		if len(p.calls)+len(p.restores)+len(p.saves)+len(p.opens)+len(p.prepared) > maxPlanned {
			return nil, fmt.Errorf("%w: more than %d calls are open", pluginrecord.ErrDamaged, maxPlanned)
		}
	}
}

// forget is for what comes after a gap.
func (p *planner) forget() {
	p.calls, p.prepared = map[uint64]*plannedCall{}, map[[2]uint64]preparedAt{}
}

func (p *planner) event(n uint64, e *pluginrecord.Event) {
	switch e.Kind {
	case pluginrecord.Gap, pluginrecord.Header:
		p.forget()
		return
	case pluginrecord.Life:
		p.noteVersion(Version{e.Name, e.Version})
		return
	case pluginrecord.Call:
		if p.methods[e.Method] != nil && p.calls[e.Call] == nil {
			p.calls[e.Call] = &plannedCall{method: e.Method, life: e.Life, asking: map[uint64]uint64{}}
		}
		return
	}
	c := p.calls[e.Call]
	if c == nil {
		return
	}
	switch e.Kind {
	case pluginrecord.Request:
		p.request(n, c, e)
	case pluginrecord.Answer:
		p.answer(c, e)
	case pluginrecord.Status:
		p.status(e.Call, c, e)
		delete(p.calls, e.Call)
	case pluginrecord.GivenUp:
		delete(p.calls, e.Call)
	}
}

func (p *planner) noteVersion(v Version) {
	for _, known := range p.recorded {
		if known == v {
			return
		}
	}
	if len(p.recorded) < 100 {
		p.recorded = append(p.recorded, v)
	}
}

// request looks for batches that prepare a snapshot, and for snapshots that are saved.
func (p *planner) request(n uint64, c *plannedCall, e *pluginrecord.Event) {
	switch c.method {
	case pluginv1.StateMachine_Open_FullMethodName, pluginv1.Storage_Open_FullMethodName:
		var req pluginv1.StateMachineOpenRequest // that of a storage has the options in the same place
		if req.Unmarshal(e.Message) == nil {
			p.noteLimits(&req.Options)
		}
	case pluginv1.StateMachine_Apply_FullMethodName:
		var req pluginv1.ApplyRequest
		if req.Unmarshal(e.Message) == nil && req.PrepareSnapshot && len(c.asking) < maxPlanned {
			c.asking[req.Seq] = n
		}
	case pluginv1.StateMachine_SaveSnapshot_FullMethodName:
		var req pluginv1.StateSnapshotRequest
		if req.Unmarshal(e.Message) != nil {
			return
		}
		if at, ok := p.prepared[[2]uint64{c.life, req.Snapshot}]; ok {
			delete(p.prepared, [2]uint64{c.life, req.Snapshot})
			if !req.Discard {
				c.saving = &at
			}
		}
	}
}

// noteLimits keeps the limits of the first Open.
func (p *planner) noteLimits(o *pluginv1.OpenOptions) {
	if p.limits == (plugins.Limits{}) {
		p.limits = plugins.Limits{
			MaxEntryBytes: o.Limits.MaxEntryBytes, MaxBatchBytes: o.Limits.MaxBatchBytes, MaxChunkBytes: o.Limits.MaxChunkBytes,
			SendBatchBytes: o.Limits.SendBatchBytes, SendChunkBytes: o.Limits.SendChunkBytes,
		}
	}
}

func (p *planner) answer(c *plannedCall, e *pluginrecord.Event) {
	switch c.method {
	case pluginv1.StateMachine_Open_FullMethodName, pluginv1.Storage_Open_FullMethodName:
		c.answer = e.Message
		if c.answer == nil {
			c.answer = []byte{}
		}
	case pluginv1.StateMachine_Apply_FullMethodName:
		p.applied(c, e)
	case pluginv1.StateMachine_SaveSnapshot_FullMethodName:
		var part pluginv1.StateSnapshotChunk
		if c.saving != nil && part.Unmarshal(e.Message) == nil && part.End != nil {
			c.ended = true
		}
	}
}

// applied finds the number of a snapshot that was asked for.
func (p *planner) applied(c *plannedCall, e *pluginrecord.Event) {
	if len(c.asking) == 0 {
		return
	}
	var res pluginv1.ApplyResponse
	if res.Unmarshal(e.Message) != nil || res.More {
		return
	}
	if event, ok := c.asking[res.Seq]; ok && res.Snapshot != 0 {
		p.prepared[[2]uint64{c.life, res.Snapshot}] = preparedAt{event, res.AppliedIndex}
	}
	delete(c.asking, res.Seq)
}

func (p *planner) status(call uint64, c *plannedCall, e *pluginrecord.Event) {
	if statusOf(e.Message).Code() != codes.OK {
		return
	}
	switch c.method {
	case pluginv1.StateMachine_Open_FullMethodName:
		var res pluginv1.StateMachineOpenResponse
		if c.answer != nil && res.Unmarshal(c.answer) == nil {
			p.opens[call] = opened{res.AppliedIndex == 0, res.AppliedIndex}
		}
	case pluginv1.Storage_Open_FullMethodName:
		var res pluginv1.StorageOpenResponse
		if c.answer != nil && res.Unmarshal(c.answer) == nil {
			p.opens[call] = opened{res.LastIndex == 0 && len(res.Snapshots) == 0 && res.HardState.Term == 0, res.LastIndex}
		}
	case pluginv1.StateMachine_Restore_FullMethodName:
		p.restores[call] = true
	case pluginv1.StateMachine_SaveSnapshot_FullMethodName:
		if c.saving != nil && c.ended {
			p.saves[c.saving.event] = save{call, c.saving.index}
		}
	}
}

// statusOf is a status as a record has it; an empty one is OK.
func statusOf(b []byte) *status.Status {
	var st spb.Status
	if err := proto.Unmarshal(b, &st); err != nil {
		return status.New(codes.Unknown, "unreadable status: "+err.Error())
	}
	return status.FromProto(&st)
}
