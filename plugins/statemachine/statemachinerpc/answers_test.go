package statemachinerpc_test

import (
	"context"
	"errors"
	"hash/crc32"
	"io"
	"math"
	"strings"
	"testing"

	"google.golang.org/grpc"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/pluginrpc/rpctest"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
	"github.com/pontoon-raft/pontoon/plugins/statemachine/statemachinerpc"
)

// liar answers what a test tells it to, in place of a state machine plugin.
type liar struct {
	pluginv1.UnimplementedStateMachineServer
	applied  uint64
	answers  []pluginv1.ApplyResponse // one for each batch, then the stream ends
	parts    bool                     // the answers are parts of one, for the first batch
	unasked  bool                     // the answers come without a batch
	chunks   []int                    // sizes; all bytes are zero
	marks    []pluginv1.StateSnapshotChunk
	restored uint64
	early    bool // answers Restore after its first message
	classes  []pluginv1.CommandClass
	stream   []pluginv1.QueryStreamChunk
}

func (l *liar) Open(context.Context, *pluginv1.StateMachineOpenRequest) (*pluginv1.StateMachineOpenResponse, error) {
	return &pluginv1.StateMachineOpenResponse{AppliedIndex: l.applied, Classes: l.classes}, nil
}

func (l *liar) Apply(stream grpc.BidiStreamingServer[pluginv1.ApplyRequest, pluginv1.ApplyResponse]) error {
	for i := range l.answers {
		if !l.unasked && (i == 0 || !l.parts) {
			if _, err := stream.Recv(); err != nil {
				return err
			}
		}
		if err := stream.Send(&l.answers[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l *liar) SaveSnapshot(_ *pluginv1.StateSnapshotRequest, stream grpc.ServerStreamingServer[pluginv1.StateSnapshotChunk]) error {
	for _, n := range l.chunks {
		if err := stream.Send(&pluginv1.StateSnapshotChunk{Chunk: make([]byte, n)}); err != nil {
			return err
		}
	}
	for i := range l.marks {
		if err := stream.Send(&l.marks[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l *liar) Restore(stream grpc.ClientStreamingServer[pluginv1.RestoreRequest, pluginv1.RestoreResponse]) error {
	read := uint64(0)
	for {
		req, err := stream.Recv()
		if err != nil {
			return err
		}
		read += uint64(len(req.Chunk))
		if req.End != nil || l.early {
			return stream.SendAndClose(&pluginv1.RestoreResponse{AppliedIndex: l.restored, Length: read})
		}
	}
}

func (l *liar) client(t *testing.T) *statemachinerpc.Client {
	conn := rpctest.Dial(t, func(r grpc.ServiceRegistrar) { pluginv1.RegisterStateMachineServer(r, l) })
	return statemachinerpc.NewClient(conn, plugins.Info{})
}

func (l *liar) dial(t *testing.T) *statemachinerpc.Client {
	t.Helper()
	c := l.client(t)
	if _, err := c.Open(t.Context(), options()); err != nil {
		t.Fatal(err)
	}
	return c
}

func options() plugins.Options {
	return plugins.Options{ClusterID: 1, NodeID: 1, Group: 1, Incarnation: 1}
}

// Rules SM-1 and SM-9.
func TestAWrongAppliedIndexIsRefused(t *testing.T) {
	_, err := (&liar{applied: math.MaxUint64}).client(t).Open(t.Context(), options())
	rpctest.CheckBreach(t, err, "SM-1")
}

// batch is 8 to 12, for a plugin that has applied 10.
func batch() statemachine.Batch {
	b := statemachine.Batch{Through: 13}
	for i := uint64(8); i <= 12; i++ {
		b.Entries = append(b.Entries, statemachine.Entry{Index: i, Data: []byte("x")})
	}
	return b
}

func results(skipped ...bool) []statemachine.Result {
	rs := make([]statemachine.Result, len(skipped))
	for i, s := range skipped {
		rs[i].Skipped = s
	}
	return rs
}

// Rules SM-6, SM-7, SM-8, SM-9 and SM-30.
func TestWrongOutcomesAreRefused(t *testing.T) {
	good := func() pluginv1.ApplyResponse {
		return pluginv1.ApplyResponse{Seq: 1, Results: results(true, true, true, false, false), AppliedIndex: 13}
	}
	for name, spoil := range map[string]func(*pluginv1.ApplyResponse){
		"answer to no batch":            func(r *pluginv1.ApplyResponse) { r.Seq = 0 },
		"answer to another batch":       func(r *pluginv1.ApplyResponse) { r.Seq = 2 },
		"too few results":               func(r *pluginv1.ApplyResponse) { r.Results = r.Results[:4] },
		"too many results":              func(r *pluginv1.ApplyResponse) { r.Results = append(r.Results, statemachine.Result{}) },
		"no results":                    func(r *pluginv1.ApplyResponse) { r.Results = nil },
		"applied less":                  func(r *pluginv1.ApplyResponse) { r.AppliedIndex = 12 },
		"applied more":                  func(r *pluginv1.ApplyResponse) { r.AppliedIndex = 14 },
		"a snapshot nobody asked for":   func(r *pluginv1.ApplyResponse) { r.Snapshot = 1 },
		"an entry was applied twice":    func(r *pluginv1.ApplyResponse) { r.Results[2].Skipped = false },
		"a new entry was skipped":       func(r *pluginv1.ApplyResponse) { r.Results[3].Skipped = true },
		"the last entry was skipped":    func(r *pluginv1.ApplyResponse) { r.Results[4].Skipped = true },
		"skipped after one that wasn't": func(r *pluginv1.ApplyResponse) { r.Results[0].Skipped = false },
	} {
		t.Run(name, func(t *testing.T) {
			answer := good()
			spoil(&answer)
			c := (&liar{applied: 10, answers: []pluginv1.ApplyResponse{answer}}).dial(t)
			_, err := c.Apply(t.Context(), batch())
			rpctest.CheckBreach(t, err, "SM-6", "SM-7", "SM-8", "SM-9", "SM-30")
		})
	}
	c := (&liar{applied: 10, answers: []pluginv1.ApplyResponse{good()}}).dial(t)
	if rs, err := c.Apply(t.Context(), batch()); err != nil || len(rs) != 5 {
		t.Errorf("good outcome: %v, error %v", rs, err)
	}
}

// The parts of an answer are held against the batch as they come.
// Rules SM-6, SM-7, SM-8, SM-9, SM-13 and SM-14.
func TestWrongPartsOfAnAnswerAreRefused(t *testing.T) {
	good := func() []pluginv1.ApplyResponse {
		return []pluginv1.ApplyResponse{
			{Seq: 1, Results: results(true, true), More: true},
			{Seq: 1, Results: results(true, false), More: true},
			{Seq: 1, Results: results(false), AppliedIndex: 13},
		}
	}
	for name, spoil := range map[string]func(parts []pluginv1.ApplyResponse) []pluginv1.ApplyResponse{
		"of another batch":     func(p []pluginv1.ApplyResponse) []pluginv1.ApplyResponse { p[1].Seq = 2; return p },
		"without results":      func(p []pluginv1.ApplyResponse) []pluginv1.ApplyResponse { p[1].Results = nil; return p },
		"with a snapshot":      func(p []pluginv1.ApplyResponse) []pluginv1.ApplyResponse { p[1].Snapshot = 3; return p },
		"the last is missing":  func(p []pluginv1.ApplyResponse) []pluginv1.ApplyResponse { return p[:2] },
		"one is missing":       func(p []pluginv1.ApplyResponse) []pluginv1.ApplyResponse { return append(p[:1], p[2]) },
		"one comes twice":      func(p []pluginv1.ApplyResponse) []pluginv1.ApplyResponse { return append(p[:2:2], p[1], p[2]) },
		"in another order":     func(p []pluginv1.ApplyResponse) []pluginv1.ApplyResponse { p[0], p[1] = p[1], p[0]; return p },
		"the last says 'more'": func(p []pluginv1.ApplyResponse) []pluginv1.ApplyResponse { p[2].More = true; return p },
		"applied too little":   func(p []pluginv1.ApplyResponse) []pluginv1.ApplyResponse { p[2].AppliedIndex = 12; return p },
	} {
		t.Run(name, func(t *testing.T) {
			c := (&liar{applied: 10, answers: spoil(good()), parts: true}).dial(t)
			_, err := c.Apply(t.Context(), batch())
			rpctest.CheckBreach(t, err, "SM-6", "SM-7", "SM-8", "SM-9", "SM-13", "SM-14")
		})
	}
	c := (&liar{applied: 10, answers: good(), parts: true}).dial(t)
	if rs, err := c.Apply(t.Context(), batch()); err != nil || len(rs) != 5 || rs[4].Skipped || !rs[2].Skipped {
		t.Errorf("good parts: %v, error %v", rs, err)
	}
}

// A plugin that knows no limit of results does no harm: a result that is too
// long is left out at this end, and one that no caller waits for is dropped.
// Rule SM-15.
func TestResultsOverTheLimitAreLeftOut(t *testing.T) {
	b := batch()
	b.Entries, b.Through = b.Entries[3:], 12
	answer := func() []pluginv1.ApplyResponse {
		return []pluginv1.ApplyResponse{{
			Seq: 1, AppliedIndex: 12,
			Results: []pluginv1.ApplyResult{{Data: make([]byte, plugins.MaxResultBytes), Error: "x"}, {Data: []byte("fits")}},
		}}
	}
	rs, err := (&liar{applied: 10, answers: answer()}).dial(t).Apply(t.Context(), b)
	if err != nil || len(rs) != 2 || !rs[0].LeftOut || len(rs[0].Data) > 0 || string(rs[1].Data) != "fits" {
		t.Errorf("got %d results, %v", len(rs), err)
	} else {
		t.Log(rs[0].Error)
	}
	b.NoResults = true
	rs, err = (&liar{applied: 10, answers: answer()}).dial(t).Apply(t.Context(), b)
	if err != nil || len(rs) != 2 || rs[0].Error != "" || len(rs[1].Data) > 0 {
		t.Errorf("results that nobody waits for: %d, %v", len(rs), err)
	}
}

// Beyond what is held of one batch, results are left out one by one.
// Rule SM-15.
func TestResultsOfABatchAreHeldUpToALimit(t *testing.T) {
	held := uint64(plugins.MaxHeldResultBytes - 3)
	rs := []statemachine.Result{{Data: []byte("ab")}, {Data: []byte("cd")}, {Error: "e"}}
	if got := statemachine.LimitResults(rs, held); got != plugins.MaxHeldResultBytes {
		t.Errorf("%d bytes are held, want %d", got, plugins.MaxHeldResultBytes)
	}
	if string(rs[0].Data) != "ab" || !rs[1].LeftOut || len(rs[1].Data) > 0 || rs[2].Error != "e" {
		t.Errorf("got %+v", rs)
	}
}

// A batch has a limit in entries besides that in bytes, at both ends.
// Rule SM-11.
func TestBatchesOfTooManyEntriesAreRefused(t *testing.T) {
	b := statemachine.Batch{Through: plugins.MaxBatchEntries + 1}
	for i := range b.Through {
		b.Entries = append(b.Entries, statemachine.Entry{Index: i + 1})
	}
	if _, err := (&liar{}).dial(t).Apply(t.Context(), b); !errors.Is(err, plugins.ErrLimit) {
		t.Errorf("got %v, want %v", err, plugins.ErrLimit)
	}
}

// Rule SM-30.
func TestAPreparedSnapshotNeedsANumber(t *testing.T) {
	c := (&liar{answers: []pluginv1.ApplyResponse{{Seq: 1}}}).dial(t)
	_, err := c.PrepareSnapshot(t.Context())
	rpctest.CheckBreach(t, err, "SM-30")
}

// Rule SM-6.
func TestAnswersThatNobodyAskedFor(t *testing.T) {
	c := (&liar{answers: []pluginv1.ApplyResponse{{Seq: 1, AppliedIndex: 1}}, unasked: true}).dial(t)
	a, err := c.Applier(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Recv()
	rpctest.CheckBreach(t, err, "SM-6")
	if err := a.Submit(statemachine.Batch{Through: 1}, false); !errors.Is(err, plugins.ErrBadAnswer) {
		t.Errorf("submit after it: %v", err)
	}
}

// Rule SM-13.
func TestAnApplyStreamThatEndsUnasked(t *testing.T) {
	c := (&liar{answers: []pluginv1.ApplyResponse{{Seq: 1, AppliedIndex: 1}}}).dial(t)
	a, err := c.Applier(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for through := range uint64(2) {
		if err := a.Submit(statemachine.Batch{Through: through + 1}, false); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := a.Recv(); err != nil || out.Applied != 1 {
		t.Fatalf("outcome %+v, error %v", out, err)
	}
	_, err = a.Recv()
	rpctest.CheckBreach(t, err, "SM-13")
}

func TestAReplayMayFindThePluginAhead(t *testing.T) {
	for _, applied := range []uint64{5, 10} { // its word for the batch, or for the state
		c := (&liar{applied: 10, answers: []pluginv1.ApplyResponse{{Seq: 1, Results: results(true), AppliedIndex: applied}}}).dial(t)
		b := statemachine.Batch{Entries: []statemachine.Entry{{Index: 5}}, Through: 5}
		if _, err := c.Apply(t.Context(), b); err != nil {
			t.Errorf("applied %d: %v", applied, err)
		}
	}
}

// Rule P-32.
func TestChunksOverTheLimitAreRefused(t *testing.T) {
	c := (&liar{answers: []pluginv1.ApplyResponse{{Seq: 1, Snapshot: 3}}, chunks: []int{100, 257 << 10}}).dial(t)
	s, err := c.PrepareSnapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rpctest.CheckBreach(t, s.Save(t.Context(), io.Discard), "P-32")
}

// A snapshot is good if its end mark says so, not because its stream ended well.
// Rules SM-36, P-41 and P-42.
func TestSnapshotsWithoutTheRightEndMarkAreRefused(t *testing.T) {
	sum := crc32.ChecksumIEEE(make([]byte, 300))
	mark := func() pluginv1.StateSnapshotChunk {
		return pluginv1.StateSnapshotChunk{End: &pluginv1.StreamEnd{Length: 300, Crc32: sum}}
	}
	end := func(length uint64, sum uint32) []pluginv1.StateSnapshotChunk {
		return []pluginv1.StateSnapshotChunk{{End: &pluginv1.StreamEnd{Length: length, Crc32: sum}}}
	}
	save := func(l *liar) error {
		l.answers = []pluginv1.ApplyResponse{{Seq: 1, Snapshot: 3}}
		s, err := l.dial(t).PrepareSnapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s.Save(t.Context(), io.Discard)
	}
	short := crc32.ChecksumIEEE(make([]byte, 200))
	for name, l := range map[string]*liar{
		"nothing at all":       {},
		"none":                 {chunks: []int{100, 200}},
		"a chunk is missing":   {chunks: []int{200}, marks: []pluginv1.StateSnapshotChunk{mark()}},
		"a chunk came twice":   {chunks: []int{100, 100, 200}, marks: []pluginv1.StateSnapshotChunk{mark()}},
		"another length":       {chunks: []int{200}, marks: end(300, short)},
		"other bytes":          {chunks: []int{100, 200}, marks: end(300, short)},
		"no sum":               {chunks: []int{100, 200}, marks: end(300, 0)},
		"another bit in it":    {chunks: []int{100, 200}, marks: end(300, sum&^(sum&-sum))},
		"a chunk in the mark":  {chunks: []int{100}, marks: []pluginv1.StateSnapshotChunk{{End: mark().End, Chunk: make([]byte, 200)}}},
		"a chunk behind it":    {chunks: []int{100, 200}, marks: []pluginv1.StateSnapshotChunk{mark(), {Chunk: []byte("x")}}},
		"two of them":          {chunks: []int{100, 200}, marks: []pluginv1.StateSnapshotChunk{mark(), mark()}},
		"of nothing, for some": {chunks: []int{100}, marks: end(0, 0)},
	} {
		t.Run(name, func(t *testing.T) { rpctest.CheckBreach(t, save(l), "P-41", "P-42") })
	}
	if err := save(&liar{chunks: []int{100, 200}, marks: []pluginv1.StateSnapshotChunk{mark()}}); err != nil {
		t.Errorf("good snapshot: %v", err)
	}
}

// A plugin that says it has restored a snapshot of which it has a part would answer
// queries from that part.
// Rule P-46.
func TestARestoreOfAPartIsRefused(t *testing.T) {
	for _, state := range []io.Reader{endless{}, strings.NewReader("a state that fits the buffer of a socket")} {
		rpctest.CheckBreach(t, (&liar{restored: 7, early: true}).dial(t).Restore(t.Context(), 7, state), "P-46")
	}
}

// endless is a snapshot that does not end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// Rule SM-39.
func TestAWrongIndexAfterRestoreIsRefused(t *testing.T) {
	rpctest.CheckBreach(t, (&liar{restored: 6}).dial(t).Restore(t.Context(), 7, strings.NewReader("state")), "SM-39")
	if err := (&liar{restored: 7}).dial(t).Restore(t.Context(), 7, strings.NewReader("state")); err != nil {
		t.Errorf("good restore: %v", err)
	}
}
