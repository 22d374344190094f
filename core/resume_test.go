package core_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

var errLink = errors.New("the link broke")

// breaking is a transport of which each of the first snapshots breaks after some bytes. It
// knows nothing of resuming.
type breaking struct {
	transport.Transport
	link *breakingLink
}

type breakingLink struct {
	after int64

	mu     sync.Mutex
	breaks int   // that are to come
	sent   int64 // bytes of snapshots
	begun  []uint64
}

func (b breaking) SendSnapshot(ctx context.Context, h transport.SnapshotHeader, r io.Reader) error {
	b.link.mu.Lock()
	b.link.begun = append(b.link.begun, h.Bytes)
	if b.link.breaks > 0 {
		b.link.breaks--
		r = io.MultiReader(io.LimitReader(r, b.link.after), iotest.ErrReader(errLink))
	}
	b.link.mu.Unlock()
	return b.Transport.SendSnapshot(ctx, h, io.TeeReader(r, b.link))
}

func (l *breakingLink) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent += int64(len(p))
	return len(p), nil
}

// A large snapshot whose link breaks again and again goes on where it broke, whatever
// transport carries it: hardly more is sent than it has.
func TestASnapshotGoesOnWhereItBroke(t *testing.T) {
	const breaks, each = 5, 2 << 20
	link := &breakingLink{after: each, breaks: breaks}
	var c *cluster
	tune := func(cfg *core.Config) {
		cfg.SnapshotEntries, cfg.CatchUpEntries = 8, 1
		cfg.Backends[2] = backend.Transport("network", func(backend.Env) transport.Transport { return breaking{c.network.New(), link} })
	}
	c = newCluster(t, 0, tune)
	c.found(3)
	leader := c.leader()
	behind := c.other(leader)
	c.network.Isolate(uint64(behind))
	for i := range 16 {
		c.propose(leader, fmt.Sprintf("%d:%s", i, strings.Repeat("x", 1<<20)))
	}
	c.eventually("a compacted log", func() bool { return c.service(leader).Status().FirstIndex > 8 })
	c.network.HealAll()
	c.eventually("the follower to have the snapshot", func() bool { return c.service(behind).Status().SnapshotIndex > 0 })
	c.converged()
	link.mu.Lock()
	defer link.mu.Unlock()
	size := int64(link.begun[0])
	if link.breaks > 0 || len(link.begun) != breaks+1 {
		t.Errorf("%d breaks are left after %d attempts", link.breaks, len(link.begun))
	}
	for i, rest := range link.begun {
		if want := uint64(size) - uint64(i)*each; rest != want {
			t.Errorf("attempt %d sent %d bytes, want %d", i, rest, want)
		}
	}
	if link.sent > size+size/50 {
		t.Errorf("%d bytes were sent of a snapshot of %d", link.sent, size)
	}
}

// arriving makes snapshots that a leader sends to a member of a cluster.
type arriving struct {
	*cluster
	leader, at member.ID
	message    []byte
	content    []byte
}

const arrivingIndex = 1 << 20

func newArriving(t *testing.T) *arriving {
	c := newCluster(t, 3, nil)
	a := &arriving{cluster: c, leader: c.leader()}
	c.propose(a.leader, "a")
	c.converged()
	c.registered()
	a.at = c.other(a.leader)
	registry := make(chan *member.Registry, 1)
	core.OnRaft(c.nodes[a.at].host, func(n *node.Core) error { registry <- n.Registry(); return nil })
	members, term := <-registry, c.service(a.at).Status().Term
	m := pluginv1.Message{Type: 7, From: uint64(a.leader), To: uint64(a.at), Term: term}
	m.Snapshot.Metadata = storage.SnapshotMetadata{Index: arrivingIndex, Term: term, ConfState: storage.ConfState{Voters: members.Voters()}}
	var err error
	if a.message, err = m.Marshal(); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	header := server.SnapshotHeader{ClusterID: 7, Index: arrivingIndex, Term: term, StateMachine: "register", Registry: members}
	if err := header.Encode(&b); err != nil {
		t.Fatal(err)
	}
	b.Write(bytes.Repeat([]byte("state"), 1000))
	a.content = b.Bytes()
	return a
}

func sumOf(b []byte) string {
	sum := sha256.Sum256(b)
	return string(sum[:])
}

// send lets the member receive r, which is what comes of a snapshot with that sum from
// offset on.
func (a *arriving) send(sum string, offset int, r io.Reader) error {
	content := node.Content{Bytes: uint64(len(a.content)), Sum: sum}
	return core.ReceiveSnapshot(a.nodes[a.at].host, context.Background(), transport.SnapshotHeader{
		Group: 1, To: uint64(a.at), From: uint64(a.leader), Bytes: content.Bytes - uint64(offset),
		Message: node.Announce(a.message, content, uint64(offset)),
	}, r)
}

// broken sends so many bytes, and breaks. A member that stores a change of the cluster's
// beginning takes no snapshot for a moment.
func (a *arriving) broken(sum string, bytes int) {
	a.t.Helper()
	a.eventually("the link to break", func() bool {
		return errors.Is(a.send(sum, 0, io.MultiReader(strings.NewReader(string(a.content[:bytes])), iotest.ErrReader(errLink))), errLink)
	})
}

// absent makes sure that the snapshot is not in the storage.
func (a *arriving) absent() {
	a.t.Helper()
	n := a.nodes[a.at]
	if _, err := n.stores[len(n.stores)-1].OpenSnapshot(context.Background(), arrivingIndex); !errors.Is(err, storage.ErrNoSnapshot) {
		a.t.Errorf("it is there: %v", err)
	}
}

// The rest of a snapshot is taken only to the beginning that it belongs to, and by its sum:
// not without one, not to one of another snapshot, not from another place, and not if the
// whole is another one than was announced.
func TestARestBelongsToItsBeginning(t *testing.T) {
	const half = 3000
	other := strings.Repeat("o", 32)
	for name, c := range map[string]struct {
		kept, sum string // empty: that of the content
		keeps     int
		offset    int
		rest      func(content []byte) []byte
		says      string
	}{
		"nothing is kept":               {keeps: 0, offset: half, says: "not kept here"},
		"another snapshot is kept":      {kept: other, keeps: half, offset: half, says: "not kept here"},
		"less is kept":                  {keeps: half - 1, offset: half, says: "not kept here"},
		"more is kept":                  {keeps: half + 1, offset: half, says: "not kept here"},
		"a beginning of other bytes":    {kept: other, sum: other, keeps: half, offset: half, says: "was announced"},
		"a rest of other bytes":         {keeps: half, offset: half, rest: func(b []byte) []byte { return append(b[:len(b)-1:len(b)-1], 'X') }, says: "was announced"},
		"a rest that is too short":      {keeps: half, offset: half, rest: func(b []byte) []byte { return b[1:] }, says: "ended after"},
		"an offset beyond the snapshot": {keeps: half, offset: 1 << 20, rest: func([]byte) []byte { return nil }, says: "from byte"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newArriving(t)
			sum := func(s string) string {
				if s == "" {
					return sumOf(a.content)
				}
				return s
			}
			if c.keeps > 0 {
				a.broken(sum(c.kept), c.keeps)
			}
			rest := a.content[min(c.offset, len(a.content)):]
			if c.rest != nil {
				rest = c.rest(rest)
			}
			err := a.send(sum(c.sum), c.offset, bytes.NewReader(rest))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			a.absent()
			a.converged()
		})
	}
}

// A beginning that did not become the announced snapshot is kept no more: the next snapshot
// begins anew.
func TestADamagedBeginningIsNotKept(t *testing.T) {
	a := newArriving(t)
	other := strings.Repeat("o", 32)
	a.broken(other, 3000)
	if err := a.send(other, 3000, bytes.NewReader(a.content[3000:])); err == nil {
		t.Fatal("a content of another sum was taken")
	}
	if err := a.send(other, 3000, bytes.NewReader(a.content[3000:])); err == nil || !strings.Contains(err.Error(), "not kept here") {
		t.Errorf("its beginning is still kept: %v", err)
	}
}

// A sender that has not heard of a kept beginning is told so before it sends the whole again,
// once: one that cannot send the rest sends the whole then.
func TestASenderIsRemindedOfABeginning(t *testing.T) {
	a := newArriving(t)
	sum := sumOf(a.content)
	a.broken(sum, 3000)
	data := &counted{r: bytes.NewReader(a.content)}
	if err := a.send(sum, 0, data); err == nil || !strings.Contains(err.Error(), "is kept here") || data.n > 0 {
		t.Errorf("%d bytes were read: %v", data.n, err)
	}
	if err := a.send(sum, 0, io.MultiReader(bytes.NewReader(a.content[:2000]), iotest.ErrReader(errLink))); !errors.Is(err, errLink) {
		t.Errorf("the whole is not taken: %v", err)
	}
	if err := a.send(sum, 3000, bytes.NewReader(a.content[3000:])); err != nil && strings.Contains(err.Error(), "not kept") {
		t.Errorf("less of it has taken the place of the beginning: %v", err)
	}
}

// The rest of a snapshot comes with a message of its own. One that names another place in the
// log than the beginning did would have the storage install what it does not have.
func TestARestIsOfThePlaceOfItsBeginning(t *testing.T) {
	a := newArriving(t)
	sum := sumOf(a.content)
	a.broken(sum, 3000)
	message := a.message
	var m pluginv1.Message
	if err := m.Unmarshal(message); err != nil {
		t.Fatal(err)
	}
	m.Snapshot.Metadata.Index++
	var err error
	if a.message, err = m.Marshal(); err != nil {
		t.Fatal(err)
	}
	if err := a.send(sum, 3000, bytes.NewReader(a.content[3000:])); err == nil || !strings.Contains(err.Error(), "announced at") {
		t.Errorf("got %v", err)
	}
	a.absent()
	a.converged()
	a.message = message
	if err := a.send(sum, 3000, bytes.NewReader(a.content[3000:])); err != nil {
		t.Errorf("the rest of the right place: %v", err)
	}
}
