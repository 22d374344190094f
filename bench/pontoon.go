package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pontoon-raft/pontoon/client"
	"github.com/pontoon-raft/pontoon/client/kv"
)

// pontoon is a cluster of three host processes, loaded through one client of package client from this
// process, over one stream, or through one for each follower. With plugins out of process there are nine plugin processes besides.
type pontoon struct {
	name       string
	executable string
	isolation  string
	secure     bool // TLS between members, and between them and their client

	through string // see cluster

	nodes   []*process
	client  *client.Client
	writers []*client.Client // of which each client of the load has one
}

var _ system = (*pontoon)(nil)

// newPontoon prepares a cluster of the built host with its plugins out of process.
func newPontoon(c cluster) *pontoon {
	return &pontoon{name: namePontoon, executable: c.host, through: c.through}
}

// newPontoonInproc prepares one whose hosts run the plugins inside themselves.
func newPontoonInproc(c cluster) *pontoon {
	return &pontoon{name: namePontoonInproc, executable: c.host, isolation: "inproc", through: c.through}
}

// newPontoonTLSCluster prepares one of newPontoon's whose members speak TLS to each other and to their
// client, with certificates on both sides.
func newPontoonTLSCluster(c cluster) *pontoon {
	return &pontoon{name: namePontoonTLS, executable: c.host, secure: true, through: c.through}
}

// Name implements system.
func (p *pontoon) Name() string { return p.name }

// Start implements system.
func (p *pontoon) Start(ctx context.Context, dir string) error {
	members, err := newPontoonMembers()
	if err != nil {
		return err
	}
	var certificates *pontoonTLS
	if p.secure {
		if certificates, err = newPontoonTLS(filepath.Join(dir, "certificates"), members); err != nil {
			return err
		}
	}
	endpoints, err := p.startNodes(dir, members, certificates)
	if err != nil {
		return err
	}
	options, err := certificates.options(endpoints)
	if err != nil {
		return err
	}
	if p.client, err = client.New(options); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	if err := p.waitForLeader(ctx, endpoints); err != nil {
		return err
	}
	p.writers = []*client.Client{p.client}
	if p.spreads() {
		if p.writers, err = p.dialEach(ctx, endpoints, options); err != nil {
			return err
		}
	}
	return p.Propose(ctx, 0, []byte("connect"), nil)
}

// startNodes writes each node's config file, starts the hosts and returns their addresses for clients.
func (p *pontoon) startNodes(dir string, members []pontoonMember, certificates *pontoonTLS) (endpoints []string, err error) {
	for _, self := range members {
		text, err := pontoonConfig{
			Self: self, Members: members, DataDir: filepath.Join(dir, self.Name), Isolation: p.isolation, TLS: certificates,
		}.text()
		if err != nil {
			return nil, fmt.Errorf("config of %s: %w", self.Name, err)
		}
		path := filepath.Join(dir, self.Name+".yaml")
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return nil, fmt.Errorf("write config of %s: %w", self.Name, err)
		}
		node, err := startProcess("host "+self.Name, p.executable, "serve", "--config", path, "--stop-on-stdin-eof")
		if err != nil {
			return nil, err
		}
		p.nodes = append(p.nodes, node)
		endpoints = append(endpoints, self.ClientAddress)
	}
	return endpoints, nil
}

// waitForLeader returns as soon as all nodes answer and agree on a leader.
func (p *pontoon) waitForLeader(ctx context.Context, endpoints []string) error {
	for {
		err := p.agreeOnLeader(ctx, endpoints)
		if err == nil {
			return nil
		}
		for _, node := range p.nodes {
			if err := node.exited(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for the leader: %w: %w", ctx.Err(), err)
		case <-time.After(statusInterval):
		}
	}
}

// agreeOnLeader asks every node once who leads.
func (p *pontoon) agreeOnLeader(ctx context.Context, endpoints []string) error {
	var leader string
	for _, endpoint := range endpoints {
		ctx, cancel := context.WithTimeout(ctx, statusTime)
		status, err := p.client.Status(ctx, endpoint)
		cancel()
		if err != nil {
			return fmt.Errorf("status of %s: %w", endpoint, err)
		}
		if status.GetLeader() == "" || leader != "" && status.GetLeader() != leader {
			return fmt.Errorf("%s sees leader %q, another node sees %q", endpoint, status.GetLeader(), leader)
		}
		leader = status.GetLeader()
	}
	return nil
}

// spreads tells whether each client of the load goes to one member, whichever leads.
func (p *pontoon) spreads() bool { return p.through == throughFollowers || p.through == throughMembers }

// dialEach makes a client for each member that takes the load, which goes to no other one. With an
// error it returns those that it has made: Stop closes them.
func (p *pontoon) dialEach(ctx context.Context, endpoints []string, options client.Options) (list []*client.Client, err error) {
	for _, endpoint := range endpoints {
		status, err := p.client.Status(ctx, endpoint)
		if err != nil {
			return list, fmt.Errorf("status of %s: %w", endpoint, err)
		}
		if p.through == throughFollowers && status.GetId() == status.GetLeader() {
			continue
		}
		options.Endpoints, options.AnyMember = []string{endpoint}, true
		c, err := client.New(options)
		if err != nil {
			return list, fmt.Errorf("make a client of %s: %w", endpoint, err)
		}
		list = append(list, c)
	}
	return list, nil
}

// Propose implements system with a put of the shipped key-value state machine.
func (p *pontoon) Propose(ctx context.Context, i int, key, value []byte) error {
	result, err := p.writers[i%len(p.writers)].Propose(ctx, kv.EncodePut(key, value))
	if err != nil {
		return err
	}
	if result.Error != "" {
		return fmt.Errorf("the state machine refused a put: %s", result.Error)
	}
	return nil
}

// Stop implements system.
func (p *pontoon) Stop() error {
	var err error
	if p.client != nil {
		err = p.client.Close()
	}
	if p.spreads() {
		for _, c := range p.writers {
			err = errors.Join(err, c.Close())
		}
	}
	return errors.Join(err, stopAll(p.nodes))
}
