package quictransport

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

// Over a path of 1280 bytes, the least that IPv6 allows, members connect, and
// whatever is larger than a packet arrives: 1280 bytes are 1232 of UDP over IPv6
// and 1252 over IPv4, and a tunnel may take some more of them. 1200 is the least that
// QUIC itself may be given.
func TestQUICConnectsOverANarrowPath(t *testing.T) {
	for _, widest := range []int{1252, 1232, 1200} {
		t.Run(fmt.Sprint(widest), func(t *testing.T) {
			p := newNarrowPair(t, widest)
			for i, size := range []int{100, 1200, 20 << 10, 2 << 20} {
				number, sent := uint64(100+i), time.Time{}
				there, back := large(t, 1, 2, number, size), large(t, 2, 1, number, size)
				eventually(t, "messages both ways", func() bool {
					return p.atTwo.got(there.Payload) && p.atOne.got(back.Payload)
				}, func() {
					if time.Since(sent) < time.Second {
						return // or what is on its way holds itself up
					}
					sent = time.Now()
					send(t, p.one, there)
					send(t, p.two, back)
				})
			}
			p.atTwo.mu.Lock()
			p.atTwo.receive = func(_ context.Context, _ transport.SnapshotHeader, r io.Reader) error {
				_, err := io.Copy(io.Discard, r)
				return err
			}
			p.atTwo.mu.Unlock()
			if err := p.one.SendSnapshot(t.Context(), snapshotTo(t, 1, 2, 3<<20), io.LimitReader(zeros{}, 3<<20)); err != nil {
				t.Errorf("a snapshot: %v", err)
			}
		})
	}
}

// large is an append with so many bytes of data.
func large(t *testing.T, from, to, number uint64, size int) transport.Envelope {
	m := pluginv1.Message{
		Type: 3, From: from, To: to, Term: 2, LogTerm: 2, Index: number,
		Entries: []pluginv1.Entry{{Term: 2, Index: number + 1, Data: bytes.Repeat([]byte{byte(number)}, size)}},
	}
	return transport.Envelope{Group: 1, To: to, From: from, Class: pluginv1.MessageClass_CLASS_APPEND, Payload: encode(t, m)}
}

// newNarrowPair is a pair whose path is narrow from the first datagram on, both
// ways and whichever end dials.
func newNarrowPair(t *testing.T, widest int) *pair {
	t.Helper()
	p := &pair{atOne: &events{}, atTwo: &events{}}
	p.one, p.urlOne = openWith(t, newTiming, testOptions(1, ""), p.atOne)
	p.two, p.urlTwo = openWith(t, newTiming, testOptions(2, ""), p.atTwo)
	p.relay = transporttest.NewUDPRelay(t, strings.TrimPrefix(p.urlTwo, "quic://"), 0)
	p.relay.Narrow(widest)
	connect(t, p.one, 2, "quic://"+p.relay.Address())
	connect(t, p.two, 1)
	establish(t, p.one, p.atTwo, 1, 2)
	establish(t, p.two, p.atOne, 2, 1)
	return p
}
