package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/internal/catalog"
	"github.com/pontoon-raft/pontoon/internal/wake"
	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

const (
	// linkBytes is the size of the snapshot that is sent.
	linkBytes = 16 << 20
	// messageWindow is how many messages are on their way at once.
	messageWindow = 64
	// meetTime is how long two processes may take until a message arrives, and probeTime how
	// long each one is waited for.
	meetTime, probeTime = 30 * time.Second, 100 * time.Millisecond

	// Types of raft messages, as raftpb numbers them.
	typeApp, typeSnap = 3, 7
)

// A link is two processes of a transport on loopback. Messages go from node 1 to node 2.
type link struct {
	*place
	ins    []*catalog.Instance
	sink   sink
	number uint64
	state  []byte
}

// beginLink opens two transports that know each other, and waits for a message.
func beginLink(ctx context.Context, p *place) (player, error) {
	l := &link{place: p, sink: sink{came: make(chan struct{}, 1)}, state: noise(linkBytes)}
	var peers []transport.Peer
	for id := uint64(1); id <= 2; id++ {
		in, err := p.start(ctx)
		if err != nil {
			return l, err
		}
		l.ins = append(l.ins, in)
		address, err := l.open(ctx, in, id)
		if err != nil {
			return l, whyGone(in, err)
		}
		peers = append(peers, transport.Peer{Id: id, Urls: []string{p.c.URL(address)}})
	}
	for i, in := range l.ins {
		err := inTime(ctx, callTime, func(ctx context.Context) error {
			return in.Transport().SetPeers(ctx, transport.PeerSet{Peers: peers[1-i : 2-i]})
		})
		if err != nil {
			return l, whyGone(in, err)
		}
	}
	return l, l.why(inTime(ctx, meetTime, l.meet))
}

func (l *link) open(ctx context.Context, in *catalog.Instance, id uint64) (address string, err error) {
	options, err := l.options(filepath.Join(l.dir, strconv.FormatUint(id, 10)), id)
	if err != nil {
		return "", err
	}
	var handler transport.Handler = &l.sink
	if id == 1 {
		handler = reports{&l.sink}
	}
	err = inTime(ctx, openTime, func(ctx context.Context) error {
		address, err = in.Transport().Open(ctx, transport.Options{Options: options, Listen: l.c.Listen}, handler)
		return err
	})
	return address, err
}

// meet sends messages until one has arrived.
func (l *link) meet(ctx context.Context) error {
	for l.sink.messages.Load() == 0 {
		if err := l.send(ctx); err != nil {
			return err
		}
		if err := l.sink.wait(ctx, probeTime); err != nil {
			return fmt.Errorf("no message has arrived: %w", err)
		}
	}
	return nil
}

// send sends one append with an entry.
func (l *link) send(ctx context.Context) error {
	l.number++
	payload, err := (&pluginv1.Message{
		Type: typeApp, From: 1, To: 2, Term: 1, LogTerm: 1, Index: l.number, Commit: l.number - 1,
		Entries: []pluginv1.Entry{{Term: 1, Index: l.number + 1, Data: l.state[:entryBytes]}},
	}).Marshal()
	if err != nil {
		return err
	}
	return l.ins[0].Transport().Send(ctx, []transport.Envelope{{
		Group: group, From: 1, To: 2, Class: pluginv1.MessageClass_CLASS_APPEND, Payload: payload,
	}})
}

func (l *link) measurements() []measurement {
	return []measurement{
		{name: "messages, one way", unit: "messages/s", rules: []string{"TR-15"}, run: l.messages},
		{name: "snapshot", unit: "MB/s", rules: []string{"TR-38", "TR-42"}, run: l.snapshots},
	}
}

// messages counts those that arrive. As few are on their way as every transport holds.
func (l *link) messages(ctx context.Context, slice time.Duration) (rate float64, err error) {
	m, first, sent, counted := newMeter(slice), l.sink.messages.Load(), int64(0), int64(0)
	arrive := func(ctx context.Context, most int64) error {
		for sent-counted > most {
			if err := l.sink.wait(ctx, callTime); err != nil {
				return fmt.Errorf("of %d messages %d arrived, and %d reports say that the peer is unreachable: %w",
					sent, counted, l.sink.unreachable.Load(), err)
			}
			came := l.sink.messages.Load() - first
			m.add(float64(came - counted))
			counted = came
		}
		return nil
	}
	err = inTime(ctx, slice+sendTime, func(ctx context.Context) error {
		for !m.over() && sent < sliceEntries {
			if err := l.send(ctx); err != nil {
				return err
			}
			sent++
			if err := arrive(ctx, messageWindow-1); err != nil {
				return err
			}
		}
		return arrive(ctx, 0)
	})
	return m.rate(), l.why(err)
}

// snapshots sends one after the other.
func (l *link) snapshots(ctx context.Context, slice time.Duration) (float64, error) {
	rate, err := repeat(ctx, slice, sliceEntries, func(ctx context.Context) (float64, error) {
		return linkBytes / 1e6, inTime(ctx, callTime, l.snapshot)
	})
	return rate, l.why(err)
}

func (l *link) snapshot(ctx context.Context) error {
	payload, err := (&pluginv1.Message{
		Type: typeSnap, From: 1, To: 2, Term: 1, Snapshot: pluginv1.Snapshot{
			Metadata: pluginv1.SnapshotMetadata{Index: 1, Term: 1, ConfState: pluginv1.ConfState{Voters: []uint64{1, 2}}},
		},
	}).Marshal()
	if err != nil {
		return err
	}
	header := transport.SnapshotHeader{Group: group, From: 1, To: 2, Bytes: linkBytes, Message: payload}
	return l.ins[0].Transport().SendSnapshot(ctx, header, bytes.NewReader(l.state))
}

// why is err, or how one of the processes ended.
func (l *link) why(err error) error {
	for _, in := range l.ins {
		if other := whyGone(in, err); !errors.Is(err, other) {
			return other
		}
	}
	return err
}

func (l *link) close(ctx context.Context) (err error) {
	for _, in := range l.ins {
		err = errors.Join(err, in.Transport().Close(ctx), in.Stop(ctx))
	}
	return err
}

// noise are bytes that nothing makes smaller, always the same.
func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// A sink is the handler of the node that receives.
type sink struct {
	messages, unreachable atomic.Int64
	came                  chan struct{} // capacity 1: look at messages
}

// wait waits until something may have come, for a time at most.
func (s *sink) wait(ctx context.Context, most time.Duration) error {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-s.came:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// Deliver implements transport.Handler.
func (s *sink) Deliver(envelopes []transport.Envelope) {
	s.messages.Add(int64(len(envelopes)))
	wake.Up(s.came)
}

// Notify implements transport.Handler.
func (s *sink) Notify([]transport.Event) {}

// ReceiveSnapshot implements transport.Handler.
func (s *sink) ReceiveSnapshot(_ context.Context, _ transport.SnapshotHeader, r io.Reader) error {
	n, err := io.Copy(io.Discard, r)
	if err == nil && n != linkBytes {
		err = fmt.Errorf("%w: %d bytes of %d arrived", plugins.ErrInvalidArgument, n, linkBytes)
	}
	return err
}

// reports is the handler of the node that sends.
type reports struct{ *sink }

// Deliver implements transport.Handler.
func (reports) Deliver([]transport.Envelope) {}

// Notify implements transport.Handler.
func (r reports) Notify(events []transport.Event) {
	for i := range events {
		if events[i].Type == pluginv1.EventType_EVENT_UNREACHABLE {
			r.unreachable.Add(1)
		}
	}
}
