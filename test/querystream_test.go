//go:build linux

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
)

const (
	sweptKeys  = 96
	sweptBytes = 64 << 10 // of each value; all are far more than one answer, and than all buffers on the way
)

// sweep writes round after round of all keys, one after the other: at each revision the
// keys up to one are of a round, and all others of the round before.
func sweep(ctx context.Context, c *client.Client, rounds *atomic.Int64) {
	for round := int64(1); ; round++ {
		value := bytes.Repeat(fmt.Appendf(nil, "%08d", round), sweptBytes/8)
		for i := 0; i < sweptKeys; {
			_, err := c.Propose(ctx, kv.EncodePut(fmt.Appendf(nil, "swept/%03d", i), value))
			if ctx.Err() != nil {
				return
			}
			if err == nil { // again otherwise: the same value does no harm
				i++
			}
		}
		rounds.Store(round)
	}
}

// readSwept reads all keys in chunks, and calls begun after the first one. The error is
// why the answer is not whole.
func readSwept(t *testing.T, c *client.Client, level client.Consistency, begun func()) error {
	t.Helper()
	prefix := []byte("swept/")
	chunks, err := c.QueryStream(t.Context(), kv.EncodeRange(kv.Range{Key: prefix, End: kv.PrefixEnd(prefix)}), level)
	if err != nil {
		return err
	}
	defer chunks.Close()
	var d kv.Chunks
	var all []kv.Entry
	for first := true; ; first = false {
		chunk, err := chunks.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if first {
			begun()
		}
		entries, err := d.Add(chunk)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, entries...)
	}
	revision, _, err := d.End()
	if err != nil {
		t.Fatal(err)
	}
	oneState(t, revision, all)
	return nil
}

// oneState fails the test unless the entries are those of one revision.
func oneState(t *testing.T, revision uint64, all []kv.Entry) {
	t.Helper()
	if len(all) != sweptKeys {
		t.Fatalf("%d keys at revision %d, want %d", len(all), revision, sweptKeys)
	}
	first, last := string(all[0].Value[:8]), string(all[len(all)-1].Value[:8])
	steps := 0
	for i, e := range all {
		if e.ModRevision > revision {
			t.Fatalf("%s is of revision %d, the answer of %d", e.Key, e.ModRevision, revision)
		}
		if i > 0 && !bytes.Equal(e.Value[:8], all[i-1].Value[:8]) {
			steps++
		}
	}
	if steps > 1 || steps == 1 && first <= last {
		t.Fatalf("at revision %d the keys change their round %d times, from %s to %s", revision, steps, first, last)
	}
}

// An answer in chunks is whole and of one revision, or it ends with an error that says
// why: under writes, and while state machines and a host are killed.
func TestAnAnswerInChunksIsWholeOrAnError(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	ctx, cancel := context.WithCancel(t.Context())
	var rounds atomic.Int64
	swept := make(chan struct{})
	writer := c.nodes[0].dial()
	go func() {
		defer close(swept)
		sweep(ctx, writer, &rounds)
	}()
	eventually(t, "all keys are written", func() bool { return rounds.Load() > 0 })
	for _, n := range c.nodes {
		reader, err := client.New(client.Options{Endpoints: []string{n.client}, AnyMember: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { reader.Close() })
		for _, level := range []client.Consistency{client.Linearizable, client.Stale} {
			if err := readSwept(t, reader, level, func() {}); err != nil {
				t.Errorf("%s: %v", n, err)
			}
		}
		err = readSwept(t, reader, client.Stale, func() {
			n.awaitReplaced(n.signalPlugin("statemachine", syscall.SIGKILL))
		})
		if reason := client.Reason(err); reason != "not_ready" || !client.IsNotApplied(err) {
			t.Errorf("%s: with its state machine the answer ended with %v", n, err)
		}
		n.awaitReady()
		eventually(t, n.name+" answers again", func() bool { return readSwept(t, reader, client.Linearizable, func() {}) == nil })
	}
	last := c.nodes[len(c.nodes)-1]
	err := readSwept(t, last.dial(), client.Stale, last.kill)
	if err == nil || !client.IsNotApplied(err) {
		t.Errorf("with its host the answer ended with %v", err)
	}
	last.startReady()
	cancel()
	<-swept
	c.stop()
}
