package transporttest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

const snapshotBytes = 16 << 20

var (
	errSource  = errors.New("the snapshot cannot be read")
	errVerdict = errors.New("the snapshot is not wanted")
)

// arrival is what a receiver saw of one snapshot.
type arrival struct {
	header transport.SnapshotHeader
	sum    [sha256.Size]byte
	size   uint64
	err    error
}

// testSnapshot: a snapshot arrives whole, or both ends learn once that it did
// not.
func testSnapshot(t *testing.T, h Harness) {
	t.Run("bytes are equal", func(t *testing.T) {
		for _, size := range []uint64{0, 1, 300 << 10, snapshotBytes} {
			t.Run(fmt.Sprint(size), func(t *testing.T) { testWholeSnapshot(t, h, size) })
		}
	})
	t.Run("both ways at once, with messages", func(t *testing.T) { testSnapshotBesideMessages(t, h) })
	t.Run("unknown peer", func(t *testing.T) {
		rule.Checks(t, "TR-36")
		c := newCluster(t, h, 1)
		err := c.sendSnapshot(deadline(t), 1, 99, 8, nil)
		if !errors.Is(err, transport.ErrUnknownPeer) {
			t.Errorf("got %v, want ErrUnknownPeer", err)
		}
	})
	t.Run("closed peer", func(t *testing.T) {
		rule.Checks(t, "TR-36")
		c := newCluster(t, h, 2)
		closeNode(t, c.nodes[2])
		if err := c.sendSnapshot(deadline(t), 1, 2, 1<<20, nil); !errors.Is(err, transport.ErrUnreachable) {
			t.Errorf("got %v, want ErrUnreachable", err)
		}
	})
	t.Run("refused at its end", func(t *testing.T) { testRefused(t, h, true) })
	t.Run("refused at its beginning", func(t *testing.T) { testRefused(t, h, false) })
	t.Run("the source fails half-way", func(t *testing.T) { testSnapshotCut(t, h, failSource) })
	t.Run("the sender gives up half-way", func(t *testing.T) { testSnapshotCut(t, h, giveUp) })
	t.Run("the sender gives up before the last byte", func(t *testing.T) { testSnapshotCutAfter(t, h, snapshotBytes-1, giveUp) })
	t.Run("the receiver closes half-way", func(t *testing.T) { testSnapshotCut(t, h, closeReceiver) })
	t.Run("the rest goes to what has come", func(t *testing.T) { testSnapshotGoesOn(t, h) })
	if h.relayed() {
		t.Run("the connection is cut half-way", func(t *testing.T) { testSnapshotCut(t, h, cutLink) })
	}
	if h.TCP {
		t.Run("connections break half-way, again and again", func(t *testing.T) { testSnapshotBreaks(t, h) })
	}
}

// take makes the node accept snapshots and returns what it sees of them.
func (n *node) take() <-chan arrival {
	arrivals := make(chan arrival, 16)
	n.onSnapshot(func(_ context.Context, header transport.SnapshotHeader, r io.Reader) error {
		hash := sha256.New()
		size, err := io.Copy(hash, r)
		arrivals <- arrival{header, [sha256.Size]byte(hash.Sum(nil)), uint64(size), err}
		return err
	})
	return arrivals
}

// sendSnapshot sends size bytes made of a seed. wrap, if not nil, may change
// what the transport reads.
func (c *cluster) sendSnapshot(ctx context.Context, from, to, size uint64, wrap func(io.Reader) io.Reader) error {
	return c.sendContent(ctx, from, to, size, source(size), wrap)
}

// sendContent sends r, which has size bytes.
func (c *cluster) sendContent(ctx context.Context, from, to, size uint64, r io.Reader, wrap func(io.Reader) io.Reader) error {
	if wrap != nil {
		r = wrap(r)
	}
	m := pluginv1.Message{Type: typeSnap, From: from, To: to, Term: 3, Snapshot: pluginv1.Snapshot{
		Metadata: pluginv1.SnapshotMetadata{Index: 7, Term: 2, ConfState: pluginv1.ConfState{Voters: []uint64{1, 2}}},
	}}
	return c.nodes[from].transport.SendSnapshot(ctx, transport.SnapshotHeader{
		Group: testGroup, From: from, To: to, Bytes: size,
		Message: envelope(pluginv1.MessageClass_CLASS_SNAPSHOT, m).Payload,
	}, r)
}

// source yields size bytes that look random and are always the same.
func source(size uint64) io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{1}), int64(size))
}

func sumOf(size uint64) [sha256.Size]byte {
	hash := sha256.New()
	_, _ = io.Copy(hash, source(size))
	return [sha256.Size]byte(hash.Sum(nil))
}

func testWholeSnapshot(t *testing.T, h Harness, size uint64) {
	rule.Checks(t, "TR-35", "TR-39", "TR-40")
	c := newCluster(t, h, 2)
	arrivals := c.nodes[2].take()
	if err := c.sendSnapshot(deadline(t), 1, 2, size, nil); err != nil {
		t.Fatalf("send snapshot: %v", err)
	}
	checkArrival(t, arrivals, 1, 2, size)
	if len(arrivals) > 0 {
		t.Error("the snapshot arrived twice")
	}
}

func checkArrival(t *testing.T, arrivals <-chan arrival, from, to, size uint64) {
	t.Helper()
	a := next(t, "the snapshot", arrivals)
	if a.err != nil || a.size != size || a.sum != sumOf(size) {
		t.Errorf("arrived with %d bytes of %d, checksum equal: %t, error %v", a.size, size, a.sum == sumOf(size), a.err)
	}
	var m pluginv1.Message
	if err := m.Unmarshal(a.header.Message); err != nil || m.Type != typeSnap || m.Snapshot.Metadata.Index != 7 {
		t.Errorf("its message arrived as %v, error %v", &m, err)
	}
	if a.header.From != from || a.header.To != to || a.header.Bytes != size || a.header.Group != testGroup {
		t.Errorf("its header arrived as group %d, %d to %d, size %d", a.header.Group, a.header.From, a.header.To, a.header.Bytes)
	}
}

func testSnapshotBesideMessages(t *testing.T, h Harness) {
	rule.Checks(t, "TR-35")
	c := newCluster(t, h, 2)
	c.establish()
	arrivals := map[uint64]<-chan arrival{1: c.nodes[1].take(), 2: c.nodes[2].take()}
	results := make(chan error, 2)
	for _, way := range []direction{{1, 2}, {2, 1}} {
		go func() { results <- c.sendSnapshot(deadline(t), way.from, way.to, snapshotBytes, nil) }()
	}
	for range 50 {
		m := newProbe(1, 2, pluginv1.MessageClass_CLASS_CONTROL)
		c.send(m)
		c.nodes[2].await(t, "a message beside snapshots", func() bool { return c.nodes[2].has(m) }, nil)
	}
	for range 2 {
		if err := next(t, "a sender's result", results); err != nil {
			t.Errorf("send snapshot: %v", err)
		}
	}
	checkArrival(t, arrivals[1], 2, 1, snapshotBytes)
	checkArrival(t, arrivals[2], 1, 2, snapshotBytes)
}

func testRefused(t *testing.T, h Harness, readAll bool) {
	rule.Checks(t, "TR-36", "TR-41")
	c := newCluster(t, h, 2)
	c.nodes[2].onSnapshot(func(_ context.Context, _ transport.SnapshotHeader, r io.Reader) error {
		if readAll {
			_, _ = io.Copy(io.Discard, r)
		}
		return errVerdict
	})
	if err := c.sendSnapshot(deadline(t), 1, 2, snapshotBytes, nil); !errors.Is(err, transport.ErrSnapshotRefused) {
		t.Errorf("got %v, want ErrSnapshotRefused", err)
	}
}

// halfway is a snapshot from node 1 to node 2 of which a part has arrived.
type halfway struct {
	*cluster
	cancel context.CancelFunc // the sender's
	source *tap
}

// Ways to end a snapshot half-way. Each returns what the sender must see.
type ending func(t *testing.T, s halfway) error

func giveUp(_ *testing.T, s halfway) error {
	s.cancel()
	return nil
}

func failSource(_ *testing.T, s halfway) error {
	s.source.fail(errSource)
	return errSource
}

func closeReceiver(t *testing.T, s halfway) error {
	closeNode(t, s.nodes[2])
	return transport.ErrUnreachable
}

func cutLink(_ *testing.T, s halfway) error {
	s.nodes[2].relay.Cut()
	return transport.ErrUnreachable
}

func testSnapshotCut(t *testing.T, h Harness, end ending) {
	testSnapshotCutAfter(t, h, snapshotBytes*3/4, end)
}

// testSnapshotCutAfter: the receiver has half of the snapshot, and the source has
// given its first bytes and gives no more, when the end comes. Bytes that the
// source gives afterwards change nothing: either end has one result, and it is a
// failure.
func testSnapshotCutAfter(t *testing.T, h Harness, first int64, end ending) {
	rule.Checks(t, "TR-37", "TR-38")
	c := newCluster(t, h, 2)
	half := make(chan struct{})
	failures := make(chan error, 16)
	c.nodes[2].onSnapshot(func(_ context.Context, _ transport.SnapshotHeader, r io.Reader) error {
		if _, err := io.CopyN(io.Discard, r, snapshotBytes/2); err != nil {
			failures <- err
			return err
		}
		close(half)
		_, err := io.Copy(io.Discard, r)
		failures <- err
		return err
	})
	ctx, cancel := context.WithCancel(deadline(t))
	defer cancel()
	held := newTap(first)
	defer held.open()
	result := make(chan error, 1)
	go func() {
		result <- c.sendSnapshot(ctx, 1, 2, snapshotBytes, held.wrap)
	}()
	next(t, "half of the snapshot to arrive", half)
	next(t, "the source to be asked for more than it gives", held.waiting)
	want := end(t, halfway{c, cancel, held})
	held.open()
	if err := next(t, "the sender's result", result); err == nil || want != nil && !errors.Is(err, want) {
		t.Errorf("the sender got %v, want %v", err, want)
	}
	if err := next(t, "the receiver's result", failures); err == nil {
		t.Error("the receiver read to the end of a snapshot that was cut off")
	}
	if len(failures) > 0 {
		t.Error("there was a second attempt")
	}
}

// testSnapshotBreaks: connections break at random places. The results of both ends fit;
// and a transport that resumes delivers the snapshot, and does not begin anew.
func testSnapshotBreaks(t *testing.T, h Harness) {
	rule.Checks(t, "TR-37", "TR-40")
	const breaks = 5
	random := rand.New(rand.NewPCG(3, 4))
	c := newCluster(t, h, 2)
	c.establish()
	arrivals := c.nodes[2].take()
	relay := c.nodes[2].relay.(*Relay)
	before := relay.Carried()
	broken := 0
	arm := func() {
		if broken < breaks {
			broken++
			relay.BreakAfter(1 + random.Int64N(snapshotBytes/(breaks+1)))
		}
	}
	// The source sees how far the snapshot has come, and breaks it again.
	every := &milestones{step: snapshotBytes / (breaks + 1), pass: arm}
	arm()
	err := c.sendSnapshot(deadline(t), 1, 2, snapshotBytes, func(r io.Reader) io.Reader {
		return io.TeeReader(r, every)
	})
	if h.Resumes && err != nil {
		t.Fatalf("the snapshot did not arrive: %v", err)
	}
	a := next(t, "the snapshot", arrivals)
	if !agree(err, a.err) {
		t.Errorf("the sender got %v, the receiver %v", err, a.err)
	}
	if len(arrivals) > 0 {
		t.Error("there was a second attempt")
	}
	if a.err != nil {
		return
	}
	if a.size != snapshotBytes || a.sum != sumOf(snapshotBytes) {
		t.Errorf("arrived with %d bytes of %d, changed on their way", a.size, snapshotBytes)
	}
	carried := relay.Carried() - before
	t.Logf("%d bytes, %d breaks, %d bytes carried", snapshotBytes, broken, carried)
	if most := int64(snapshotBytes) * 3 / 2; h.Resumes && carried > most {
		t.Errorf("%d bytes were carried for a snapshot of %d, at most %d", carried, snapshotBytes, most)
	}
}

// agree reports whether the results of the two ends fit: an acceptance that was given may
// reach the sender as a connection that broke, and none is made up.
func agree(sender, receiver error) bool {
	return (sender == nil) == (receiver == nil) || receiver == nil && errors.Is(sender, transport.ErrUnreachable)
}

// milestones calls pass each time that another step of bytes was written.
type milestones struct {
	step, count int
	pass        func()
}

func (m *milestones) Write(p []byte) (int, error) {
	before := m.count / m.step
	if m.count += len(p); m.count/m.step > before {
		m.pass()
	}
	return len(p), nil
}
