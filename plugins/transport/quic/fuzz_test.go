package quictransport

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

const fuzzLimit = 1 << 16

// FuzzFrames: from any bytes there come messages of the link and within the
// limit, or an error.
func FuzzFrames(f *testing.F) {
	good := encode(f, pluginv1.Message{Type: 3, From: 1, To: 2, Term: 1, Entries: []pluginv1.Entry{{Term: 1, Index: 2, Data: []byte("data")}}})
	wire := appendHeartbeat(messageFrame(good), time.Unix(1, 2))
	f.Add(append(wire, messageFrame(good)...))
	f.Add([]byte{7, 0, 0, 0, 3, 1, 2, 3, tagMessage, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, wire []byte) {
		frames := &frameReader{
			r: bufio.NewReaderSize(bytes.NewReader(wire), 4<<10), link: raftmsg.Link{From: 1, To: 2}, limit: fuzzLimit,
		}
		for {
			got, err := frames.next()
			if err != nil {
				return
			}
			if len(got.message) > fuzzLimit {
				t.Fatalf("message of %d bytes, limit %d", len(got.message), fuzzLimit)
			}
			var m pluginv1.Message
			if got.message != nil && m.Unmarshal(got.message) == nil && (m.To != 2 || (m.From != 1 && m.Type != 13)) {
				t.Fatalf("message of another link: %v", &m)
			}
		}
	})
}

// FuzzGreetings: a Hello or an Answer that can be decoded encodes to bytes that
// decode alike.
func FuzzGreetings(f *testing.F) {
	f.Add(hello{version: 1, oldest: 1, cluster: 2, from: 3, to: 4, run: 5, insist: true, urls: []string{"quic://127.0.0.1:1", ""}, greeting: transport.Greeting{Store: 6, Number: 7, Founding: 8, Voters: 5}, expected: 9}.encode())
	f.Add(answer{code: codeRemoved, version: 1, cluster: 2, from: 3, run: 4, index: 5, term: 6, text: "text"}.encode())
	f.Add(answer{code: codeMismatch, version: 1, greeting: transport.Greeting{Store: 6, Number: 7, Founding: 8, Voters: 5}, misfit: 1, known: 9}.encode())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > maxGreeting-greetingBytes-8-votersBytes { // they are added to one of an older version
			return
		}
		if h, err := decodeHello(b); err == nil {
			again, err := decodeHello(h.encode())
			if err != nil || again.from != h.from || again.run != h.run || again.insist != h.insist || len(again.urls) != len(h.urls) ||
				again.greeting != h.greeting || again.expected != h.expected {
				t.Errorf("hello %+v became %+v, error %v", h, again, err)
			}
		}
		if a, err := decodeAnswer(b); err == nil && len(a.text) <= maxText {
			if again, err := decodeAnswer(a.encode()); err != nil || again != a {
				t.Errorf("answer %+v became %+v, error %v", a, again, err)
			}
		}
	})
}

// snapshotWire is what a sender writes.
func snapshotWire(t testing.TB, size uint64, content []byte) []byte {
	message := encode(t, pluginv1.Message{Type: 7, From: 1, To: 2, Term: 1})
	b := binary.BigEndian.AppendUint64(nil, size)
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(message))), message...)
	for rest := content; len(rest) > 0; {
		n := min(len(rest), 100)
		b = append(binary.BigEndian.AppendUint32(b, uint32(n)), rest[:n]...)
		rest = rest[n:]
	}
	sum := sha256.Sum256(content)
	return append(append(b, 0, 0, 0, 0), sum[:]...)
}

func readSnapshot(wire []byte) ([]byte, error) {
	body := &receivedSnapshot{r: bufio.NewReaderSize(bytes.NewReader(wire), 4<<10)}
	if _, err := body.header(fuzzLimit, 1, 2); err != nil {
		return nil, err
	}
	return io.ReadAll(body)
}

// FuzzSnapshot: a snapshot ends well only if its checksum is right.
func FuzzSnapshot(f *testing.F) {
	f.Add(snapshotWire(f, 250, make([]byte, 250)))
	f.Add(snapshotWire(f, 0, nil))
	f.Fuzz(func(t *testing.T, wire []byte) {
		content, err := readSnapshot(wire)
		if err != nil {
			return
		}
		sum := sha256.Sum256(content)
		if !bytes.HasSuffix(wire, sum[:]) {
			t.Error("a snapshot with another checksum was accepted")
		}
	})
}

// Any bit that changes on the way, any byte that is missing or too many, is
// found, as is a size that is not the announced one.
func TestB6DamagedSnapshots(t *testing.T) {
	content := bytes.Repeat([]byte("snapshot"), 40)
	wire := snapshotWire(t, uint64(len(content)), content)
	if got, err := readSnapshot(wire); err != nil || !bytes.Equal(got, content) {
		t.Fatalf("an undamaged one: %d bytes, error %v", len(got), err)
	}
	start := len(wire) - len(content) - 4*4 - 4 - sha256.Size
	for i := start; i < len(wire); i++ {
		for bit := range 8 {
			damaged := bytes.Clone(wire)
			damaged[i] ^= 1 << bit
			if got, err := readSnapshot(damaged); err == nil {
				t.Fatalf("bit %d of byte %d was changed, and %d bytes accepted", bit, i, len(got))
			}
		}
		if _, err := readSnapshot(wire[:i]); err == nil {
			t.Fatalf("%d bytes of %d were accepted", i, len(wire))
		}
	}
	if _, err := readSnapshot(append(bytes.Clone(wire), 0)); err == nil {
		t.Error("a byte too many was accepted")
	}
	for _, size := range []int{len(content) - 1, len(content) + 1} {
		if _, err := readSnapshot(snapshotWire(t, uint64(size), content)); err == nil {
			t.Errorf("%d bytes were accepted as %d", len(content), size)
		}
	}
}
