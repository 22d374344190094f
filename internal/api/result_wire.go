package api

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// An answer is hostv1.ProposalResult on its way out: a failure, already
// encoded, or else a result.
type answer struct {
	id      uint64
	failure []byte
	result  server.Result
	// inner and outer are the encoded sizes of the response and of the whole
	// answer without its own tag and length.
	inner, outer int
	// refusedAt is when the proposal was read, if there was no room for it.
	refusedAt time.Time
	// placed: the proposal has a place in the window until this is sent.
	placed bool
}

func answerOf(id uint64, result server.Result) answer {
	result.Error = text(result.Error)
	a := answer{id: id, result: result}
	a.inner = responseSize(&result)
	a.outer = uintSize(id) + bytesSize(a.inner)
	return a
}

func refusalOf(id uint64, failure []byte) answer {
	return answer{id: id, failure: failure, outer: uintSize(id) + bytesSize(len(failure))}
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
	answers []answer
	// refusals observes how long those took that refuse for want of room; may be nil.
	refusals prometheus.Observer
}

func (r *resultBatch) size() int {
	size := 0
	for i := range r.answers {
		size += bytesSize(r.answers[i].outer)
	}
	return size
}

func (r *resultBatch) appendTo(b []byte) []byte {
	for i := range r.answers {
		b = r.answers[i].appendTo(b)
	}
	return b
}

func (a *answer) appendTo(b []byte) []byte {
	b = appendLength(b, 1, a.outer)
	b = appendUint(b, 1, a.id)
	if a.failure != nil {
		b = appendLength(b, 3, len(a.failure))
		return append(b, a.failure...)
	}
	b = appendLength(b, 2, a.inner)
	b = appendBeforeData(b, a.result.Index, len(a.result.Data))
	b = append(b, a.result.Data...)
	return appendAfterData(b, a.result.Error, a.result.Lost)
}

// appendBeforeData and appendAfterData are a response but for the bytes of its data.
func appendBeforeData(b []byte, index uint64, data int) []byte {
	b = appendUint(b, 1, index)
	if data > 0 {
		b = appendLength(b, 2, data)
	}
	return b
}

func appendAfterData(b []byte, text string, lost bool) []byte {
	if text != "" {
		b = appendLength(b, 3, len(text))
		b = append(b, text...)
	}
	if lost {
		b = appendUint(b, 4, 1)
	}
	return b
}

func responseSize(r *server.Result) int {
	size := uintSize(r.Index)
	if len(r.Data) > 0 {
		size += bytesSize(len(r.Data))
	}
	if r.Error != "" {
		size += bytesSize(len(r.Error))
	}
	if r.Lost {
		size += 2
	}
	return size
}

// All field numbers here are below 16: a tag is one byte.

func uintSize(v uint64) int {
	if v == 0 {
		return 0
	}
	return 1 + protowire.SizeVarint(v)
}

func bytesSize(n int) int { return 1 + protowire.SizeBytes(n) }

func appendUint(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(append(b, byte(num)<<3|byte(protowire.VarintType)), v)
}

func appendLength(b []byte, num protowire.Number, n int) []byte {
	return protowire.AppendVarint(append(b, byte(num)<<3|byte(protowire.BytesType)), uint64(n))
}
