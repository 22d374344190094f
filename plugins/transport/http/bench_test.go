package httptransport

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
)

// loop is a stream that its encoder writes and its decoder reads.
type loop struct {
	encoder msgappEncoder
	wire    bytes.Buffer
	buffer  []byte
	decoder *msgappDecoder
}

func newLoop() *loop {
	l := &loop{encoder: msgappEncoder{link: testLink}}
	l.decoder = &msgappDecoder{r: bufio.NewReaderSize(&l.wire, readBufferBytes), link: testLink, limit: testLimit}
	return l
}

func (l *loop) pass(payload []byte) error {
	buffer, follows, err := l.encoder.header(l.buffer[:0], payload)
	if err != nil {
		return err
	}
	if follows {
		buffer = append(buffer, payload...)
	}
	l.buffer = buffer
	l.wire.Write(buffer)
	_, _, err = l.decoder.next()
	return err
}

// appEntry is one append of size bytes, which continues the log or does not.
func appEntry(t testing.TB, size int, continues bool) []byte {
	m := pluginv1.Message{
		Type: raftmsg.TypeApp, From: 1, To: 2, Term: 1, LogTerm: 1, Index: 0,
		Entries: []pluginv1.Entry{{Term: 1, Index: 1, Data: make([]byte, size)}},
	}
	if !continues {
		m.Index, m.Entries[0].Index = 5, 5
	}
	return encode(t, m)
}

// Encoder and decoder together allocate at most 4 times for an append of one
// entry (statement B3).
func TestB3AppEntryAllocations(t *testing.T) {
	for _, continues := range []bool{false, true} {
		l := newLoop()
		l.encoder.at, l.decoder.at = position{term: 1}, position{term: 1}
		payload := appEntry(t, 64, continues)
		got := testing.AllocsPerRun(1000, func() {
			if continues {
				l.encoder.at.index, l.decoder.at.index = 0, 0
			}
			if err := l.pass(payload); err != nil {
				t.Fatal(err)
			}
		})
		if got > 4 {
			t.Errorf("continues %t: %v allocations, want at most 4", continues, got)
		}
	}
}

func BenchmarkAppEntry(b *testing.B) {
	for _, continues := range []bool{false, true} {
		b.Run(fmt.Sprintf("short=%t", continues), func(b *testing.B) {
			l := newLoop()
			payload := appEntry(b, 64, continues)
			b.ReportAllocs()
			b.SetBytes(int64(len(payload)))
			for b.Loop() {
				if continues {
					l.encoder.at, l.decoder.at = position{term: 1}, position{term: 1}
				}
				if err := l.pass(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// sink is a handler that counts messages.
type sink struct {
	arrived chan int
}

func (s *sink) Deliver(envelopes []transport.Envelope) { s.arrived <- len(envelopes) }

func (s *sink) Notify([]transport.Event) {}

func (s *sink) ReceiveSnapshot(_ context.Context, _ transport.SnapshotHeader, r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// openPair opens two transports that know each other, with their streams up.
func openPair(b testing.TB) (transport.Transport, *sink) {
	ctx := context.Background()
	var ends [2]transport.Transport
	var sinks [2]*sink
	var set transport.PeerSet
	for i := range ends {
		ends[i] = New(backend.Env{})
		sinks[i] = &sink{arrived: make(chan int, 1<<16)}
		address, err := ends[i].Open(ctx, transport.Options{
			Options: plugins.Options{ClusterID: 1, NodeID: uint64(i + 1), Group: 1, Limits: plugins.DefaultLimits()},
			Listen:  "127.0.0.1:0",
		}, sinks[i])
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = ends[i].Close(ctx) })
		set.Peers = append(set.Peers, transport.Peer{Id: uint64(i + 1), Urls: []string{"http://" + address}})
	}
	for i := range ends {
		if err := ends[i].SetPeers(ctx, transport.PeerSet{Peers: set.Peers[1-i : 2-i]}); err != nil {
			b.Fatal(err)
		}
	}
	e := endpointOf(ends[0].(*opened))
	for kind := range streamKinds {
		for end := time.Now().Add(20 * time.Second); e.Roster.Named()[2].writers[kind].Load() == nil; {
			if time.Now().After(end) {
				b.Fatal("no stream")
			}
			runtime.Gosched()
		}
	}
	return ends[0], sinks[1]
}

// BenchmarkLoopback sends appends of entries of 256 B over loopback TCP.
// window is how many messages may be on their way: 1 shows latency.
func BenchmarkLoopback(b *testing.B) {
	for _, c := range []struct{ entries, window int }{{64, 1}, {64, 16}, {1, 1}, {1, 256}} {
		b.Run(fmt.Sprintf("entries=%d/window=%d", c.entries, c.window), func(b *testing.B) {
			sender, receiver := openPair(b)
			m := pluginv1.Message{Type: raftmsg.TypeApp, From: 1, To: 2, Term: 1, LogTerm: 1}
			for i := range c.entries {
				m.Entries = append(m.Entries, pluginv1.Entry{Term: 1, Index: uint64(i + 1), Data: make([]byte, 256)})
			}
			e := transport.Envelope{Group: 1, To: 2, From: 1, Class: pluginv1.MessageClass_CLASS_APPEND, Payload: encode(b, m)}
			b.ReportAllocs()
			b.SetBytes(int64(len(e.Payload)))
			flying := 0
			for b.Loop() {
				if err := sender.Send(context.Background(), []transport.Envelope{e}); err != nil {
					b.Fatal(err)
				}
				for flying++; flying >= c.window; {
					flying -= <-receiver.arrived
				}
			}
			for flying > 0 {
				flying -= <-receiver.arrived
			}
		})
	}
}
