package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/pontoon-raft/pontoon/internal/loopback"
)

const (
	// statusInterval is the pause between two looks at whether a cluster has a leader.
	statusInterval = 50 * time.Millisecond
	// statusTime bounds one such look.
	statusTime = time.Second
)

// etcd is a cluster of three etcd processes, loaded through clientv3 from this process.
//
// All clients talk to the leader, as etcd's own benchmark does with --target-leader: a put sent to a
// follower is forwarded, and the p99 is worse when clients are spread over all members.
type etcd struct {
	executable  string
	connections int

	nodes   []*process
	clients []*clientv3.Client
}

var _ system = (*etcd)(nil)

// newEtcd prepares a cluster whose nodes are this program in its etcd-node mode.
func newEtcd(c cluster) *etcd {
	connections := c.etcdConnections
	if connections == 0 {
		connections = etcdConnections(c.clients)
	}
	return &etcd{executable: c.executable, connections: connections}
}

// etcdConnections is the number of clientv3 clients, each with one gRPC connection, for this many
// closed-loop clients. One connection has one reader and one writer goroutine, so more CPUs can use more
// of them; on two CPUs 1 to 16 connections did equally well and 64 worse.
func etcdConnections(clients int) int {
	return min(clients, 2*runtime.GOMAXPROCS(0))
}

// Name implements system.
func (e *etcd) Name() string { return nameEtcd }

// Start implements system.
func (e *etcd) Start(ctx context.Context, dir string) error {
	endpoints, err := e.startNodes(dir)
	if err != nil {
		return err
	}
	leader, err := e.waitForLeader(ctx, endpoints)
	if err != nil {
		return err
	}
	for range e.connections {
		client, err := dialEtcd(leader)
		if err != nil {
			return err
		}
		e.clients = append(e.clients, client)
		if _, err := client.Get(ctx, "connect"); err != nil {
			return fmt.Errorf("connect to etcd's leader at %s: %w", leader, err)
		}
	}
	return nil
}

// startNodes starts the three processes and returns their client endpoints.
func (e *etcd) startNodes(dir string) (endpoints []string, err error) {
	const n = 3
	var ports loopback.Ports
	var clientAddresses, peerAddresses, members []string
	for i := range n {
		client, errClient := ports.Free()
		peer, errPeer := ports.Free()
		if err := errors.Join(errClient, errPeer); err != nil {
			return nil, err
		}
		clientAddresses, peerAddresses = append(clientAddresses, client), append(peerAddresses, peer)
		members = append(members, fmt.Sprintf("n%d=http://%s", i+1, peer))
	}
	for i := range n {
		name := fmt.Sprintf("n%d", i+1)
		node, err := startProcess("etcd node "+name, e.executable, etcdNodeMode,
			"-name", name,
			"-data-dir", filepath.Join(dir, name),
			"-client-url", "http://"+clientAddresses[i],
			"-peer-url", "http://"+peerAddresses[i],
			"-initial-cluster", strings.Join(members, ","))
		if err != nil {
			return nil, err
		}
		e.nodes = append(e.nodes, node)
	}
	return clientAddresses, nil
}

// waitForLeader returns the leader's endpoint as soon as all nodes answer and agree on it.
func (e *etcd) waitForLeader(ctx context.Context, endpoints []string) (string, error) {
	client, err := dialEtcd(endpoints...)
	if err != nil {
		return "", err
	}
	defer client.Close()
	for {
		leader, err := agreedEtcdLeader(ctx, client, endpoints)
		if err == nil {
			return leader, nil
		}
		for _, node := range e.nodes {
			if err := node.exited(); err != nil {
				return "", err
			}
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("wait for etcd's leader: %w: %w", ctx.Err(), err)
		case <-time.After(statusInterval):
		}
	}
}

// agreedEtcdLeader asks every node once who leads.
func agreedEtcdLeader(ctx context.Context, client *clientv3.Client, endpoints []string) (string, error) {
	var leader string
	var leaderID uint64
	for _, endpoint := range endpoints {
		ctx, cancel := context.WithTimeout(ctx, statusTime)
		status, err := client.Status(ctx, endpoint)
		cancel()
		if err != nil {
			return "", fmt.Errorf("status of %s: %w", endpoint, err)
		}
		if status.Leader == 0 || leaderID != 0 && status.Leader != leaderID {
			return "", fmt.Errorf("%s sees leader %x, another node sees %x", endpoint, status.Leader, leaderID)
		}
		leaderID = status.Leader
		if status.Header.MemberId == leaderID {
			leader = endpoint
		}
	}
	return leader, nil
}

// dialEtcd makes a client without logging; it connects on first use.
func dialEtcd(endpoints ...string) (*clientv3.Client, error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints, Logger: zap.NewNop()})
	if err != nil {
		return nil, fmt.Errorf("make an etcd client for %v: %w", endpoints, err)
	}
	return client, nil
}

// Propose implements system with a Put.
func (e *etcd) Propose(ctx context.Context, client int, key, value []byte) error {
	_, err := e.clients[client%len(e.clients)].Put(ctx, string(key), string(value))
	return err
}

// Stop implements system.
func (e *etcd) Stop() error {
	var errs []error
	for _, client := range e.clients {
		errs = append(errs, client.Close())
	}
	return errors.Join(append(errs, stopAll(e.nodes))...)
}
