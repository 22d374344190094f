package replay

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/pluginrecord"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
)

// beginSaved begins a replay after the batch with which a snapshot was prepared: the process is
// restored from what the plugin of the record has saved.
func (l *life) beginSaved(e *pluginrecord.Event, s save) error {
	l.p.begins(e, "saved", s.index)
	c := &call{life: l, number: s.call, name: pluginv1.StateMachine_Restore_FullMethodName, method: l.p.methods[pluginv1.StateMachine_Restore_FullMethodName], time: e.Time}
	if err := l.startAnew(c); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(l.process.ctx)
	defer cancel()
	c.cancel = cancel
	res, err := l.restore(ctx, c, s)
	then := fmt.Sprintf("the snapshot of index %d, saved by the plugin of the record", s.index)
	switch {
	case err != nil && c.overdue.Load():
		return c.differs("restore", then, c.tooLate())
	case errors.Is(err, errSaved):
		return err
	case err != nil:
		return c.differs("restore", then, err.Error())
	case res.AppliedIndex != s.index:
		return c.differs("restore", then, fmt.Sprintf("applied index %d after it", res.AppliedIndex))
	}
	l.p.report.Calls++
	return nil
}

// errSaved: the record cannot be read a second time.
var errSaved = errors.New("a snapshot of the record cannot be read")

// restore gives the process the snapshot.
func (l *life) restore(ctx context.Context, c *call, s save) (*pluginv1.RestoreResponse, error) {
	in, err := l.p.files.Series()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errSaved, err)
	}
	desc := &grpc.StreamDesc{ClientStreams: true}
	stream, err := l.process.conn.NewStream(ctx, desc, pluginv1.StateMachine_Restore_FullMethodName)
	if err != nil {
		return nil, err
	}
	send := func(m *pluginv1.RestoreRequest) error {
		defer c.within()()
		if err := stream.SendMsg(m); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		return nil
	}
	if err := send(&pluginv1.RestoreRequest{Call: l.who(), Header: &pluginv1.RestoreHeader{Index: s.index}}); err != nil {
		return nil, err
	}
	var sum pluginrpc.Sum
	err = chunksOf(in, s.call, func(b []byte) error {
		sum.Add(b)
		return send(&pluginv1.RestoreRequest{Chunk: b})
	})
	if err != nil {
		return nil, err
	}
	if err := send(&pluginv1.RestoreRequest{End: sum.End()}); err != nil {
		return nil, err
	}
	_ = stream.CloseSend() // what is received says why
	defer c.within()()
	res := new(pluginv1.RestoreResponse)
	return res, stream.RecvMsg(res)
}

// chunksOf reads the chunks of a SaveSnapshot.
func chunksOf(in *pluginrecord.Series, call uint64, take func([]byte) error) error {
	for {
		e, err := in.Next()
		if err != nil {
			return fmt.Errorf("%w: %w", errSaved, err)
		}
		if e.Call != call || e.Kind != pluginrecord.Answer && e.Kind != pluginrecord.Status {
			continue
		}
		var part pluginv1.StateSnapshotChunk
		if e.Kind == pluginrecord.Status {
			return nil
		}
		if err := part.Unmarshal(e.Message); err != nil {
			return fmt.Errorf("%w: %w", errSaved, err)
		}
		if len(part.Chunk) > 0 {
			if err := take(part.Chunk); err != nil {
				return err
			}
		}
	}
}
