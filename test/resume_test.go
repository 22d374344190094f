//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A snapshot outlives the transport that brings it: whenever the receiver's is killed, the
// rest comes by the next one, and no byte that has reached the host comes again, unless the
// sender has a newer snapshot by then.
func TestASnapshotOutlivesItsTransport(t *testing.T) {
	t.Parallel()
	for transport, example := range map[string]string{"http": "local3", "quic": "quic3"} {
		t.Run(transport, func(t *testing.T) {
			c := newClusterOf(t, example, "n")
			for _, n := range c.nodes {
				n.settings = []string{"raft.catch_up_entries=10", "raft.snapshot_log_bytes=1MiB"}
				if transport == "http" {
					n.rewrite("name: http", fmt.Sprintf("name: http\n    config: {snapshot_rate: %d}", pacedRate))
				} else {
					n.rewrite("snapshot_rate: 52428800", fmt.Sprintf("snapshot_rate: %d", pacedRate))
				}
			}
			c.start()
			sender := c.leader()
			receiver := c.others(sender)[0]
			receiver.missTooMuch(t, sender)
			for broken := range 2 {
				receiver.await("to have more of a snapshot", func() bool { return receiver.partBytes() > int64(broken+1)<<20 })
				before := receiver.signalPlugin("transport", syscall.SIGKILL)
				receiver.awaitReplaced(before)
			}
			receiver.await("to install it", func() bool { return strings.Contains(receiver.host.Log(), `"snapshot installed"`) })
			kept := receiver.logged("the beginning of a snapshot is kept for its rest")
			received := receiver.logged("receiving a snapshot")
			if len(kept) < 2 || len(received) != len(kept)+1 {
				t.Fatalf("parts %v were kept, and snapshots %v received", kept, received)
			}
			rests := 0
			for i, part := range kept {
				next, offset := received[i+1], part["bytes"]
				if next["index"] == part["index"] {
					rests++
				} else {
					offset = 0.0 // the sender has a newer snapshot by now
				}
				if next["offset"] != offset {
					t.Errorf("%v was kept, and then received %v", part, next)
				}
			}
			if rests == 0 {
				t.Errorf("no snapshot went on where it broke: %v, %v", kept, received)
			}
			c.stop()
		})
	}
}

// partBytes is the size of the snapshot that a node's storage has not finished.
func (n *node) partBytes() (size int64) {
	parts, err := filepath.Glob(filepath.Join(n.data, "storage", "*.part"))
	if err != nil {
		n.t.Fatal(err)
	}
	for _, part := range parts {
		if info, err := os.Stat(part); err == nil {
			size = max(size, info.Size())
		}
	}
	return size
}

// logged are the lines with this message in the log of this run of a node.
func (n *node) logged(message string) (lines []map[string]any) {
	for line := range strings.SplitSeq(n.host.Log(), "\n") {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) == nil && fields["msg"] == message {
			lines = append(lines, fields)
		}
	}
	return lines
}
