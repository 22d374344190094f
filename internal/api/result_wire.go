package api

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/proto"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/fields"
	"github.com/pontoon-raft/pontoon/internal/proposalwire"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// A proposalResult is hostv1.ProposalResult on its way out: a failure, already
// encoded, or else a response.
type proposalResult struct {
	proposalwire.Result
	// outer is the encoded size of the answer without its own tag and length.
	outer int
	// refusedAt is when the proposal was read, if there was no room for it.
	refusedAt time.Time
	// placed: the proposal has a place in the window until this is sent.
	placed bool
}

func answerOf(id uint64, result server.Result) proposalResult {
	return newAnswer(proposalwire.Result{ID: id, Responded: true, Response: responseOf(result)})
}

func refusalOf(id uint64, failure []byte) proposalResult {
	return newAnswer(proposalwire.Result{ID: id, Failure: failure})
}

func newAnswer(r proposalwire.Result) proposalResult {
	return proposalResult{Result: r, outer: r.Size()}
}

func responseOf(r server.Result) proposalwire.Response {
	return proposalwire.Response{Index: r.Index, Data: r.Data, Error: text(r.Error), Lost: r.Lost}
}

// encodeFailure makes what refusalOf takes. All its strings are valid UTF-8,
// so it cannot fail; if it did, the client would get neither a response nor a
// failure with an outcome, which it must treat as unknown.
func encodeFailure(f *hostv1.Failure) []byte {
	b, err := proto.Marshal(f)
	if err != nil {
		return []byte{}
	}
	return b
}

// A resultBatch is hostv1.ProposalResultBatch.
type resultBatch struct {
	answers []proposalResult
	// refusals observes how long those took that refuse for want of room; may be nil.
	refusals prometheus.Observer
}

func (r *resultBatch) size() int {
	size := 0
	for i := range r.answers {
		size += elementSize(r.answers[i].outer)
	}
	return size
}

// elementSize is that of an answer in its batch.
func elementSize(outer int) int { return fields.SizeLength(outer) + outer }

func (r *resultBatch) appendTo(b []byte) []byte {
	for i := range r.answers {
		b = r.answers[i].AppendTo(b)
	}
	return b
}
