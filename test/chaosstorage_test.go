//go:build linux

package e2e

import (
	"errors"
	"math"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc"
	"github.com/pontoon-raft/pontoon/plugins/storage"
)

// refuses is an error of a plugin with a reason.
func refuses(reason string, code codes.Code) error {
	st, err := status.New(code, "the plugin says so").WithDetails(&errdetails.ErrorInfo{Reason: reason, Domain: pluginrpc.Domain})
	if err != nil {
		panic(err)
	}
	return st.Err()
}

// storageLies are those that only a storage can tell.
func storageLies() map[string]lie {
	return map[string]lie{
		"open: no store id":         {lives: 0, say: spoils(func(r *pluginv1.StorageOpenResponse) { r.StoreId = 0 })},
		"open: a gap after the log": {lives: 1, say: spoils(func(r *pluginv1.StorageOpenResponse) { r.FirstIndex = r.LastIndex + 5 })},
		"open: another store id":    {lives: 1, first: 1, by: (*chaos).restart, say: spoils(func(r *pluginv1.StorageOpenResponse) { r.StoreId++ })},
		"append: acknowledged and not kept": {first: 1, by: (*chaos).restart, say: spoils(func(r *pluginv1.StorageOpenResponse) {
			*r = pluginv1.StorageOpenResponse{StoreId: r.StoreId, FirstIndex: 1, Terms: []pluginv1.TermBoundary{{}}}
		})},
		"open: a term that falls":         {lives: 1, first: 1, by: (*chaos).restart, say: spoils(func(r *pluginv1.StorageOpenResponse) { r.HardState.Term = 0 })},
		"open: a commit index beyond it":  {lives: 1, say: spoils(func(r *pluginv1.StorageOpenResponse) { r.HardState.Commit = math.MaxUint64 })},
		"open: boundaries by the million": {lives: 1, say: spoils(func(r *pluginv1.StorageOpenResponse) { r.Terms = make([]pluginv1.TermBoundary, 3_000_000) })},
		"open: an answer of 2 GiB":        {lives: 1, say: huge[pluginv1.StorageOpenResponse]()},
		"append: acknowledged twice":      {lives: 1, say: says(func(r *pluginv1.AppendResponse) []any { return []any{r, r} })},
		"append: of an unknown batch":     {lives: 1, say: spoils(func(r *pluginv1.AppendResponse) { r.Seq += 1000 })},
		"append: acknowledged backwards":  {lives: 1, say: says(func(r *pluginv1.AppendResponse) []any { return []any{r, &pluginv1.AppendResponse{Seq: r.Seq - 1}} })},
		"append: ends with OK": {lives: 1, begin: on("Append", func(s grpc.ServerStream) error {
			return errors.Join(s.RecvMsg(&pluginv1.AppendRequest{}), errOver)
		})},
		"append: acknowledges without end": {lives: 1, say: endless(func(*pluginv1.AppendResponse) {})},
		"append: never acknowledges":       {lives: 1, slow: true, say: mute[pluginv1.AppendResponse]()},
		"append: acknowledges before": {lives: 1, begin: on("Append", func(s grpc.ServerStream) error {
			return s.SendMsg(&pluginv1.AppendResponse{Seq: 1})
		})},
		"append: an old incarnation": {lives: 1, begin: on("Append", func(grpc.ServerStream) error {
			return refuses("STALE_INCARNATION", codes.Aborted)
		})},
		"read: nothing": {lives: 1, first: 1, by: (*chaos).restart, begin: on("Read", func(grpc.ServerStream) error { return errOver })},
		"read: gap": {lives: 1, first: 1, by: (*chaos).restart, say: spoils(func(r *pluginv1.ReadResponse) {
			if len(r.Entries) > 2 {
				r.Entries = append(r.Entries[:1:1], r.Entries[2:]...)
			}
		})},
		"read: of another index": {lives: 1, first: 1, by: (*chaos).restart, say: spoils(func(r *pluginv1.ReadResponse) { r.Entries[0].Index += 7 })},
		"read: out of order": {lives: 1, first: 1, by: (*chaos).restart, say: spoils(func(r *pluginv1.ReadResponse) {
			if n := len(r.Entries); n > 1 {
				r.Entries[0], r.Entries[n-1] = r.Entries[n-1], r.Entries[0]
			}
		})},
		"read: without an end":               {lives: 1, first: 1, by: (*chaos).restart, say: endless(func(*pluginv1.ReadResponse) {})},
		"compact: says more":                 {by: (*chaos).snapshots, say: spoils(func(r *pluginv1.CompactResponse) { r.FirstIndex += 5 })},
		"snapshot: stored with another size": {lives: 1, by: (*chaos).snapshot, say: spoils(func(r *pluginv1.SaveSnapshotResponse) { r.Info.Bytes++ })},
		"snapshot: stored at once": {lives: 1, by: (*chaos).snapshot, begin: on("SaveSnapshot", func(s grpc.ServerStream) error {
			if err := s.SendMsg(&pluginv1.SaveSnapshotResponse{Info: storage.SnapshotInfo{Metadata: storage.SnapshotMetadata{Index: 1, Term: 1}}}); err != nil {
				return err
			}
			return errOver
		})},
		"snapshot: without an end": {lives: 1, by: (*chaos).restartMachine, say: endlessChunks},
		"snapshot: of another size than it says": {by: (*chaos).restartMachine, say: spoils(func(r *pluginv1.OpenSnapshotResponse) {
			if r.Header != nil {
				r.Header.Bytes = 1 << 40
			}
		})},
		"space: a detail of 1 MiB": {say: spoils(func(r *pluginv1.SpaceResponse) { r.Short, r.Detail = true, string(make([]byte, 1<<20)) })},
	}
}

// endlessChunks is a snapshot that never ends.
func endlessChunks(m any, send func(any) error) error {
	r, ok := m.(*pluginv1.OpenSnapshotResponse)
	if !ok || len(r.Chunk) == 0 {
		return send(m)
	}
	for {
		if err := send(r); err != nil {
			return err
		}
	}
}
