//go:build linux

package e2e

import (
	"errors"
	"math"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// machineLies are those that only a state machine can tell.
func machineLies() map[string]lie {
	return map[string]lie{
		"results: too few": {lives: 1, say: spoilsResults(func(r *pluginv1.ApplyResponse) { r.Results = r.Results[1:] })},
		"results: too many": {lives: 1, say: spoilsResults(func(r *pluginv1.ApplyResponse) {
			r.Results = append(r.Results[:len(r.Results):len(r.Results)], pluginv1.ApplyResult{})
		})},
		"results: twice": {lives: 1, say: says(func(r *pluginv1.ApplyResponse) []any {
			if len(r.Results) == 0 {
				return []any{r}
			}
			return []any{r, r}
		})},
		"results: of an unknown batch": {lives: 1, say: spoilsResults(func(r *pluginv1.ApplyResponse) { r.Seq += 1000 })},
		"results: before the batch": {lives: 1, begin: on("Apply", func(s grpc.ServerStream) error {
			return s.SendMsg(&pluginv1.ApplyResponse{Seq: 77})
		})},
		"results: skipped though new": {lives: 1, say: spoilsResults(func(r *pluginv1.ApplyResponse) {
			r.Results = []pluginv1.ApplyResult{{Skipped: true}}
		})},
		"results: of 2 GiB":             {lives: 1, say: onResults(huge[pluginv1.ApplyResponse]())},
		"results: parts without an end": {lives: 1, say: onResults(endless(func(r *pluginv1.ApplyResponse) { r.More, r.Results = true, make([]pluginv1.ApplyResult, 1) }))},
		"results: none, in parts":       {lives: 1, say: spoilsResults(func(r *pluginv1.ApplyResponse) { r.More, r.Results = true, nil })},
		"results: millions":             {lives: 1, say: onResults(manyResults)},
		"applied index: too high":       {lives: 1, say: spoilsResults(func(r *pluginv1.ApplyResponse) { r.AppliedIndex++ })},
		"applied index: too low":        {lives: 1, say: spoilsResults(func(r *pluginv1.ApplyResponse) { r.AppliedIndex-- })},
		"applied index: none left":      {lives: 1, say: spoils(func(r *pluginv1.StateMachineOpenResponse) { r.AppliedIndex = math.MaxUint64 })},
		"applied index: of the future":  {say: spoils(func(r *pluginv1.StateMachineOpenResponse) { r.AppliedIndex = 1_000_000 })},
		"apply: ends with OK": {lives: 1, begin: on("Apply", func(s grpc.ServerStream) error {
			return errors.Join(s.RecvMsg(&pluginv1.ApplyRequest{}), errOver)
		})},
		"apply: an old incarnation": {lives: 1, begin: on("Apply", func(grpc.ServerStream) error {
			return refuses("STALE_INCARNATION", codes.Aborted)
		})},
		"apply: has not answered when the host stops": {say: onResults(mute[pluginv1.ApplyResponse]()), by: (*chaos).leave},
		"apply: never answers":                        {lives: 1, slow: true, say: onResults(mute[pluginv1.ApplyResponse]())},
		"hash: of another length":                     {lives: 1, say: spoilsResults(func(r *pluginv1.ApplyResponse) { r.Hash = make([]byte, plugins.MaxStateHashBytes+1) })},
		"durable index: falls": {
			lives: 1, describe: announces(statemachine.CapabilityDurable),
			say: func() func(any, func(any) error) error {
				said := uint64(0)
				return spoils(func(r *pluginv1.ApplyResponse) {
					if said == 0 {
						said, r.DurableIndex = r.AppliedIndex, r.AppliedIndex
					}
				})
			}(),
		},
		"durable index: of the future": {
			lives: 1, describe: announces(statemachine.CapabilityDurable),
			say: spoilsResults(func(r *pluginv1.ApplyResponse) { r.DurableIndex = r.AppliedIndex + 1 }),
		},
		"classes: of an unknown role": {lives: 1, say: spoils(func(r *pluginv1.StateMachineOpenResponse) {
			r.Classes = []pluginv1.CommandClass{{Prefix: []byte("x"), Role: 9}}
		})},
		"classes: millions": {lives: 1, say: spoils(func(r *pluginv1.StateMachineOpenResponse) { r.Classes = make([]pluginv1.CommandClass, 1_000_000) })},
		"capability: chunks it has not": {lives: 1, by: (*chaos).scan, say: says(func(*pluginv1.QueryStreamChunk) []any {
			return []any{status.Error(codes.Unimplemented, "no streams")}
		})},
		"query: an answer of 2 GiB": {by: (*chaos).query, say: huge[pluginv1.QueryResponse]()},
		"chunks: no end mark":       {lives: 1, by: (*chaos).scan, say: dropsEnd(func(r *pluginv1.QueryStreamChunk) bool { return r.End != nil })},
		"snapshot: not asked for":   {lives: 1, say: spoilsResults(func(r *pluginv1.ApplyResponse) { r.Snapshot = 7 })},
		"snapshot: no number":       {lives: 1, by: (*chaos).snapshot, say: spoils(func(r *pluginv1.ApplyResponse) { r.Snapshot = 0 })},
		"snapshot: a number that it does not know": {by: (*chaos).snapshot, say: spoils(func(r *pluginv1.ApplyResponse) {
			if r.Snapshot != 0 {
				r.Snapshot += 1000
			}
		})},
		"snapshot: no end mark": {by: (*chaos).snapshot, say: dropsEnd(func(r *pluginv1.StateSnapshotChunk) bool { return r.End != nil })},
		"snapshot: another length": {by: (*chaos).snapshot, say: spoils(func(r *pluginv1.StateSnapshotChunk) {
			if r.End != nil {
				r.End = &pluginv1.StreamEnd{Length: r.End.Length + 1, Crc32: r.End.Crc32}
			}
		})},
		"snapshot: a chunk of 2 MiB": {by: (*chaos).snapshot, say: spoils(func(r *pluginv1.StateSnapshotChunk) { r.Chunk = make([]byte, 2<<20) })},
		"snapshot: ends with OK": {by: (*chaos).snapshot, begin: on("SaveSnapshot", func(s grpc.ServerStream) error {
			return errors.Join(s.SendMsg(&pluginv1.StateSnapshotChunk{Chunk: []byte("half")}), errOver)
		})},
		"restore: another index":  {lives: 1, first: 1, by: (*chaos).restart, say: spoils(func(r *pluginv1.RestoreResponse) { r.AppliedIndex++ })},
		"restore: another length": {lives: 1, first: 1, by: (*chaos).restart, say: spoils(func(r *pluginv1.RestoreResponse) { r.Length-- })},
		"restore: answered at once": {lives: 1, first: 1, by: (*chaos).restart, begin: on("Restore", func(s grpc.ServerStream) error {
			if err := s.SendMsg(&pluginv1.RestoreResponse{AppliedIndex: 1}); err != nil {
				return err
			}
			return errOver
		})},
	}
}

// onResults tells a lie about answers to batches that have entries.
func onResults(say func(any, func(any) error) error) func(any, func(any) error) error {
	return func(m any, send func(any) error) error {
		if r, ok := m.(*pluginv1.ApplyResponse); ok && len(r.Results) == 0 {
			return send(m)
		}
		return say(m, send)
	}
}

func spoilsResults(change func(*pluginv1.ApplyResponse)) func(any, func(any) error) error {
	return onResults(spoils(change))
}

// manyResults is an answer of 40 MiB, each result of which has two bytes.
func manyResults(m any, send func(any) error) error {
	r, ok := m.(*pluginv1.ApplyResponse)
	if !ok {
		return send(m)
	}
	r.Results = make([]pluginv1.ApplyResult, 20<<20)
	return send(r)
}

// dropsEnd leaves out the messages that are an end.
func dropsEnd[T any](isEnd func(*T) bool) func(any, func(any) error) error {
	return says(func(m *T) []any {
		if isEnd(m) {
			return nil
		}
		return []any{m}
	})
}

func announces(c plugins.Capability) func(*plugins.Info) {
	return func(info *plugins.Info) { info.Capabilities = append(info.Capabilities, c) }
}
