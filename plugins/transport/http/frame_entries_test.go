package httptransport

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

func entriesOf(wire []byte) *entriesDecoder {
	return &entriesDecoder{
		r: bufio.NewReaderSize(bytes.NewReader(wire), readBufferBytes), link: testLink, term: 3, limit: testLimit,
	}
}

// A message that may go over the stream comes out as it went in, but for its
// commit index; one without entries, and a heartbeat, as nothing.
func TestEntriesStreamKeepsEntries(t *testing.T) {
	var encoder entriesEncoder
	sent := app(3, 3, 4, 2)
	sent.From, sent.To = testLink.From, testLink.To
	empty := app(3, 3, 6, 0)
	wire := frame(t, encoder, encode(t, sent))
	wire = append(wire, frame(t, encoder, encode(t, empty))...)
	wire = encoder.heartbeat(wire)
	decoder := entriesOf(wire)
	payload, s, err := decoder.next()
	if err != nil {
		t.Fatal(err)
	}
	var got pluginv1.Message
	if err := got.Unmarshal(payload); err != nil {
		t.Fatal(err)
	}
	sent.Commit = 0
	if !reflect.DeepEqual(got, sent) || s.Index != 4 || s.Kind != raftmsg.TypeApp {
		t.Errorf("got %v, shape %+v, want %v", &got, s, &sent)
	}
	for range 2 {
		if payload, _, err := decoder.next(); payload != nil || err != nil {
			t.Errorf("got %q, error %v", payload, err)
		}
	}
	if _, _, err := decoder.next(); !errors.Is(err, io.EOF) {
		t.Errorf("the end is %v", err)
	}
}

func TestEntriesDecoderRefuses(t *testing.T) {
	length := func(n uint64) string { return string(binary.BigEndian.AppendUint64(nil, n)) }
	entry := func(term, index uint64) string {
		b := encode2(t, &pluginv1.Entry{Term: term, Index: index})
		return length(uint64(len(b))) + string(b)
	}
	for _, c := range []struct {
		name, wire string
		want       error
	}{
		{"good", length(2) + entry(3, 1) + entry(3, 2), nil},
		{"length over the limit", length(1) + length(testLimit), plugins.ErrLimit},
		{"largest length", length(1) + length(1<<64-1), plugins.ErrLimit},
		{"entries over the limit", length(2) + entry(3, 1) + length(testLimit-12), plugins.ErrLimit},
		{"older term", length(1) + entry(2, 1), errForeignEntry},
		{"newer term", length(1) + entry(4, 1), errForeignEntry},
		{"gap", length(2) + entry(3, 1) + entry(3, 3), errForeignEntry},
		{"index 0", length(1) + entry(3, 0), errForeignEntry},
		{"index runs over", length(2) + entry(3, 1<<64-1) + entry(3, 0), errForeignEntry},
		{"malformed", length(1) + length(1) + "\xff", raftmsg.ErrMalformed},
		{"cut off in its count", "\x00\x00", io.ErrUnexpectedEOF},
		{"cut off after its count", length(1), io.ErrUnexpectedEOF},
		{"cut off in an entry", length(1) + length(9) + "12", io.ErrUnexpectedEOF},
		{"endless", length(1<<64-1) + strings.Repeat(entry(3, 1), 2), errForeignEntry},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, _, err := entriesOf([]byte(c.wire)).next(); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

// complete must say yes only to what next can answer without reading on.
func TestEntriesCompleteNeverBlocks(t *testing.T) {
	var encoder entriesEncoder
	var wire []byte
	for i := range uint64(10) {
		m := app(3, 3, 1+3*i, int(i%4))
		wire = append(wire, frame(t, encoder, encode(t, m))...)
	}
	for cut := range len(wire) {
		decoder := entriesOf(wire[:cut])
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

func FuzzEntriesDecoder(f *testing.F) {
	fuzzDecoder(f, func(r *bufio.Reader) frameReader {
		return &entriesDecoder{r: r, link: testLink, term: 3, limit: fuzzLimit}
	})
}
