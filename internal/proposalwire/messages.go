package proposalwire

import (
	"errors"
	"slices"
	"unicode/utf8"

	"github.com/pontoon-raft/pontoon/internal/fields"
)

// The numbers of the fields. Both batches have one field, with their elements.
const (
	batchElements = 1

	proposalID, proposalData, proposalTimeout = 1, 2, 3

	resultID, resultResponse, resultFailure = 1, 2, 3

	responseIndex, responseData, responseError, responseLost = 1, 2, 3, 4
)

var errInvalidUTF8 = errors.New("string field contains invalid UTF-8")

// NextElement moves w, a walk over a batch of proposals or of results, to its next
// element. It returns false at the end of the batch and where w has an error.
func NextElement(w *fields.Walk) bool {
	for w.Next() {
		if w.Tag == batchElements<<3|fields.Bytes {
			return true
		}
	}
	return false
}

// A Proposal is hostv1.Proposal.
type Proposal struct {
	ID uint64
	// Data is a part of the batch's bytes in a decoded proposal. An append to it
	// leaves the batch as it is.
	Data []byte
	// TimeoutMs is how long the client waits, in milliseconds; 0 means the host's default.
	TimeoutMs uint32
}

// AppendTo appends p as an element of a batch.
func (p Proposal) AppendTo(b []byte) []byte {
	size := fields.SizeVarint(p.ID) + fields.SizeBytes(len(p.Data)) + fields.SizeVarint(uint64(p.TimeoutMs))
	b = fields.AppendLength(b, batchElements, size)
	b = fields.AppendVarint(b, proposalID, p.ID)
	b = fields.AppendBytes(b, proposalData, p.Data)
	return fields.AppendVarint(b, proposalTimeout, uint64(p.TimeoutMs))
}

// DecodeProposal reads an element of a batch of proposals.
func DecodeProposal(b []byte) (Proposal, error) {
	var p Proposal
	w := fields.Over(b)
	for w.Next() {
		switch w.Tag {
		case proposalID<<3 | fields.Varint:
			p.ID = w.Varint
		case proposalData<<3 | fields.Bytes:
			p.Data = slices.Clip(w.Value) // the batch goes on after it
		case proposalTimeout<<3 | fields.Varint:
			p.TimeoutMs = uint32(w.Varint)
		}
	}
	return p, w.Err()
}

// A Response is hostv1.ProposeResponse.
type Response struct {
	Index uint64
	// Data is a part of the batch's bytes in a decoded response.
	Data  []byte
	Error string
	Lost  bool
}

// Size is how many bytes r has when encoded.
func (r *Response) Size() int {
	size := fields.SizeVarint(r.Index) + fields.SizeBytes(len(r.Data)) + fields.SizeBytes(len(r.Error))
	if r.Lost {
		size += fields.SizeVarint(1)
	}
	return size
}

// AppendHead and AppendTail append what is before the bytes of r's data, and what
// is after them.
func (r *Response) AppendHead(b []byte) []byte {
	b = fields.AppendVarint(b, responseIndex, r.Index)
	if len(r.Data) > 0 {
		b = fields.AppendLength(b, responseData, len(r.Data))
	}
	return b
}

// AppendTail is the other half of AppendHead.
func (r *Response) AppendTail(b []byte) []byte {
	b = fields.AppendBytes(b, responseError, r.Error)
	if r.Lost {
		b = fields.AppendVarint(b, responseLost, 1)
	}
	return b
}

// decode reads a response into r. One that comes in parts is merged.
func (r *Response) decode(b []byte) error {
	w := fields.Over(b)
	for w.Next() {
		switch w.Tag {
		case responseIndex<<3 | fields.Varint:
			r.Index = w.Varint
		case responseData<<3 | fields.Bytes:
			r.Data = slices.Clip(w.Value)
		case responseError<<3 | fields.Bytes:
			if !utf8.Valid(w.Value) {
				return errInvalidUTF8
			}
			r.Error = string(w.Value)
		case responseLost<<3 | fields.Varint:
			r.Lost = w.Varint != 0
		}
	}
	return w.Err()
}

// A Result is hostv1.ProposalResult: a response or a failure.
type Result struct {
	ID        uint64
	Responded bool // there is a response
	Response  Response
	// Failure is a hostv1.Failure as it is encoded, nil if there is none. In a decoded
	// result it is a part of the batch's bytes, well-formed, and may have strings
	// that are not UTF-8.
	Failure []byte
}

// Size is how many bytes r has when encoded, without its own tag and length.
func (r *Result) Size() int {
	size := fields.SizeVarint(r.ID)
	if r.Responded {
		inner := r.Response.Size()
		size += fields.SizeLength(inner) + inner
	}
	if r.Failure != nil {
		size += fields.SizeLength(len(r.Failure)) + len(r.Failure)
	}
	return size
}

// AppendTo appends r as an element of a batch.
func (r *Result) AppendTo(b []byte) []byte {
	b = r.AppendHead(b)
	if r.Responded {
		b = r.Response.AppendTail(append(b, r.Response.Data...))
	}
	if r.Failure != nil {
		b = append(fields.AppendLength(b, resultFailure, len(r.Failure)), r.Failure...)
	}
	return b
}

// AppendHead appends the element as far as the bytes of the response's data, or as
// far as the failure if there is no response.
func (r *Result) AppendHead(b []byte) []byte {
	b = fields.AppendLength(b, batchElements, r.Size())
	b = fields.AppendVarint(b, resultID, r.ID)
	if r.Responded {
		b = r.Response.AppendHead(fields.AppendLength(b, resultResponse, r.Response.Size()))
	}
	return b
}

// DecodeResult reads an element of a batch of results.
func DecodeResult(b []byte) (Result, error) {
	var r Result
	w := fields.Over(b)
	for w.Next() {
		var err error
		switch w.Tag {
		case resultID<<3 | fields.Varint:
			r.ID = w.Varint
		case resultResponse<<3 | fields.Bytes:
			r.Responded = true
			err = r.Response.decode(w.Value)
		case resultFailure<<3 | fields.Bytes:
			if err = wellFormed(w.Value); r.Failure == nil {
				r.Failure = slices.Clip(w.Value)
			} else {
				r.Failure = append(r.Failure, w.Value...) // parts are merged
			}
		}
		if err != nil {
			return r, err
		}
	}
	return r, w.Err()
}

// wellFormed refuses a part of a message that is only with the next part a whole.
func wellFormed(b []byte) error {
	w := fields.Over(b)
	for w.Next() {
	}
	return w.Err()
}
