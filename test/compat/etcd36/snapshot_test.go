package etcd36

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/etcdserver/api/snap"
	"go.etcd.io/raft/v3/raftpb"

	"github.com/pontoon-raft/pontoon/plugins/transport"
	"github.com/pontoon-raft/pontoon/plugins/transport/transporttest"
)

const (
	snapshotBytes = 64 << 20
	snapshotIndex = 1234
)

func frame(message []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(len(message))), message...)
}

func snapshotMessage(from, to uint64) raftpb.Message {
	return raftpb.Message{
		Type: raftpb.MsgSnap, From: from, To: to, Term: 3,
		Snapshot: &raftpb.Snapshot{Metadata: raftpb.SnapshotMetadata{
			Index: snapshotIndex, Term: 2, ConfState: raftpb.ConfState{Voters: []uint64{from, to}},
		}},
	}
}

// database is the same 64 MiB every time.
func database() io.Reader {
	return io.LimitReader(rand.NewChaCha8([32]byte{1}), snapshotBytes)
}

func databaseSum(t *testing.T) [32]byte {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, database()); err != nil {
		t.Fatal(err)
	}
	return [32]byte(h.Sum(nil))
}

// halfway calls f when half of the database has been read.
type halfway struct {
	io.Reader
	read int64
	f    func()
}

func (h *halfway) Read(p []byte) (int, error) {
	n, err := h.Reader.Read(p)
	if before := h.read; before < snapshotBytes/2 && before+int64(n) >= snapshotBytes/2 {
		h.f()
	}
	h.read += int64(n)
	return n, err
}

func (h *halfway) Close() error { return nil }

func TestSnapshotFromEtcd(t *testing.T) {
	for _, cut := range []bool{false, true} {
		name := map[bool]string{false: "whole", true: "cut half-way"}[cut]
		t.Run(name, func(t *testing.T) {
			etcd, ours := startEtcd(t, etcdID), startOurs(t, ourID, "", "127.0.0.1:0")
			relay := transporttest.NewRelay(t, ours.address)
			etcd.transport.AddPeer(types.ID(ourID), []string{"http://" + relay.Address()})
			ours.peer(t, etcdID, etcd.address())
			type outcome struct {
				sum [32]byte
				n   int64
				err error
			}
			got := make(chan outcome, 10)
			ours.receive = func(r io.Reader) error {
				h := sha256.New()
				n, err := io.Copy(h, r)
				got <- outcome{[32]byte(h.Sum(nil)), n, err}
				return err
			}
			body := &halfway{Reader: database(), f: func() {
				if cut {
					relay.Cut()
				}
			}}
			etcd.transport.SendSnapshot(*snap.NewMessage(snapshotMessage(etcdID, ourID), body, snapshotBytes))
			etcd.await(t, "the snapshot's status", func() bool { a, b := etcd.snapshots(); return a+b > 0 }, nil)
			o := <-got
			finished, failed := etcd.snapshots()
			if cut {
				if o.err == nil || finished != 0 || failed != 1 {
					t.Errorf("read %d bytes with error %v; etcd counts %d finished and %d failed", o.n, o.err, finished, failed)
				}
				return
			}
			if o.err != nil || o.sum != databaseSum(t) || finished != 1 || failed != 0 {
				t.Errorf("read %d bytes with error %v; etcd counts %d finished and %d failed", o.n, o.err, finished, failed)
			}
		})
	}
}

func TestSnapshotToEtcd(t *testing.T) {
	for _, cut := range []bool{false, true} {
		name := map[bool]string{false: "whole", true: "cut half-way"}[cut]
		t.Run(name, func(t *testing.T) {
			etcd, ours := startEtcd(t, etcdID), startOurs(t, ourID, "", "127.0.0.1:0")
			relay := transporttest.NewRelay(t, etcd.address())
			etcd.transport.AddPeer(types.ID(ourID), []string{"http://" + ours.address})
			ours.peer(t, etcdID, relay.Address())
			m := snapshotMessage(ourID, etcdID)
			err := ours.transport.SendSnapshot(context.Background(), transport.SnapshotHeader{
				Group: 1, To: etcdID, From: ourID, Message: encode(m), Bytes: snapshotBytes,
			}, &halfway{Reader: database(), f: func() {
				if cut {
					relay.Cut()
				}
			}})
			path, missing := etcd.snapshotter.DBFilePath(snapshotIndex)
			if cut {
				if !errors.Is(err, transport.ErrUnreachable) || missing == nil || etcd.times(m) != 0 {
					t.Errorf("error %v, file %q, %d messages", err, path, etcd.times(m))
				}
				return
			}
			if err != nil || missing != nil || etcd.times(m) != 1 {
				t.Fatalf("error %v, file %v, %d messages", err, missing, etcd.times(m))
			}
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if sum := databaseSum(t); !bytes.Equal(sum[:], sha(file)) {
				t.Errorf("etcd's file of %d bytes is another", len(file))
			}
		})
	}
}

func sha(b []byte) []byte {
	sum := sha256.Sum256(b)
	return sum[:]
}

// A MsgSnap on the pipeline, which etcd's own server never sends, is refused,
// and etcd's raft hears of exactly one failure.
func TestSnapshotOnThePipelineIsRefused(t *testing.T) {
	etcd, ours := startEtcd(t, etcdID), startOurs(t, ourID, "", "127.0.0.1:0")
	etcd.transport.AddPeer(types.ID(ourID), []string{"http://" + ours.address})
	ours.peer(t, etcdID, etcd.address())
	etcd.send(snapshotMessage(etcdID, ourID))
	etcd.await(t, "the snapshot's status", func() bool { a, b := etcd.snapshots(); return a+b > 0 }, nil)
	if finished, failed := etcd.snapshots(); finished != 0 || failed != 1 {
		t.Errorf("etcd counts %d finished and %d failed", finished, failed)
	}
}
