//go:build linux

package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pontoon-raft/pontoon/plugins"
	"github.com/pontoon-raft/pontoon/plugins/backend"
	"github.com/pontoon-raft/pontoon/plugins/statemachine"
)

// sluggishMachine is a state machine that is as quick as a file says: its bytes a
// second, for applies and restores. It keeps a hash of what it has applied, so that
// it needs no memory, and its snapshots have as much ballast as another file says.
// This test binary serves it, as a third party's plugin.
type sluggishMachine struct {
	mu             sync.Mutex
	applied, count uint64
	sum            [sha256.Size]byte
}

const (
	sluggishName    = "sluggish"
	sluggishPace    = "SLUGGISH_PACE"    // the path of a file; none or 0 in it: without a limit
	sluggishBallast = "SLUGGISH_BALLAST" // the same for snapshots
	sluggishHead    = 16 + sha256.Size   // of a snapshot, before the ballast
)

func sluggishBackend() backend.Backend {
	return backend.StateMachine(sluggishName, func(backend.Env) statemachine.StateMachine { return &sluggishMachine{} })
}

// setting reads a number from the file that a variable of the environment names.
func setting(variable string) int64 {
	raw, _ := os.ReadFile(os.Getenv(variable))
	n, _ := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	return n
}

// pace takes as long as so many bytes need now.
func pace(ctx context.Context, size int) {
	began, poll := time.Now(), time.NewTicker(5*time.Millisecond)
	defer poll.Stop()
	for ctx.Err() == nil {
		rate := setting(sluggishPace)
		if rate <= 0 || time.Since(began).Seconds()*float64(rate) >= float64(size) {
			return
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
		}
	}
}

func (m *sluggishMachine) Describe() plugins.Info {
	return plugins.Info{Kind: plugins.StateMachine, Name: sluggishName, Version: "1.0.0", Protocols: []uint32{plugins.ProtocolVersion}}
}

func (m *sluggishMachine) Open(context.Context, plugins.Options) (uint64, error) { return 0, nil }

func (m *sluggishMachine) Close(context.Context) error { return nil }

func (m *sluggishMachine) Apply(ctx context.Context, b statemachine.Batch) ([]statemachine.Result, error) {
	size := 0
	for i := range b.Entries {
		size += len(b.Entries[i].Data)
	}
	pace(ctx, size)
	m.mu.Lock()
	defer m.mu.Unlock()
	results := make([]statemachine.Result, len(b.Entries))
	for i, e := range b.Entries {
		if e.Index <= m.applied {
			results[i].Skipped = true
			continue
		}
		m.applied, m.count = e.Index, m.count+1
		m.sum = sha256.Sum256(append(m.sum[:], e.Data...))
	}
	m.applied = max(m.applied, b.Through)
	return results, nil
}

// Query answers every query with the number of entries and their hash.
func (m *sluggishMachine) Query(context.Context, []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Appendf(nil, "%d %x", m.count, m.sum), nil
}

func (m *sluggishMachine) PrepareSnapshot(context.Context) (statemachine.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	head := binary.BigEndian.AppendUint64(nil, m.applied)
	head = binary.BigEndian.AppendUint64(head, m.count)
	return sluggishSnapshot{m.applied, append(head, m.sum[:]...)}, nil
}

type sluggishSnapshot struct {
	index uint64
	head  []byte
}

func (s sluggishSnapshot) Index() uint64 { return s.index }
func (s sluggishSnapshot) Release()      {}

func (s sluggishSnapshot) Save(_ context.Context, w io.Writer) error {
	if _, err := w.Write(s.head); err != nil {
		return err
	}
	piece := bytes.Repeat([]byte("ballast "), 8<<10)
	for left := setting(sluggishBallast); left > 0; left -= int64(len(piece)) {
		if _, err := w.Write(piece[:min(left, int64(len(piece)))]); err != nil {
			return err
		}
	}
	return nil
}

func (m *sluggishMachine) Restore(ctx context.Context, _ uint64, r io.Reader) error {
	head := make([]byte, sluggishHead)
	if _, err := io.ReadFull(r, head); err != nil {
		return fmt.Errorf("%w: %w", statemachine.ErrBadSnapshot, err)
	}
	for piece := make([]byte, 64<<10); ; {
		n, err := r.Read(piece)
		pace(ctx, n)
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.applied, m.count = binary.BigEndian.Uint64(head), binary.BigEndian.Uint64(head[8:])
	m.sum = [sha256.Size]byte(head[16:])
	return nil
}

func (n *node) file(name string) string { return filepath.Join(filepath.Dir(n.config), name) }

// pace makes the state machine of a node apply so many bytes a second; 0 is all
// it can.
func (n *node) pace(rate int64) { n.write(n.file("pace"), fmt.Sprint(rate)) }
