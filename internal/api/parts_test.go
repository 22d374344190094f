package api

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// largeData are more bytes than any answer has that is copied.
func largeData() []byte { return bytes.Repeat([]byte("large"), 100_000) }

// A large answer counts for the bytes that are held until its client has read it: gRPC
// is given its data themselves, and no copy in a buffer of the next size.
func TestLargeAnswersAreHandedOnWithoutACopy(t *testing.T) {
	data := largeData()
	all := server.Result{Index: 1 << 40, Data: data, Error: "refused", Lost: true}
	for name, c := range map[string]struct{ ours, theirs any }{
		"query":             {&hostv1.QueryResponse{Data: data, Index: 7}, &hostv1.QueryResponse{Data: data, Index: 7}},
		"query at 0":        {&hostv1.QueryResponse{Data: data}, &hostv1.QueryResponse{Data: data}},
		"proposal":          {toResponse(server.Result{Index: 7, Data: data}), toResponse(server.Result{Index: 7, Data: data})},
		"proposal, refused": {toResponse(all), toResponse(all)},
		"on a stream": {
			&resultBatch{answers: []proposalResult{answerOf(9, all)}},
			&hostv1.ProposalResultBatch{Results: []*hostv1.ProposalResult{{Id: 9, Response: toResponse(all)}}},
		},
	} {
		out, err := newCodec(whole(Limits{}), newBufferPool()).Marshal(c.ours)
		if err != nil {
			t.Fatal(err)
		}
		want, err := proto.MarshalOptions{Deterministic: true}.Marshal(c.theirs.(proto.Message))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Materialize(), want) {
			t.Errorf("%s: the bytes are not those of protobuf", name)
		}
		shared := false
		for _, part := range out {
			b := part.ReadOnlyData()
			shared = shared || len(b) == len(data) && &b[0] == &data[0]
		}
		if !shared {
			t.Errorf("%s: its data were copied", name)
		}
	}
}

// A message of many answers is made in one buffer of its size, and not in the pool's
// next one, of a MiB, for its tags.
func TestABatchOfAnswersFitsItsBuffer(t *testing.T) {
	var q answerQueue
	for range 2000 {
		q.push(answerOf(300, server.Result{Index: 1 << 20, Data: make([]byte, 40)}))
	}
	for q.len() > 0 {
		batch, size := q.pop(nil)
		b := resultBatch{answers: batch}
		if got := b.size(); got > resultBatchBytes || size >= got {
			t.Fatalf("a message of %d answers has %d bytes, of which %d count", len(batch), got, size)
		}
	}
}

// An answer of any kind that waits for its client is in memory about as large as it is:
// gRPC's own codec would put one of 40 KiB into a buffer of a MiB.
func TestAnAnswerThatWaitsHasABufferOfItsSize(t *testing.T) {
	codec := newCodec(whole(Limits{}), newBufferPool())
	for _, size := range []int{100, 5 << 10, 20 << 10, 40 << 10, 64 << 10, 300 << 10} {
		data := make([]byte, size)
		for name, m := range map[string]proto.Message{
			"query": &hostv1.QueryResponse{Data: data}, "proposal": &hostv1.ProposeResponse{Data: data},
			"another kind": &hostv1.Failure{Message: string(data)},
		} {
			out, err := codec.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			held := 0
			for _, part := range out {
				held += cap(part.ReadOnlyData())
			}
			if held > size+size/4+64 {
				t.Errorf("%s: %d bytes are held for an answer of %d", name, held, size)
			}
		}
	}
}
