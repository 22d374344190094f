package replay

import (
	"fmt"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
)

// A shape says in which direction a method has streams.
type shape int

const (
	unary    shape = iota
	upload         // many requests, one answer
	download       // one request, many answers
	feed           // batches and their answers
)

// A method is one of a contract, and how its answers are compared.
type method struct {
	shape shape
	// changes: it changes the state that other answers depend on.
	changes bool
	// open and restore are the methods with which a state begins, and close is that of its end.
	open, restore, close bool
	// normal is what of an answer must be the same, and how it is shown; ignored if it is nil.
	normal func(answer []byte) (same []byte, text string, err error)
	// asked shows a request.
	asked func(request []byte) string
}

// methods are those of a kind.
func methods(kind plugins.Kind) map[string]*method {
	if kind == plugins.Storage {
		return storageMethods()
	}
	return stateMachineMethods()
}

func stateMachineMethods() map[string]*method {
	return map[string]*method{
		pluginv1.StateMachine_Open_FullMethodName: {
			open: true, changes: true,
			normal: normal(func(a *pluginv1.StateMachineOpenResponse) string {
				a.DurableIndex = 0
				return fmt.Sprintf("applied index %d, wake %d, %d classes", a.AppliedIndex, a.Wake, len(a.Classes))
			}),
		},
		pluginv1.StateMachine_Apply_FullMethodName: {shape: feed, changes: true},
		pluginv1.StateMachine_Query_FullMethodName: {
			normal: normal(func(a *pluginv1.QueryResponse) string { return shown(a.Data) }),
			asked:  asked(func(q *pluginv1.QueryRequest) string { return shown(q.Data) }),
		},
		pluginv1.StateMachine_QueryStream_FullMethodName: {
			shape:  download,
			normal: chunk,
			asked:  asked(func(q *pluginv1.QueryStreamRequest) string { return shown(q.Data) }),
		},
		pluginv1.StateMachine_SaveSnapshot_FullMethodName: {shape: download},
		pluginv1.StateMachine_Restore_FullMethodName: {
			shape: upload, restore: true, changes: true,
			normal: normal(func(a *pluginv1.RestoreResponse) string {
				a.DurableIndex = 0
				return fmt.Sprintf("applied index %d after %d bytes, wake %d", a.AppliedIndex, a.Length, a.Wake)
			}),
		},
		pluginv1.StateMachine_Sync_FullMethodName:  {},
		pluginv1.StateMachine_Close_FullMethodName: {close: true, changes: true},
	}
}

func storageMethods() map[string]*method {
	return map[string]*method{
		pluginv1.Storage_Open_FullMethodName: {
			open: true, changes: true,
			normal: normal(func(a *pluginv1.StorageOpenResponse) string {
				a.StoreId = 0
				return fmt.Sprintf("entries %d to %d, %d snapshots, hard state {%v}, %d terms", a.FirstIndex, a.LastIndex, len(a.Snapshots), &a.HardState, len(a.Terms))
			}),
		},
		pluginv1.Storage_Append_FullMethodName: {shape: feed, changes: true},
		pluginv1.Storage_Read_FullMethodName: {
			shape: download, normal: entries,
			asked: asked(func(q *pluginv1.ReadRequest) string {
				return fmt.Sprintf("entries %d to %d, at most %d bytes", q.Lo, q.Hi, q.MaxBytes)
			}),
		},
		pluginv1.Storage_Compact_FullMethodName: {
			changes: true,
			normal:  normal(func(a *pluginv1.CompactResponse) string { return fmt.Sprintf("first index %d", a.FirstIndex) }),
			asked:   asked(func(q *pluginv1.CompactRequest) string { return fmt.Sprintf("index %d", q.Index) }),
		},
		pluginv1.Storage_SaveSnapshot_FullMethodName: {
			shape: upload, changes: true,
			normal: normal(func(a *pluginv1.SaveSnapshotResponse) string { return infoText(&a.Info) }),
		},
		pluginv1.Storage_OpenSnapshot_FullMethodName: {
			shape: download, normal: snapshotPart,
			asked: asked(func(q *pluginv1.OpenSnapshotRequest) string { return fmt.Sprintf("snapshot %d", q.Index) }),
		},
		pluginv1.Storage_ListSnapshots_FullMethodName: {
			normal: normal(func(a *pluginv1.ListSnapshotsResponse) string {
				text := fmt.Sprintf("%d snapshots", len(a.Snapshots))
				for i := range a.Snapshots[:min(len(a.Snapshots), 4)] {
					text += "; " + infoText(&a.Snapshots[i])
				}
				return text
			}),
		},
		pluginv1.Storage_InstallSnapshot_FullMethodName: {
			changes: true,
			normal:  normal(func(*pluginv1.InstallSnapshotResponse) string { return "done" }),
			asked: asked(func(q *pluginv1.InstallSnapshotRequest) string {
				return fmt.Sprintf("snapshot %d", q.Index)
			}),
		},
		pluginv1.Storage_Space_FullMethodName: {}, // it says something of the disk
		pluginv1.Storage_Close_FullMethodName: {close: true, changes: true},
	}
}

// normal makes of a function that clears what may differ, and shows the rest, what a method has.
func normal[T any, P interface {
	*T
	message
}](show func(P) string) func([]byte) ([]byte, string, error) {
	return func(b []byte) ([]byte, string, error) {
		m := P(new(T))
		if err := m.Unmarshal(b); err != nil {
			return nil, "", err
		}
		text := show(m)
		same, err := m.Marshal()
		return same, text, err
	}
}

func asked[T any, P interface {
	*T
	message
}](show func(P) string) func([]byte) string {
	return func(b []byte) string {
		m := P(new(T))
		if err := m.Unmarshal(b); err != nil {
			return "unreadable: " + err.Error()
		}
		return show(m)
	}
}

// chunk is one of an answer in chunks. A client gets them as they are cut, and none that is empty.
func chunk(b []byte) ([]byte, string, error) {
	var m pluginv1.QueryStreamChunk
	if err := m.Unmarshal(b); err != nil || len(m.Chunk) == 0 {
		return nil, "", err
	}
	return append(fmt.Appendf(nil, "%d ", len(m.Chunk)), m.Chunk...), shown(m.Chunk) + " ", nil
}

func snapshotPart(b []byte) ([]byte, string, error) {
	var m pluginv1.OpenSnapshotResponse
	if err := m.Unmarshal(b); err != nil {
		return nil, "", err
	}
	if m.Header == nil {
		return m.Chunk, "", nil
	}
	same, err := m.Header.Marshal()
	return same, infoText(m.Header), err
}

// entries are those of an answer to Read, one after the other: how they are parted means nothing.
func entries(b []byte) (same []byte, text string, err error) {
	var m pluginv1.ReadResponse
	if err := m.Unmarshal(b); err != nil {
		return nil, "", err
	}
	for i := range m.Entries {
		e := &m.Entries[i]
		one, err := e.Marshal()
		if err != nil {
			return nil, "", err
		}
		same = fmt.Appendf(same, "%d ", len(one))
		same = append(same, one...)
		text += fmt.Sprintf("entry %d of term %d: %s; ", e.Index, e.Term, shown(e.Data[:min(len(e.Data), 32)]))
	}
	return same, text, nil
}

func infoText(i *pluginv1.SnapshotInfo) string {
	return fmt.Sprintf("snapshot %d of term %d, %d bytes, sha256 %x", i.Metadata.Index, i.Metadata.Term, i.Bytes, i.Sha256)
}
