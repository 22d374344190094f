package httptransport

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

const testLimit = 4 << 20

var testLink = raftmsg.Link{From: 1, To: 2}

func encode(t testing.TB, m pluginv1.Message) []byte {
	t.Helper()
	payload, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// frame is what an encoder makes of one payload.
func frame(t testing.TB, e frameEncoder, payload []byte) []byte {
	t.Helper()
	out, follows, err := e.header(nil, payload)
	if err != nil {
		t.Fatal(err)
	}
	if follows {
		out = append(out, payload...)
	}
	return out
}

func decoders(wire []byte) map[string]frameReader {
	return map[string]frameReader{
		"message": &messageDecoder{r: bufio.NewReader(bytes.NewReader(wire)), link: testLink, limit: testLimit},
		"msgapp":  &msgappDecoder{r: bufio.NewReader(bytes.NewReader(wire)), link: testLink, limit: testLimit},
	}
}

// messages draws sequences as a leader sends them, faults of the leader's log
// included.
func messages(t *rapid.T) []pluginv1.Message {
	term, index := rapid.Uint64Range(0, 3).Draw(t, "term"), rapid.Uint64Range(0, 3).Draw(t, "index")
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) pluginv1.Message {
		term += rapid.SampledFrom([]uint64{0, 0, 0, 0, 1}).Draw(t, "newer")
		index += rapid.SampledFrom([]uint64{0, 0, 0, 0, 7}).Draw(t, "gap")
		m := pluginv1.Message{
			Type: raftmsg.TypeApp, From: testLink.From, To: testLink.To, Term: term, Index: index,
			LogTerm: term - rapid.SampledFrom([]uint64{0, 0, 0, min(term, 1)}).Draw(t, "older"),
			Commit:  rapid.Uint64Range(0, 5).Draw(t, "commit"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "entries") {
			index++
			m.Entries = append(m.Entries, pluginv1.Entry{
				Term: term, Index: index, Data: rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "data"),
			})
		}
		if rapid.IntRange(0, 9).Draw(t, "extra") == 0 {
			m.Context = []byte("context")
		}
		return m
	}), 1, 50).Draw(t, "messages")
}

// The decoded messages mean exactly what the encoded ones did, in order
// (statement B4), whichever frames the encoder chose.
func TestB4MsgAppStreamKeepsMessages(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		sent := messages(rt)
		encoder := &msgappEncoder{link: testLink}
		var wire []byte
		for _, m := range sent {
			wire = append(wire, frame(t, encoder, encode(t, m))...)
			wire = encoder.heartbeat(wire)
		}
		decoder := decoders(wire)["msgapp"]
		for i := range sent {
			payload, s, err := decoder.next()
			if err != nil {
				rt.Fatalf("message %d: %v", i, err)
			}
			var got pluginv1.Message
			if err := got.Unmarshal(payload); err != nil {
				rt.Fatalf("message %d: %v", i, err)
			}
			if !bytes.Equal(encode(t, got), encode(t, sent[i])) {
				rt.Fatalf("message %d is %v instead of %v", i, &got, &sent[i])
			}
			if s.Term != got.Term || s.From != got.From || s.Kind != raftmsg.TypeApp {
				rt.Fatalf("message %d has shape %+v", i, s)
			}
			if beat, _, err := decoder.next(); beat != nil || err != nil {
				rt.Fatalf("heartbeat %d: %v", i, err)
			}
		}
		if _, _, err := decoder.next(); !errors.Is(err, io.EOF) {
			rt.Fatalf("the end is %v", err)
		}
	})
}

// Entries of 3 MiB come out as they went in too, between small ones, gaps and
// changes of the leader.
func TestB4LargeEntriesAreKept(t *testing.T) {
	const limit = 16 << 20
	random := rand.New(rand.NewPCG(4, 4))
	encoder := &msgappEncoder{link: testLink}
	var wire bytes.Buffer
	decoder := &msgappDecoder{r: bufio.NewReaderSize(&wire, readBufferBytes), link: testLink, limit: limit}
	term, index, large := uint64(1), uint64(0), 0
	for i := range 40 {
		index += uint64(random.IntN(8) / 7)
		m := pluginv1.Message{Type: raftmsg.TypeApp, From: testLink.From, To: testLink.To, Term: term, LogTerm: term, Index: index, Commit: index}
		for range random.IntN(4) {
			data := make([]byte, []int{0, 1, 300, 3 << 20}[random.IntN(4)])
			_, _ = rand.NewChaCha8([32]byte{byte(i)}).Read(data)
			large += len(data) >> 20
			index++
			m.Entries = append(m.Entries, pluginv1.Entry{Term: term, Index: index, Data: data})
		}
		wire.Write(frame(t, encoder, encode(t, m)))
		payload, _, err := decoder.next()
		if err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		var got pluginv1.Message
		if err := got.Unmarshal(payload); err != nil || !bytes.Equal(encode(t, got), encode(t, m)) {
			t.Fatalf("message %d with %d entries is another one: %v", i, len(m.Entries), err)
		}
		term += uint64(random.IntN(8) / 7)
	}
	if large < 9 || term == 1 {
		t.Errorf("%d MiB of large entries, %d terms: too few", large, term)
	}
}

// An append that continues the stream costs 17 bytes and its entries with 8
// bytes each (statement B4).
func TestB4AppEntriesFrameIsShort(t *testing.T) {
	encoder := &msgappEncoder{link: testLink}
	entry := pluginv1.Entry{Term: 1, Index: 6, Data: []byte("data")}
	first := pluginv1.Message{Type: raftmsg.TypeApp, From: 1, To: 2, Term: 1, LogTerm: 1, Index: 5, Entries: []pluginv1.Entry{entry}}
	if wire := frame(t, encoder, encode(t, first)); wire[0] != tagMsgApp {
		t.Fatalf("first frame has tag %#x", wire[0])
	}
	entry.Index = 7
	next := pluginv1.Message{
		Type: raftmsg.TypeApp, From: 1, To: 2, Term: 1, LogTerm: 1, Index: 6, Commit: 6, Entries: []pluginv1.Entry{entry},
	}
	wire := frame(t, encoder, encode(t, next))
	if wire[0] != tagAppEntries || len(wire) != 17+8+entry.Size() {
		t.Errorf("frame has tag %#x and %d bytes", wire[0], len(wire))
	}
	commit := pluginv1.Message{Type: raftmsg.TypeApp, From: 1, To: 2, Term: 1, LogTerm: 1, Index: 7, Commit: 7}
	wire = frame(t, encoder, encode(t, commit))
	if wire[0] != tagAppEntries || len(wire) != 17 {
		t.Errorf("commit frame has tag %#x and %d bytes", wire[0], len(wire))
	}
}

// Frames as rafthttp writes them, byte by byte.
func TestForeignAppEntriesFrame(t *testing.T) {
	entry := encode2(t, &pluginv1.Entry{Term: 4, Index: 10, Data: []byte("x")})
	start := encode(t, pluginv1.Message{Type: raftmsg.TypeApp, From: 1, To: 2, Term: 4, LogTerm: 3, Index: 9})
	wire := append([]byte{tagMsgApp}, binary.BigEndian.AppendUint64(nil, uint64(len(start)))...)
	wire = append(wire, start...)
	wire = append(wire, tagAppEntries)
	wire = binary.BigEndian.AppendUint64(wire, 1)
	wire = binary.BigEndian.AppendUint64(wire, uint64(len(entry)))
	wire = append(wire, entry...)
	wire = binary.BigEndian.AppendUint64(wire, 8)
	decoder := decoders(wire)["msgapp"]
	if _, _, err := decoder.next(); err != nil {
		t.Fatal(err)
	}
	payload, _, err := decoder.next()
	if err != nil {
		t.Fatal(err)
	}
	var got pluginv1.Message
	if err := got.Unmarshal(payload); err != nil {
		t.Fatal(err)
	}
	want := pluginv1.Message{
		Type: raftmsg.TypeApp, From: 1, To: 2, Term: 4, LogTerm: 4, Index: 9, Commit: 8,
		Entries: []pluginv1.Entry{{Term: 4, Index: 10, Data: []byte("x")}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", &got, &want)
	}
}

func encode2(t testing.TB, e *pluginv1.Entry) []byte {
	t.Helper()
	b, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMessageStreamPassesPayloadsThrough(t *testing.T) {
	payload := encode(t, pluginv1.Message{Type: 4, From: 1, To: 2, Term: 9, Reject: true, RejectHint: 3, Context: []byte("c")})
	var e messageEncoder
	wire := e.heartbeat(frame(t, e, payload))
	// Link heartbeats of etcd 3.5, which writes zeros and an empty snapshot.
	old := []byte("\x08\x08\x10\x00\x18\x00\x20\x00\x28\x00\x30\x00\x40\x00\x4a\x08\x12\x06\x0a\x00\x10\x00\x18\x00\x50\x00\x58\x00")
	wire = binary.BigEndian.AppendUint64(wire, uint64(len(old)))
	wire = append(wire, old...)
	decoder := decoders(wire)["message"]
	got, s, err := decoder.next()
	if err != nil || !bytes.Equal(got, payload) || s.Term != 9 {
		t.Errorf("got %q, shape %+v, error %v", got, s, err)
	}
	for range 2 {
		if got, _, err := decoder.next(); got != nil || err != nil {
			t.Errorf("heartbeat: got %q, error %v", got, err)
		}
	}
}

func TestDecodersRefuse(t *testing.T) {
	length := func(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }
	whole := func(m pluginv1.Message) string {
		payload := encode(t, m)
		return length(uint64(len(payload))) + string(payload)
	}
	app := pluginv1.Message{Type: raftmsg.TypeApp, From: 1, To: 2, Term: 1}
	for _, c := range []struct {
		name, stream, wire string
		want               error
	}{
		{"length over the limit", "message", length(testLimit + 1), plugins.ErrLimit},
		{"largest length", "message", length(1<<64 - 1), plugins.ErrLimit},
		{"length over the limit", "msgapp", "\x02" + length(testLimit+1), plugins.ErrLimit},
		{"entry over the limit", "msgapp", "\x01" + length(1) + length(testLimit), plugins.ErrLimit},
		{"entries over the limit", "msgapp", "\x01" + length(1<<63) + strings.Repeat(length(0), testLimit), plugins.ErrLimit},
		{"unknown tag", "msgapp", "\x03", errUnknownTag},
		{"cut off in its length", "message", "\x00\x00", io.ErrUnexpectedEOF},
		{"cut off in its payload", "message", length(9) + "12", io.ErrUnexpectedEOF},
		{"cut off after its tag", "msgapp", "\x02", io.ErrUnexpectedEOF},
		{"cut off in its entries", "msgapp", "\x01" + length(2) + length(0), io.ErrUnexpectedEOF},
		{"cut off before its commit", "msgapp", "\x01" + length(0), io.ErrUnexpectedEOF},
		{"malformed", "message", length(3) + "\xff\xff\xff", raftmsg.ErrMalformed},
		{"wire type of a known field", "message", length(4) + "\x22\x02ab", raftmsg.ErrMalformed},
		{"another receiver", "message", whole(pluginv1.Message{Type: 4, From: 1, To: 3}), raftmsg.ErrUnexpectedPeer},
		{"another sender", "message", whole(pluginv1.Message{Type: 4, From: 3, To: 2}), raftmsg.ErrUnexpectedPeer},
		{"another sender", "msgapp", "\x02" + whole(pluginv1.Message{Type: raftmsg.TypeApp, From: 3, To: 2}), raftmsg.ErrUnexpectedPeer},
		{"no append", "msgapp", "\x02" + whole(pluginv1.Message{Type: raftmsg.TypeSnap, From: 1, To: 2}), raftmsg.ErrMalformed},
		{"ends well", "msgapp", "\x02" + whole(app), nil},
	} {
		t.Run(c.stream+" "+c.name, func(t *testing.T) {
			if _, _, err := decoders([]byte(c.wire))[c.stream].next(); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// A length costs its receiver no more memory than a step before bytes come.
func TestB4LengthAloneCostsLittle(t *testing.T) {
	const limit = 1 << 30
	wire := binary.BigEndian.AppendUint64(nil, limit)
	if got := testing.AllocsPerRun(1, func() {
		if _, err := readFrame(bufio.NewReaderSize(bytes.NewReader(wire), 16), limit); err == nil {
			t.Error("a frame without bytes was read")
		}
	}); got > 10 {
		t.Errorf("%v allocations", got)
	}
}

// A forwarded MsgTransferLeader names the member that shall lead as its
// sender; it is the one message that may.
func TestTransferLeaderMayNameAnother(t *testing.T) {
	payload := encode(t, pluginv1.Message{Type: raftmsg.TypeTransferLeader, From: 3, To: 2})
	if _, _, err := decoders(frame(t, messageEncoder{}, payload))["message"].next(); err != nil {
		t.Error(err)
	}
}

// complete must say yes only to what next can answer without reading on.
func TestCompleteNeverBlocks(t *testing.T) {
	encoder := &msgappEncoder{link: testLink}
	var wire []byte
	random := rand.New(rand.NewPCG(1, 1))
	index := uint64(0)
	for range 50 {
		m := pluginv1.Message{Type: raftmsg.TypeApp, From: 1, To: 2, Term: 1, LogTerm: 1, Index: index}
		for range random.IntN(3) {
			index++
			m.Entries = append(m.Entries, pluginv1.Entry{Term: 1, Index: index, Data: make([]byte, random.IntN(40))})
		}
		wire = append(wire, frame(t, encoder, encode(t, m))...)
		if random.IntN(5) == 0 {
			wire = encoder.heartbeat(wire)
		}
	}
	for cut := range len(wire) {
		source := bytes.NewReader(wire[:cut])
		decoder := &msgappDecoder{r: bufio.NewReaderSize(source, readBufferBytes), link: testLink, limit: testLimit}
		_, _ = decoder.r.Peek(1)
		for decoder.complete() {
			if _, _, err := decoder.next(); err != nil {
				t.Fatalf("cut at %d: complete, but %v", cut, err)
			}
		}
		if _, _, err := decoder.next(); err == nil {
			t.Fatalf("cut at %d: not complete, but there was a frame", cut)
		}
	}
}
