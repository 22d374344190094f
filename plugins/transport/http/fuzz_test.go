package httptransport

import (
	"bufio"
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"

	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

const fuzzLimit = 1 << 16

// fuzzDecoder feeds any bytes to a decoder, which returns messages that a
// protobuf decoder accepts at the same depth, or an error.
func fuzzDecoder(f *testing.F, open func(*bufio.Reader) frameReader) {
	entry := pluginv1.Entry{Term: 1, Index: 2, Data: []byte("data")}
	m := pluginv1.Message{Type: raftmsg.TypeApp, From: 1, To: 2, Term: 1, LogTerm: 1, Index: 1, Commit: 1, Entries: []pluginv1.Entry{entry}}
	encoder := &msgappEncoder{link: testLink}
	wire := frame(f, encoder, encode(f, m))
	m.Index, m.Entries[0].Index = 2, 3
	wire = append(wire, frame(f, encoder, encode(f, m))...)
	f.Add(encoder.heartbeat(wire))
	f.Add(messageEncoder{}.heartbeat(frame(f, messageEncoder{}, encode(f, m))))
	f.Add([]byte("\x01\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		decoder := open(bufio.NewReaderSize(bytes.NewReader(wire), 4<<10))
		for {
			complete := decoder.complete()
			payload, s, err := decoder.next()
			if err != nil {
				return
			}
			if len(payload) > fuzzLimit {
				t.Fatalf("message of %d bytes, limit %d (complete: %t)", len(payload), fuzzLimit, complete)
			}
			var got pluginv1.Message
			if payload != nil && got.Unmarshal(payload) == nil {
				checkShape(t, s, &got)
			}
		}
	})
}

// checkShape compares the scanner with a whole decoder.
func checkShape(t *testing.T, s *raftmsg.Shape, m *pluginv1.Message) {
	if uint32(s.Kind) != m.Type || s.From != m.From || s.To != m.To || s.Term != m.Term ||
		s.LogTerm != m.LogTerm || s.Index != m.Index || s.Commit != m.Commit {
		t.Fatalf("shape %+v of %v", s, m)
	}
}

func FuzzMessageDecoder(f *testing.F) {
	fuzzDecoder(f, func(r *bufio.Reader) frameReader {
		return &messageDecoder{r: r, link: testLink, limit: fuzzLimit}
	})
}

func FuzzMsgAppDecoder(f *testing.F) {
	fuzzDecoder(f, func(r *bufio.Reader) frameReader {
		return &msgappDecoder{r: r, link: testLink, limit: fuzzLimit}
	})
}

// FuzzScan: bytes that the scanner accepts and a protobuf decoder accepts too
// have the shape that the decoded message has, and survives an AppEntries
// frame.
func FuzzScan(f *testing.F) {
	f.Add(encode(f, pluginv1.Message{
		Type: raftmsg.TypeApp, From: 1, To: 2, Term: 1, LogTerm: 1, Index: 1, Commit: 1,
		Entries: []pluginv1.Entry{{Term: 1, Index: 2, Data: []byte("data")}},
	}))
	f.Add([]byte("\x08\x88\x80\x80\x80\x10"))
	f.Add([]byte(":\n000000C$00"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		s, err := raftmsg.Scan(payload)
		var m pluginv1.Message
		if err != nil || m.Unmarshal(payload) != nil {
			return
		}
		checkShape(t, &s, &m)
		if s.Entries != len(m.Entries) {
			t.Fatalf("%d entries of %d", s.Entries, len(m.Entries))
		}
		last, err := s.LastIndex()
		if err != nil {
			// The generated decoder takes a group that ends with the number of another,
			// the walk and the other decoder of protobuf refuse it.
			if proto.Unmarshal(s.LastEntry, &emptypb.Empty{}) == nil {
				t.Fatalf("last index: %v", err)
			}
			return
		}
		if n := len(m.Entries); n > 0 && last != m.Entries[n-1].Index {
			t.Fatalf("last index %d of %d", last, m.Entries[n-1].Index)
		}
		if !s.Plain {
			return
		}
		again := pluginv1.Message{
			Type: m.Type, From: m.From, To: m.To, Term: m.Term, LogTerm: m.LogTerm,
			Index: m.Index, Commit: m.Commit, Entries: m.Entries,
		}
		if !bytes.Equal(encode(t, again), encode(t, m)) {
			t.Fatalf("%v is not plain", &m)
		}
	})
}
