package main

import (
	"context"
	"fmt"
	"strings"
)

// Names of the systems, as given to -systems and printed in the table.
const (
	namePontoon       = "pontoon"
	namePontoonTLS    = "pontoon-tls"
	namePontoonInproc = "pontoon-inproc"
	nameEtcd          = "etcd"
	nameHashicorp     = "hashicorp"
)

// system is one three-node cluster that can be loaded with writes.
//
// Start is called once, then Propose by many goroutines at the same time, then Stop once. Stop is also
// called when Start failed, and ends everything that Start began.
type system interface {
	// Name is the system's name in the table.
	Name() string

	// Start brings up three nodes that keep their data below dir, which exists and is empty, and
	// returns when the cluster has a leader and the load can begin. The nodes listen on loopback only.
	Start(ctx context.Context, dir string) error

	// Propose writes value under key and returns when the system acknowledged the write: it is then
	// on disk, with fsync, on a majority of the nodes. Client is the number of the calling closed-loop
	// client; a system that spreads clients over connections does so by this number. Propose does not
	// keep key or value after it has returned.
	Propose(ctx context.Context, client int, key, value []byte) error

	// Stop ends the nodes, waits until they are gone and releases what Start opened.
	Stop() error
}

// cluster says what a system is to be built for.
type cluster struct {
	// clients is the number of closed-loop clients that will call Propose.
	clients int
	// executable is the path of this program, which starts again as the nodes of etcd.
	executable string
	// host is the path of Pontoon's host; empty if no system of this run needs it.
	host string
	// etcdConnections is the number of gRPC connections etcd's load is spread over; 0 lets the
	// number of clients decide.
	etcdConnections int
	// through is which of Pontoon's members take the load: throughLeader, throughFollowers
	// or throughMembers.
	through string
}

// The members that the load on Pontoon goes to, by turns.
const (
	throughLeader    = "leader"
	throughFollowers = "followers"
	throughMembers   = "members"
)

// systemNames lists all systems in the order of the table.
func systemNames() []string {
	return []string{namePontoon, namePontoonTLS, namePontoonInproc, nameEtcd, nameHashicorp}
}

// newSystem builds the named system without starting it.
func newSystem(name string, c cluster) (system, error) {
	switch name {
	case namePontoon:
		return newPontoon(c), nil
	case namePontoonTLS:
		return newPontoonTLSCluster(c), nil
	case namePontoonInproc:
		return newPontoonInproc(c), nil
	case nameEtcd:
		return newEtcd(c), nil
	case nameHashicorp:
		return newHashicorp(), nil
	default:
		return nil, fmt.Errorf("unknown system %q: known are %s", name, strings.Join(systemNames(), ", "))
	}
}
