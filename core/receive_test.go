package core_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	pluginv1 "github.com/pontoon-raft/pontoon/api/plugin/v1"
	"github.com/pontoon-raft/pontoon/core"
	"github.com/pontoon-raft/pontoon/internal/member"
	"github.com/pontoon-raft/pontoon/internal/node"
	"github.com/pontoon-raft/pontoon/internal/server"
	"github.com/pontoon-raft/pontoon/plugins/storage"
	"github.com/pontoon-raft/pontoon/plugins/transport"
)

// counted counts what is read.
type counted struct {
	r io.Reader
	n int
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += n
	return n, err
}

// A snapshot of a member that does not lead, or of a leader of the past, is refused
// before it is stored: each would stay on the disk until the next start, and there may be
// any number of them.
func TestASnapshotThatNobodyInstallsIsNotStored(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader()
	c.propose(leader, "a")
	c.converged()
	c.registered()
	at := c.other(leader)
	var liar member.ID
	for _, m := range c.members {
		if m.ID != leader && m.ID != at {
			liar = m.ID
		}
	}
	registry := make(chan *member.Registry, 1)
	core.OnRaft(c.nodes[at].host, func(n *node.Core) error { registry <- n.Registry(); return nil })
	members, term := <-registry, c.service(at).Status().Term
	for name, says := range map[string]struct {
		from member.ID
		term uint64
	}{
		"another member":       {liar, term},
		"a leader of the past": {leader, term - 1},
	} {
		t.Run(name, func(t *testing.T) {
			const index, size = 1 << 20, 1 << 20
			meta := storage.SnapshotMetadata{Index: index, Term: says.term, ConfState: storage.ConfState{Voters: members.Voters()}}
			message := pluginv1.Message{Type: 7, From: uint64(says.from), To: uint64(at), Term: says.term}
			message.Snapshot.Metadata = meta
			payload, err := message.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			var head bytes.Buffer
			header := server.SnapshotHeader{ClusterID: 7, Index: index, Term: says.term, StateMachine: "register", Registry: members}
			if err := header.Encode(&head); err != nil {
				t.Fatal(err)
			}
			overhead := head.Len() + 8<<10 // what reads the header may read on a little
			data := &counted{r: io.MultiReader(&head, bytes.NewReader(make([]byte, size)))}
			err = core.ReceiveSnapshot(c.nodes[at].host, context.Background(), transport.SnapshotHeader{
				Group: 1, To: uint64(at), From: uint64(says.from), Message: payload, Bytes: uint64(overhead + size),
			}, data)
			if err == nil || data.n > overhead {
				t.Errorf("%d bytes of it were read: %v", data.n, err)
			}
			n := c.nodes[at]
			if _, err := n.stores[len(n.stores)-1].OpenSnapshot(context.Background(), index); !errors.Is(err, storage.ErrNoSnapshot) {
				t.Errorf("it is there: %v", err)
			}
		})
	}
}

// A snapshot has the length that the host which sends it has announced, in a message that no
// transport looks into. One that its transport ends early, and calls whole, is refused,
// whatever length the transport says or does not say; so is one that is longer.
func TestASnapshotOfAnotherLengthIsNotStored(t *testing.T) {
	a := newArriving(t)
	whole := uint64(len(a.content))
	for name, says := range map[string]struct{ transport, arrives uint64 }{
		"it ends early, of unknown length": {0, whole - 1},
		"it ends early, as announced":      {whole, whole - 1},
		"another length is announced":      {whole - 1, whole - 1},
		"it goes on":                       {0, whole + 1},
	} {
		t.Run(name, func(t *testing.T) {
			data := append(slices.Clone(a.content), 0)[:says.arrives]
			err := core.ReceiveSnapshot(a.nodes[a.at].host, context.Background(), transport.SnapshotHeader{
				Group: 1, To: uint64(a.at), From: uint64(a.leader), Bytes: says.transport,
				Message: node.Announce(a.message, node.Content{Bytes: whole}, 0),
			}, bytes.NewReader(data))
			if err == nil {
				t.Error("it was accepted")
			}
			a.absent()
		})
	}
	a.converged()
}

// A snapshot has the content that the host which sends it has announced by its SHA-256. One
// with other bytes is refused, and not kept, whatever its transport says of it.
func TestASnapshotOfAnotherSumIsNotStored(t *testing.T) {
	a := newArriving(t)
	sum := sumOf(append(slices.Clone(a.content), '!'))
	if err := a.send(sum, 0, bytes.NewReader(a.content)); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%x was announced", sum)) {
		t.Errorf("got %v", err)
	}
	a.absent()
	a.converged()
}
