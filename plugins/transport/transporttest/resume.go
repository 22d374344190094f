package transporttest

import (
	"context"
	"crypto/sha256"
	"hash"
	"io"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pontoon-raft/pontoon/plugins/internal/rule"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

const (
	// restBytes is the size of the snapshot that breaks off again and again, and firstBytes
	// what its source gives each time before it does.
	restBytes, firstBytes = 48 << 20, 8 << 20
	// heldBack is the most that a transport may have on its way when a snapshot breaks.
	heldBack = 3 << 20
)

// beginning is the part of a snapshot that a host keeps when the rest does not come.
type beginning struct {
	mu    sync.Mutex
	hash  hash.Hash
	bytes uint64
}

// Write implements io.Writer.
func (b *beginning) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.bytes += uint64(len(p))
	return b.hash.Write(p)
}

func (b *beginning) length() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes
}

// testSnapshotGoesOn: what has come of a snapshot that breaks off is its beginning, and
// reaches the receiving host though the rest does not. So two hosts can go on from there,
// with a snapshot of the same message and other bytes.
func testSnapshotGoesOn(t *testing.T, h Harness) {
	rule.Checks(t, "TR-46", "TR-47")
	c := newCluster(t, h, 2)
	c.establish()
	kept := &beginning{hash: sha256.New()}
	results := make(chan error, 64)
	var receiving atomic.Int64
	c.nodes[2].onSnapshot(func(_ context.Context, header transport.SnapshotHeader, r io.Reader) error {
		receiving.Add(1)
		defer receiving.Add(-1)
		if want := restBytes - kept.length(); header.Bytes != want {
			t.Errorf("a rest of %d bytes is announced with %d", want, header.Bytes)
		}
		_, err := io.CopyBuffer(kept, r, make([]byte, pieceBytes))
		results <- err
		return err
	})
	ends := []ending{failSource, giveUp, failSource}
	if h.relayed() {
		ends = append(ends, cutLink)
	}
	var given atomic.Int64 // by the source
	for _, end := range ends {
		ctx, cancel := context.WithCancel(deadline(t))
		held := newTap(firstBytes)
		offset, result := kept.length(), make(chan error, 1)
		go func() { result <- c.sendRest(ctx, offset, &given, held.wrap) }()
		next(t, "the source to be asked for more than it gives", held.waiting)
		c.nodes[2].await(t, "what was given to arrive before the rest", func() bool { return kept.length() >= offset+firstBytes-heldBack }, nil)
		end(t, halfway{c, cancel, held})
		held.fail(errSource) // whatever the end was, the source gives no more
		if err := next(t, "the sender's result", result); err == nil {
			t.Error("the sender of a part has sent the whole")
		}
		cancel()
		if err := next(t, "the receiver's result", results); err == nil {
			t.Error("the receiver read to the end of a snapshot that broke off")
		}
		if h.relayed() {
			c.nodes[2].relay.Heal()
			c.establish()
		}
	}
	if lost, most := given.Load()-int64(kept.length()), int64(len(ends))*heldBack; lost > most {
		t.Errorf("%d bytes were sent in vain, at most %d", lost, most)
	}
	c.sendUntilTaken(t, kept, &given, &receiving)
	for err := next(t, "the receiver's result", results); err != nil; err = next(t, "the receiver's result", results) {
		// of a try that broke off
	}
	if sum := sumOf(restBytes); kept.length() != restBytes || [sha256.Size]byte(kept.hash.Sum(nil)) != sum {
		t.Errorf("%d bytes arrived of %d, or others than were sent", kept.length(), restBytes)
	}
}

// sendUntilTaken sends the rest until a send of it succeeds: two nodes that were cut off may
// replace a connection on which it goes.
func (c *cluster) sendUntilTaken(t *testing.T, kept *beginning, given, receiving *atomic.Int64) {
	t.Helper()
	ctx := deadline(t)
	for tries := 1; ; tries++ {
		err := c.sendRest(ctx, kept.length(), given, nil)
		if err == nil {
			return
		}
		if ctx.Err() != nil || tries == 16 {
			t.Fatalf("send the rest: %v", err)
		}
		c.nodes[2].await(t, "the receiver to have read what came", func() bool { return receiving.Load() == 0 }, nil)
	}
}

// sendRest sends the large snapshot from offset on, and counts what its source gives.
func (c *cluster) sendRest(ctx context.Context, offset uint64, given *atomic.Int64, wrap func(io.Reader) io.Reader) error {
	rest := source(restBytes)
	if _, err := io.CopyN(io.Discard, rest, int64(offset)); err != nil {
		return err
	}
	counted := io.TeeReader(rest, counter{given})
	return c.sendContent(ctx, 1, 2, restBytes-offset, counted, wrap)
}

type counter struct{ bytes *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.bytes.Add(int64(len(p)))
	return len(p), nil
}
