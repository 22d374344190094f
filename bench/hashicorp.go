package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
)

// Settings of hashicorp/raft that differ from its defaults, chosen by measurement to be its best under
// the load of this benchmark; README.md has the comparison.
const (
	// hashicorpBatch is MaxAppendEntries: the most entries of one append and, with BatchApplyCh, the
	// most proposals that one fsync of the leader covers.
	hashicorpBatch = 512
	// hashicorpCache is the number of entries that raft.LogCache keeps for replication, so that the
	// leader doesn't read back from disk what it has just written.
	hashicorpCache = 16384
	// hashicorpPipeline is MaxRPCsInFlight. The default of 2 has at 64 clients a slow mode with half
	// the throughput, which runs fall into by chance.
	hashicorpPipeline = 130
	// hashicorpPool is the transport's MaxPool.
	hashicorpPool = 3
	// hashicorpTimeout is the transport's deadline for one request.
	hashicorpTimeout = 10 * time.Second
	// hashicorpSnapshots is how many snapshots the file store keeps.
	hashicorpSnapshots = 2
)

// hashicorp is a cluster of three hashicorp/raft nodes in this process, with raft-wal as log and stable
// store and TCP between them. The load calls the leader's Apply: hashicorp/raft is a library, and a
// call within the process is its client interface.
type hashicorp struct {
	logger hclog.Logger
	nodes  []*hashicorpNode
	leader atomic.Pointer[raft.Raft]
}

var _ system = (*hashicorp)(nil)

// hashicorpNode is one node and what it has to close.
type hashicorpNode struct {
	raft      *raft.Raft
	transport *raft.NetworkTransport
	log       *wal.WAL
}

// newHashicorp prepares a cluster.
func newHashicorp() *hashicorp {
	return &hashicorp{
		logger: hclog.New(&hclog.LoggerOptions{Name: nameHashicorp, Level: hclog.Error, Output: os.Stderr}),
	}
}

// Name implements system.
func (h *hashicorp) Name() string { return nameHashicorp }

// Start implements system.
func (h *hashicorp) Start(ctx context.Context, dir string) error {
	const n = 3
	var members raft.Configuration
	for i := range n {
		node, err := openHashicorpNode(filepath.Join(dir, fmt.Sprintf("n%d", i+1)), h.logger)
		if err != nil {
			return fmt.Errorf("open node n%d: %w", i+1, err)
		}
		h.nodes = append(h.nodes, node)
		members.Servers = append(members.Servers, raft.Server{
			ID:      raft.ServerID(fmt.Sprintf("n%d", i+1)),
			Address: node.transport.LocalAddr(),
		})
	}
	for i, node := range h.nodes {
		if err := node.start(members, i, filepath.Join(dir, fmt.Sprintf("n%d", i+1)), h.logger); err != nil {
			return fmt.Errorf("start node n%d: %w", i+1, err)
		}
	}
	return h.waitForLeader(ctx)
}

// openHashicorpNode opens a node's log and its listener; its address is needed before any node starts.
func openHashicorpNode(dir string, logger hclog.Logger) (*hashicorpNode, error) {
	logDir := filepath.Join(dir, "wal")
	if err := os.MkdirAll(logDir, 0o755); err != nil {
		return nil, fmt.Errorf("create log directory: %w", err)
	}
	log, err := wal.Open(logDir, wal.WithLogger(logger))
	if err != nil {
		return nil, fmt.Errorf("open raft-wal: %w", err)
	}
	transport, err := raft.NewTCPTransportWithConfig("127.0.0.1:0", nil, &raft.NetworkTransportConfig{
		Logger:          logger,
		MaxPool:         hashicorpPool,
		MaxRPCsInFlight: hashicorpPipeline,
		Timeout:         hashicorpTimeout,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open transport: %w", err), log.Close())
	}
	return &hashicorpNode{transport: transport, log: log}, nil
}

// start bootstraps and starts the node that is members.Servers[self].
func (n *hashicorpNode) start(members raft.Configuration, self int, dir string, logger hclog.Logger) error {
	config := raft.DefaultConfig()
	config.LocalID = members.Servers[self].ID
	config.Logger = logger
	config.BatchApplyCh = true
	config.MaxAppendEntries = hashicorpBatch
	config.NoLegacyTelemetry = true

	cache, err := raft.NewLogCache(hashicorpCache, n.log)
	if err != nil {
		return fmt.Errorf("make log cache: %w", err)
	}
	snapshots, err := raft.NewFileSnapshotStoreWithLogger(dir, hashicorpSnapshots, logger)
	if err != nil {
		return fmt.Errorf("open snapshot store: %w", err)
	}
	if err := raft.BootstrapCluster(config, cache, n.log, snapshots, n.transport, members); err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	if n.raft, err = raft.NewRaft(config, newHashicorpStore(), cache, n.log, snapshots, n.transport); err != nil {
		return fmt.Errorf("start raft: %w", err)
	}
	return nil
}

// waitForLeader returns when a node leads and an entry of its own term is committed.
func (h *hashicorp) waitForLeader(ctx context.Context) error {
	for {
		if h.findLeader(); h.leader.Load() != nil {
			if err := h.leader.Load().Barrier(0).Error(); err == nil {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for a leader: %w", ctx.Err())
		case <-time.After(statusInterval):
		}
	}
}

// findLeader remembers the node that leads now, if there is one.
func (h *hashicorp) findLeader() {
	for _, node := range h.nodes {
		if node.raft.State() == raft.Leader {
			h.leader.Store(node.raft)
		}
	}
}

// Propose implements system with Apply on the leader. Apply takes no context; it ends with an error when
// leadership is lost.
func (h *hashicorp) Propose(_ context.Context, _ int, key, value []byte) error {
	err := h.leader.Load().Apply(encodeWrite(key, value), 0).Error()
	if err != nil {
		h.findLeader()
	}
	return err
}

// Stop implements system: all nodes leave raft before the first log is closed. Their
// logs about each other's end are not shown.
func (h *hashicorp) Stop() error {
	h.logger.SetLevel(hclog.Off)
	var stopped []raft.Future
	for _, node := range h.nodes {
		if node.raft != nil {
			stopped = append(stopped, node.raft.Shutdown())
		}
	}
	var errs []error
	for _, future := range stopped {
		errs = append(errs, future.Error())
	}
	for _, node := range h.nodes {
		errs = append(errs, node.transport.Close(), node.log.Close())
	}
	return errors.Join(errs...)
}
