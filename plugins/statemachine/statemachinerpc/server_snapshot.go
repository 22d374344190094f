package statemachinerpc

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"sync"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// maxPrepared is how many prepared snapshots may wait to be taken: each pins
// a view of the state.
const maxPrepared = 16

// snapshots are the prepared ones, by id. The zero value is ready for use.
type snapshots struct {
	mu       sync.Mutex
	reserved int // asked for, including those in byID
	lastID   uint64
	byID     map[uint64]statemachine.Snapshot
}

// reserve makes sure that there is room for one more.
func (t *snapshots) reserve() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reserved >= maxPrepared {
		return fmt.Errorf("%d snapshots are prepared and not taken: %w", t.reserved, plugins.ErrLimit)
	}
	t.reserved++
	return nil
}

func (t *snapshots) add(s statemachine.Snapshot) uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID == nil {
		t.byID = make(map[uint64]statemachine.Snapshot)
	}
	t.lastID++
	t.byID[t.lastID] = s
	return t.lastID
}

// take removes the snapshot, so that its caller is alone in using it.
func (t *snapshots) take(id uint64) (statemachine.Snapshot, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.byID[id]
	if ok {
		delete(t.byID, id)
		t.reserved--
	}
	return s, ok
}

// drop releases the snapshot if it is still there.
func (t *snapshots) drop(id uint64) {
	if s, ok := t.take(id); ok {
		s.Release()
	}
}

func (t *snapshots) releaseAll() {
	t.mu.Lock()
	ids := make([]uint64, 0, len(t.byID))
	for id := range t.byID {
		ids = append(ids, id)
	}
	t.mu.Unlock()
	for _, id := range ids {
		t.drop(id)
	}
}

// SaveSnapshot implements pluginv1.StateMachineServer. The snapshot is
// released at the stream's end, also of a broken one.
func (s *server) SaveSnapshot(req *pluginv1.StateSnapshotRequest, stream snapshotStream) error {
	return s.end.Stream(req, func(o *pluginrpc.Opened) error {
		if err := s.beside.enter(stream.Context()); err != nil {
			return err
		}
		defer s.beside.leave()
		snap, ok := s.snapshots.take(req.Snapshot)
		if !ok {
			return fmt.Errorf("no prepared snapshot %d: %w", req.Snapshot, plugins.ErrInvalidArgument)
		}
		defer snap.Release()
		if req.Discard {
			return nil
		}
		return save(stream, snap, int(o.Limits.ChunkBytes()))
	})
}

// save sends the snapshot and its end mark. The mark is of what the backend
// wrote, before it is cut into chunks.
func save(stream snapshotStream, snap statemachine.Snapshot, chunk int) error {
	// Backends may write in small pieces; each message is a full chunk.
	var msg pluginv1.StateSnapshotChunk
	chunks := bufio.NewWriterSize(pluginrpc.ChunkWriter{Most: chunk, Send: func(b []byte) error {
		msg.Chunk = b
		return stream.SendMsg(&msg)
	}}, chunk)
	w := &markWriter{w: chunks}
	if err := snap.Save(stream.Context(), w); err != nil {
		return err
	}
	// A backend that ignored an error of its writer must not be vouched for.
	if err := errors.Join(w.err, chunks.Flush()); err != nil {
		return err
	}
	return stream.SendMsg(&pluginv1.StateSnapshotChunk{End: w.sum.End()})
}

type snapshotStream = grpc.ServerStreamingServer[pluginv1.StateSnapshotChunk]

// markWriter makes the end mark of what is written through it. Its first error
// is its last.
type markWriter struct {
	w   io.Writer
	sum pluginrpc.Sum
	err error
}

// Write implements io.Writer.
func (m *markWriter) Write(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	m.sum.Add(p)
	n, err := m.w.Write(p)
	m.err = err
	return n, err
}
