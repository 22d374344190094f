package api

import (
	"bytes"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	hostv1 "github.com/pontoon-raft/pontoon/api/host/v1"
	"github.com/pontoon-raft/pontoon/internal/fields"
	"github.com/pontoon-raft/pontoon/internal/server"
)

// pieces cuts a message as a connection does.
func pieces(raw []byte, size int) (s mem.BufferSlice) {
	for len(raw) > 0 {
		n := min(size, len(raw))
		s = append(s, mem.SliceBuffer(raw[:n]))
		raw = raw[n:]
	}
	return s
}

// The ends of a large proposal say the same as all of it, however it is cut.
func TestTheEndsOfAProposalSayWhatAllOfItSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &hostv1.Proposal{
			Id:        rapid.Uint64().Draw(t, "id"),
			Data:      make([]byte, rapid.IntRange(earlyBytes, 4*earlyBytes).Draw(t, "bytes")),
			TimeoutMs: rapid.Uint32().Draw(t, "timeout"),
		}
		raw, err := proto.Marshal(&hostv1.ProposalBatch{Proposals: []*hostv1.Proposal{p}})
		if err != nil {
			t.Fatal(err)
		}
		id, size, ok := readEnds(pieces(raw, rapid.IntRange(1, 3*earlyBytes).Draw(t, "piece")))
		if !ok || id != p.Id || size != len(p.Data) {
			t.Fatalf("id %d of %d bytes, %v; want %d of %d", id, size, ok, p.Id, len(p.Data))
		}
	})
}

// A message that is not one proposal with its data in one piece is left to the
// decoder: two proposals, an id after the data, a field that is not known, a message that is cut.
func TestWhatIsNotOnePlainProposalIsDecoded(t *testing.T) {
	data := make([]byte, earlyBytes)
	one := &hostv1.Proposal{Id: 7, Data: data, TimeoutMs: 5}
	raw, err := proto.Marshal(&hostv1.ProposalBatch{Proposals: []*hostv1.Proposal{one}})
	if err != nil {
		t.Fatal(err)
	}
	inner, err := proto.Marshal(one)
	if err != nil {
		t.Fatal(err)
	}
	wrap := func(b []byte) []byte { return append(fields.AppendLength(nil, 1, len(b)), b...) }
	for name, message := range map[string][]byte{
		"two":                     bytes.Repeat(raw, 2),
		"cut":                     raw[:len(raw)-1],
		"an id behind":            wrap(append(bytes.Clone(inner), 1<<3, 9)),
		"data behind":             wrap(append(bytes.Clone(inner), 2<<3|2, 0)),
		"a field not known":       wrap(append([]byte{9 << 3, 1}, inner...)),
		"a field not known later": wrap(append(bytes.Clone(inner), 9<<3, 1)),
		"a field beside":          append(bytes.Clone(raw), 9<<3, 1),
		"no length":               raw[:1],
	} {
		if id, size, ok := readEnds(pieces(message, 1000)); ok {
			t.Errorf("%s: taken for proposal %d of %d bytes", name, id, size)
		}
	}
}

// hasRoom is a service that has room for everything.
type hasRoom struct{ server.Service }

func (hasRoom) Full(int) error { return nil }

// A large value for which the client has no room left is refused by its head, though
// the service has room: its bytes are not put together.
func TestALargeValueBeyondTheClientsShareIsRefusedByItsHead(t *testing.T) {
	l := whole(Limits{MaxPendingBytes: 1 << 20, MaxInFlightBytes: 4 << 20})
	window := newPool(amount{int64(l.MaxPending), l.MaxPendingBytes})
	s := &proposalStream{svc: hasRoom{}, limits: l, lane: lanes(window, "a")[0]}
	refused := func(bytes int) error {
		raw, err := proto.Marshal(&hostv1.ProposalBatch{Proposals: []*hostv1.Proposal{{Id: 7, Data: make([]byte, bytes)}}})
		if err != nil {
			t.Fatal(err)
		}
		batch := proposalBatch{full: s.full}
		defer batch.release()
		if err := newCodec(l, newBufferPool()).decodeBatch(pieces(raw, frameBuffer), &batch); err != nil {
			t.Fatal(err)
		}
		if len(batch.refused) == 0 {
			return nil
		}
		if batch.held != nil || batch.refused[0].id != 7 || !isFull(batch.refused[0].err) {
			t.Errorf("refused: %+v, the bytes are %v", batch.refused[0], batch.held)
		}
		return batch.refused[0].err
	}
	if err := refused(earlyBytes); err != nil {
		t.Errorf("with room: %v", err)
	}
	greedy([]*lane{s.lane}, 1000)
	if refused(earlyBytes) == nil {
		t.Error("a value beyond the client's share is not refused by its head")
	}
	s.lane = lanes(window, "b")[0]
	if err := refused(earlyBytes); err != nil {
		t.Errorf("another client: %v", err)
	}
	s.bytes = l.MaxInFlightBytes
	if refused(earlyBytes) == nil {
		t.Error("a value beyond the bounds of the stream is not refused by its head")
	}
}

// FuzzEnds: the decoder reads the same as is read from the ends of a message.
func FuzzEnds(f *testing.F) {
	raw, err := proto.Marshal(&hostv1.ProposalBatch{Proposals: []*hostv1.Proposal{{Id: 7, Data: make([]byte, 200), TimeoutMs: 5}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		id, size, ok := readEnds(pieces(raw, 7))
		if !ok {
			return
		}
		var all proposalBatch
		if err := all.decode(raw, 2); err != nil || len(all.proposals) != 1 || all.proposals[0].ID != id || len(all.proposals[0].Data) != size {
			t.Fatalf("%x: the ends say proposal %d of %d bytes; all of it %+v, %v", raw, id, size, all.proposals, err)
		}
	})
}
