package httptransport

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/internal/raftmsg"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

func snapshotTo(t *testing.T, id, size uint64) transport.SnapshotHeader {
	t.Helper()
	message := encode(t, pluginv1.Message{Type: raftmsg.TypeSnap, From: 1, To: id, Term: 1})
	return transport.SnapshotHeader{Group: 1, From: 1, To: id, Message: message, Bytes: size}
}

func randomBytes(size int64) io.Reader { return io.LimitReader(rand.NewChaCha8([32]byte{}), size) }

// B6: while a snapshot crawls, messages pass it: a heartbeat sent after it has
// begun arrives, again and again, before it ends.
func TestB6HeartbeatsPassASnapshot(t *testing.T) {
	const size, heartbeats = 4 << 20, 20
	receiver := newEvents()
	two, urlTwo := openNode(t, 2, "", receiver)
	one, urlOne := openNode(t, 1, "snapshot_rate: 4194304", newEvents())
	connect(t, one, 2, urlTwo)
	connect(t, two, 1, urlOne)
	waitWriter(t, one, 2, messageStream)
	begun, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- one.SendSnapshot(context.Background(), snapshotTo(t, 2, size), io.MultiReader(onRead(func() { close(begun) }), randomBytes(size)))
	}()
	next(t, "the snapshot to begin", begun)
	payload := encode(t, pluginv1.Message{Type: raftmsg.TypeHeartbeat, From: 1, To: 2, Term: 1})
	for range heartbeats {
		if err := one.Send(context.Background(), []transport.Envelope{{Group: 1, To: 2, From: 1, Payload: payload}}); err != nil {
			t.Fatal(err)
		}
		select {
		case <-receiver.arrived:
		case err := <-ended:
			t.Fatalf("the snapshot was faster than a heartbeat; it ended with %v", err)
		}
	}
	if err := next(t, "the verdict", ended); err != nil {
		t.Error(err)
	}
}

// onRead calls f when it is read, and is empty.
func onRead(f func()) io.Reader {
	return readerFunc(func([]byte) (int, error) { f(); return 0, io.EOF })
}

// B6: a receiver that stands still half-way, without closing anything, is
// noticed by the lack of progress.
func TestB6SnapshotToAFrozenReceiver(t *testing.T) {
	const size = 64 << 20
	_, url := openNode(t, 2, "", newEvents())
	relay := transporttest.NewRelay(t, strings.TrimPrefix(url, "http://"))
	one, _ := openNode(t, 1, "", newEvents())
	connect(t, one, 2, "http://"+relay.Address())
	err := one.SendSnapshot(context.Background(), snapshotTo(t, 2, size),
		io.MultiReader(randomBytes(size/2), onRead(relay.Stall), randomBytes(size/2)))
	if !errors.Is(err, transport.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
	relay.Resume()
}

// B6: twenty followers at once: each ends with one status, and those that took
// it have the right bytes.
func TestB6TwentyFollowers(t *testing.T) {
	const size, followers = 1 << 20, 20
	one, _ := openNode(t, 1, "snapshot_rate: 33554432", newEvents(), newTiming)
	var set transport.PeerSet
	for id := uint64(2); id < 2+followers; id++ {
		peer := transport.Peer{Id: id, Urls: []string{"http://127.0.0.1:1"}}
		if id%2 == 0 {
			_, peer.Urls[0] = openNode(t, id, "", newEvents(), newTiming)
		}
		set.Peers = append(set.Peers, peer)
	}
	if err := one.SetPeers(context.Background(), set); err != nil {
		t.Fatal(err)
	}
	var sending sync.WaitGroup
	for _, p := range set.Peers {
		sending.Go(func() {
			err := one.SendSnapshot(context.Background(), snapshotTo(t, p.Id, size), randomBytes(size))
			if up := p.Id%2 == 0; up != (err == nil) || (!up && !errors.Is(err, transport.ErrUnreachable)) {
				t.Errorf("to %d: %v", p.Id, err)
			}
		})
	}
	sending.Wait()
}

// More snapshots than are sent at one time wait, unread. At the least rate
// those are fewer than the section says.
func TestSnapshotsWaitForOthers(t *testing.T) {
	for config, places := range map[string]int{
		"max_snapshots: 3":                         3,
		"{max_snapshots: 3, snapshot_rate: 65536}": 2,
	} {
		one, _ := openNode(t, 1, config, newEvents(), newTiming)
		connect(t, one, 2, "http://127.0.0.1:1")
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		for sending := range places + 1 {
			source := &io.LimitedReader{R: randomBytes(8), N: 8}
			err := one.SendSnapshot(ctx, snapshotTo(t, 2, 8), source)
			if waited := err != nil && strings.Contains(err.Error(), "waiting for others"); waited != (sending == places) || source.N != 8 {
				t.Errorf("%s: with %d others: %v", config, sending, err)
			}
			if err := endpointOf(one).Pace.Enter(ctx); (err == nil) != (sending < places) {
				t.Errorf("%s: place %d: %v", config, sending, err)
			}
		}
	}
}
