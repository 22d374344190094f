package api

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// FuzzDecodeProposals: the decoder takes what protobuf takes, and finds the
// same in it.
func FuzzDecodeProposals(f *testing.F) {
	for _, b := range []*hostv1.ProposalBatch{
		{},
		{Proposals: []*hostv1.Proposal{{}}},
		{Proposals: []*hostv1.Proposal{{Id: 1, Data: []byte("x"), TimeoutMs: 5}, {Id: 1 << 63, Data: make([]byte, 300)}}},
	} {
		raw, err := proto.Marshal(b)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte("\x0a\x02\x08"))             // length beyond the end
	f.Add([]byte("\x0a\x04\x08\x01\x08\x02")) // an id twice
	f.Add([]byte("\x0b\x0c\x12\x01a"))        // a group and an unknown field
	f.Add([]byte("\x0a\x03\x12\x01a\x0a\x00"))
	f.Add([]byte("\xfa\xff\xff\xff\x7f\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var want hostv1.ProposalBatch
		wantErr := proto.Unmarshal(raw, &want)
		var got proposalBatch
		gotErr := got.decode(bytes.Clone(raw), 1<<20)
		if (wantErr == nil) != (gotErr == nil) {
			t.Fatalf("decode(%x) = %v, protobuf says %v", raw, gotErr, wantErr)
		}
		if wantErr != nil {
			return
		}
		if len(got.proposals) != len(want.Proposals) {
			t.Fatalf("%d proposals, want %d", len(got.proposals), len(want.Proposals))
		}
		for i, w := range want.Proposals {
			g := got.proposals[i]
			timeout := time.Duration(w.TimeoutMs) * time.Millisecond
			if g.ID != w.Id || !bytes.Equal(g.Data, w.Data) || g.timeout() != timeout {
				t.Fatalf("proposal %d is %v, want %v", i, g, w)
			}
		}
	})
}

// TestResultsAreProtobuf: the encoder writes the bytes that protobuf writes.
func TestResultsAreProtobuf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var ours resultBatch
		var theirs hostv1.ProposalResultBatch
		for range rapid.IntRange(0, 5).Draw(t, "results") {
			id := rapid.Uint64().Draw(t, "id")
			if rapid.Bool().Draw(t, "failed") {
				f := &hostv1.Failure{
					Outcome: notApplied, Reason: rapid.String().Draw(t, "reason"), RetryAfterMs: rapid.Uint32().Draw(t, "retry"),
				}
				ours.answers = append(ours.answers, refusalOf(id, encodeFailure(f)))
				theirs.Results = append(theirs.Results, &hostv1.ProposalResult{Id: id, Failure: f})
				continue
			}
			r := server.Result{
				Index: rapid.Uint64().Draw(t, "index"),
				Data:  rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "data"),
				Error: rapid.String().Draw(t, "error"),
				Lost:  rapid.Bool().Draw(t, "lost"),
			}
			ours.answers = append(ours.answers, answerOf(id, r))
			theirs.Results = append(theirs.Results, &hostv1.ProposalResult{Id: id, Response: toResponse(r)})
		}
		want, err := proto.MarshalOptions{Deterministic: true}.Marshal(&theirs)
		if err != nil {
			t.Fatal(err)
		}
		got := ours.appendTo(nil)
		if !bytes.Equal(got, want) {
			t.Fatalf("encoded %x\nwant    %x", got, want)
		}
		if len(got) != ours.size() {
			t.Fatalf("size() = %d, encoded %d bytes", ours.size(), len(got))
		}
	})
}

func TestBatchOfTooManyIsRefused(t *testing.T) {
	raw, err := proto.Marshal(&hostv1.ProposalBatch{Proposals: []*hostv1.Proposal{{}, {}, {}}})
	if err != nil {
		t.Fatal(err)
	}
	var b proposalBatch
	if err := b.decode(raw, 2); verdictOf(err).reason != "malformed" {
		t.Errorf("decode(3 proposals, limit 2) = %v", err)
	}
	if err := new(proposalBatch).decode(raw, 3); err != nil {
		t.Errorf("decode(3 proposals, limit 3) = %v", err)
	}
}

// BenchmarkDecode compares with protobuf on a batch of 64 proposals of 256 B.
func BenchmarkDecode(b *testing.B) {
	batch := &hostv1.ProposalBatch{}
	for i := range 64 {
		batch.Proposals = append(batch.Proposals, &hostv1.Proposal{Id: uint64(i) + 1<<20, Data: make([]byte, 256), TimeoutMs: 10000})
	}
	raw, err := proto.Marshal(batch)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		var p proposalBatch
		for b.Loop() {
			p.proposals = p.proposals[:0]
			if err := p.decode(bytes.Clone(raw), 64); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("protobuf", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := proto.Unmarshal(raw, new(hostv1.ProposalBatch)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The messages that are coded by hand have the fields that proposalwire knows, and no
// others: one that is added to the .proto is to be coded there too.
func TestTheHandCodedMessagesHaveNoOtherFields(t *testing.T) {
	for m, want := range map[proto.Message]string{
		new(hostv1.ProposalBatch):       "1 message proposals",
		new(hostv1.Proposal):            "1 uint64 id, 2 bytes data, 3 uint32 timeout_ms",
		new(hostv1.ProposalResultBatch): "1 message results",
		new(hostv1.ProposalResult):      "1 uint64 id, 2 message response, 3 message failure",
		new(hostv1.ProposeResponse):     "1 uint64 index, 2 bytes data, 3 string error, 4 bool result_lost",
		new(hostv1.QueryResponse):       "1 bytes data, 2 uint64 index",
	} {
		var list []string
		all := m.ProtoReflect().Descriptor().Fields()
		for i := range all.Len() {
			f := all.Get(i)
			list = append(list, fmt.Sprintf("%d %s %s", f.Number(), f.Kind(), f.Name()))
		}
		if got := strings.Join(list, ", "); got != want {
			t.Errorf("%s has %s, coded by hand is %s", m.ProtoReflect().Descriptor().Name(), got, want)
		}
	}
}
